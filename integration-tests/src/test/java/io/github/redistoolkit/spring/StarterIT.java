package io.github.redistoolkit.spring;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.RedisLocks;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.stream.DurableSubscription;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.commons.pool2.BasePooledObjectFactory;
import org.apache.commons.pool2.PooledObject;
import org.apache.commons.pool2.impl.DefaultPooledObject;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.beans.factory.config.DestructionAwareBeanPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.context.annotation.ImportCandidates;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.context.runner.ReactiveWebApplicationContextRunner;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.context.ApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/** The beans that an application gets, over a real Redis. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class StarterIT {

  private static final String METADATA = "META-INF/spring-configuration-metadata.json";

  private final TestRedis redis;
  private final String id;

  /** With nothing but the toolkit. */
  private final ApplicationContextRunner bare =
      new ApplicationContextRunner()
          .withConfiguration(AutoConfigurations.of(RedisToolkitAutoConfiguration.class));

  /** With the pool or client of this suite. */
  private final ApplicationContextRunner application;

  StarterIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("id");
    // Whose tests go on with it when a context has closed.
    this.application =
        redis.over(
            pool ->
                bare.withBean(
                    "pool", Pool.class, () -> pool, bean -> bean.setDestroyMethodName("")),
            client ->
                bare.withBean(
                    "client",
                    UnifiedJedis.class,
                    () -> client,
                    bean -> bean.setDestroyMethodName("")));
  }

  @Test
  void theBeansAreThereAndWorkOnTheApplicationsOwnPoolOrClient() {
    application
        .withPropertyValues(
            "redis.toolkit.ratelimit.limits.api=2/1h,5/2h",
            "redis.toolkit.ratelimit.limits.logins=1/1d")
        .run(
            context -> {
              RateLimiter api = context.getBean("apiRateLimiter", RateLimiter.class);
              assertThat(
                  api.limits(),
                  is(
                      List.of(
                          Limit.of(2, Duration.ofHours(1)).named("api-2-per-1h"),
                          Limit.of(5, Duration.ofHours(2)).named("api-5-per-2h"))));
              assertThat(api.isAllowed(id), is(true));
              assertThat(redis.admin().exists("rl:api:{" + id + "}"), is(true));
              assertThat(
                  context.getBean("loginsRateLimiter", RateLimiter.class).limits().size(), is(1));
              IdempotencyService service = context.getBean(IdempotencyService.class);
              assertThat(service.execute(id, String.class, claim -> "done"), is("done"));
              assertThat(
                  redis.admin().ttl(service.redisKey(id)), is(Duration.ofDays(1).toSeconds()));
              RedisLocks locks = context.getBean(RedisLocks.class);
              assertThat(
                  locks.lock(id, Duration.ofSeconds(5)).tryAcquire().orElseThrow().release(),
                  is(true));
              assertThat(context.getBeansOfType(Pool.class).size() + clients(context), is(1));
            });
  }

  private static int clients(ApplicationContext context) {
    return context.getBeansOfType(UnifiedJedis.class).size();
  }

  @Test
  void idempotencyIsAsThePropertiesSay() {
    application
        .withPropertyValues(
            "redis.toolkit.idempotency.name=payments", "redis.toolkit.idempotency.ttl=10m")
        .run(
            context -> {
              IdempotencyService service = context.getBean(IdempotencyService.class);
              assertThat(service.storeRequest(id, "done"), is(true));
              assertThat(service.redisKey(id), containsString(":payments:"));
              assertThat(redis.admin().ttl(service.redisKey(id)), is(600L));
            });
  }

  @Test
  void whatTheApplicationDefinesStays() {
    IdempotencyService own =
        redis.over(
            p -> new IdempotencyService(p, "own", Duration.ofHours(1)),
            c -> new IdempotencyService(c, "own", Duration.ofHours(1)));
    application
        .withBean(IdempotencyService.class, () -> own)
        .run(
            context ->
                assertThat(context.getBean(IdempotencyService.class), is(sameInstance(own))));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "redis.toolkit.ratelimit.limits.api | 100",
        "redis.toolkit.ratelimit.limits.api | 100/1m,",
        "redis.toolkit.ratelimit.limits.api | x/1m",
        "redis.toolkit.ratelimit.limits.api | 0/1m",
        "redis.toolkit.ratelimit.limits.api | 100/soon",
        "redis.toolkit.ratelimit.limits.api | 100/1m,200/60s",
        "redis.toolkit.ratelimit.on-unavailable | maybe",
        "redis.toolkit.idempotency.ttl | 0s",
        "redis.toolkit.idempotency.lease | 99999d",
        "redis.toolkit.idempotency.name | a:b"
      })
  void whatIsMalformedFailsTheStartWithItsProperty(String property, String value) {
    application
        .withPropertyValues(property + "=" + value)
        .run(
            context -> {
              assertThat(context.getStartupFailure(), is(not(nullValue())));
              assertThat(messages(context.getStartupFailure()), containsString(property));
            });
  }

  static String messages(Throwable failure) {
    StringBuilder all = new StringBuilder();
    for (Throwable each = failure; each != null; each = each.getCause()) {
      all.append(each).append('\n');
    }
    return all.toString();
  }

  @Test
  void bootFindsTheAutoConfiguration() {
    assertThat(
        ImportCandidates.load(AutoConfiguration.class, getClass().getClassLoader()).getCandidates(),
        hasItem(RedisToolkitAutoConfiguration.class.getName()));
  }

  @Test
  void anApplicationWithoutRedisIsToldWhatToDefine() {
    bare.run(
        context ->
            assertThat(
                messages(context.getStartupFailure()),
                containsString("define a bean of a UnifiedJedis or a Pool<Jedis>")));
  }

  /** What a {@code @ServiceConnection} or the properties give. */
  private static DataRedisConnectionDetails details(HostAndPort server) {
    return new DataRedisConnectionDetails() {
      @Override
      public Standalone getStandalone() {
        return Standalone.of(server.getHost(), server.getPort());
      }
    };
  }

  @Test
  void withoutAClientOneIsMadeFromTheConnectionDetailsAndClosedAtTheEnd() {
    List<Pool<?>> made = new ArrayList<>();
    bare.withBean(DataRedisConnectionDetails.class, () -> details(redis.address()))
        .withPropertyValues(
            "redis.toolkit.ratelimit.limits.api=2/1h", "spring.data.redis.client-name=shop")
        .run(
            context -> {
              assertThat(
                  context.getBean("apiRateLimiter", RateLimiter.class).isAllowed(id), is(true));
              made.add(context.getBean(Pool.class));
              assertThat(redis.admin().exists("rl:api:{" + id + "}"), is(true));
            });
    assertThat(made.get(0).isClosed(), is(true));
  }

  @Test
  void aPoolOfSomethingElseIsNoPoolOfTheApplicationsForRedis() {
    bare.withBean(DataRedisConnectionDetails.class, () -> details(redis.address()))
        .withUserConfiguration(PoolOfWords.class)
        .run(
            context -> {
              assertThat(context.getBeansOfType(Pool.class).size(), is(2));
              assertThat(
                  context
                      .getBean(RedisLocks.class)
                      .lock(id, Duration.ofSeconds(5))
                      .tryAcquire()
                      .orElseThrow()
                      .release(),
                  is(true));
            });
  }

  /** An application that pools something, and not what leads to Redis. */
  @Configuration(proxyBeanMethods = false)
  static class PoolOfWords {

    @Bean
    Pool<String> words() {
      return new Pool<>(
          new BasePooledObjectFactory<String>() {
            @Override
            public String create() {
              return "word";
            }

            @Override
            public PooledObject<String> wrap(String word) {
              return new DefaultPooledObject<>(word);
            }
          });
    }
  }

  @Test
  void aPoolOfTheApplicationsThatSaysWhatIsInItIsTheOnlyOne() {
    bare.withBean(DataRedisConnectionDetails.class, () -> details(redis.address()))
        .withBean(HostAndPort.class, redis::address)
        .withUserConfiguration(PoolOfConnections.class)
        .run(context -> assertThat(context.getBeansOfType(Pool.class).keySet(), is(Set.of("own"))));
  }

  /** An application that has its own way to Redis. */
  @Configuration(proxyBeanMethods = false)
  static class PoolOfConnections {

    @Bean
    Pool<Jedis> own(HostAndPort server) {
      return new Pool<>(
          new BasePooledObjectFactory<Jedis>() {
            @Override
            public Jedis create() {
              return new Jedis(server);
            }

            @Override
            public PooledObject<Jedis> wrap(Jedis jedis) {
              return new DefaultPooledObject<>(jedis);
            }
          });
    }
  }

  @Test
  void detailsOfAClusterThatThePropertiesDoNotNameAreRefused() {
    DataRedisConnectionDetails cluster =
        new DataRedisConnectionDetails() {
          @Override
          public Cluster getCluster() {
            return Collections::emptyList;
          }
        };
    bare.withBean(DataRedisConnectionDetails.class, () -> cluster)
        .run(
            context ->
                assertThat(
                    messages(context.getStartupFailure()),
                    containsString("define a bean of a RedisClusterClient")));
  }

  @Test
  void aContainersDetailsGoBeforeTheClusterOfTheProperties() {
    bare.withBean(DataRedisConnectionDetails.class, () -> details(redis.address()))
        .withPropertyValues(
            "redis.toolkit.ratelimit.limits.api=2/1h", "spring.data.redis.cluster.nodes=nowhere:1")
        .run(
            context ->
                assertThat(
                    context.getBean("apiRateLimiter", RateLimiter.class).isAllowed(id), is(true)));
  }

  @Test
  void pathsBeforeWhichNoFilterCanStandFailTheStart() {
    WebApplicationContextRunner without =
        new WebApplicationContextRunner()
            .withClassLoader(new FilteredClassLoader("io.github.redistoolkit.servlet"))
            .withConfiguration(AutoConfigurations.of(RedisToolkitAutoConfiguration.class))
            .withBean(DataRedisConnectionDetails.class, () -> details(redis.address()));
    without
        .withPropertyValues("redis.toolkit.idempotency.http.paths=/payments")
        .run(
            context ->
                assertThat(
                    messages(context.getStartupFailure()),
                    containsString("it needs redis-servlet on the class path")));
    without.run(context -> assertThat(context.getStartupFailure(), is(nullValue())));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "redis.toolkit.ratelimit.http.api=/api/*",
        "redis.toolkit.idempotency.http.paths=/payments",
        "redis.toolkit.idempotency.http.methods=PUT"
      })
  void aReactiveApplicationIsToldThatNoFilterStandsBeforeItsPaths(String setting) {
    reactive()
        .withPropertyValues("redis.toolkit.ratelimit.limits.api=2/1h", setting)
        .run(
            context -> {
              String messages = messages(context.getStartupFailure());
              assertThat(
                  messages, containsString(setting.substring(0, setting.indexOf("http") + 4)));
              assertThat(messages, containsString("it needs a servlet application"));
            });
    // The same without it on the class path, which makes no difference.
    reactive()
        .withClassLoader(new FilteredClassLoader("io.github.redistoolkit.servlet"))
        .withPropertyValues("redis.toolkit.ratelimit.limits.api=2/1h", setting)
        .run(
            context ->
                assertThat(
                    messages(context.getStartupFailure()),
                    containsString("it needs a servlet application")));
  }

  @Test
  void aReactiveApplicationThatAsksForNoFilterHasTheBeans() {
    reactive()
        .withPropertyValues("redis.toolkit.ratelimit.limits.api=2/1h")
        .run(
            context ->
                assertThat(
                    context.getBean("apiRateLimiter", RateLimiter.class).isAllowed(id), is(true)));
  }

  @Test
  void anApplicationWithoutHttpMayHaveThePropertiesOfOneThatServesIt() {
    application
        .withPropertyValues(
            "redis.toolkit.ratelimit.limits.api=2/1h", "redis.toolkit.ratelimit.http.api=/api/*")
        .run(context -> assertThat(context.getStartupFailure(), is(nullValue())));
  }

  private ReactiveWebApplicationContextRunner reactive() {
    return new ReactiveWebApplicationContextRunner()
        .withConfiguration(AutoConfigurations.of(RedisToolkitAutoConfiguration.class))
        .withBean(DataRedisConnectionDetails.class, () -> details(redis.address()));
  }

  @Test
  void pubSubAndTopicsAreClosedBeforeTheClientAndTakeNoMessageAfterwards() {
    List<Subscription> subscriptions = new ArrayList<>();
    List<DurableSubscription> durable = new ArrayList<>();
    Closings closings = new Closings();
    bare.withBean(DataRedisConnectionDetails.class, () -> details(redis.address()))
        .withPropertyValues(
            "redis.toolkit.streams.notes.type=java.lang.String",
            "redis.toolkit.streams.notes.name=" + id)
        .withInitializer(context -> context.getBeanFactory().addBeanPostProcessor(closings))
        .run(
            context -> {
              RedisPubSub pubsub = context.getBean(RedisPubSub.class);
              subscriptions.add(pubsub.subscribe(id, String.class, message -> {}));
              assertThat(pubsub.isConnected(), is(true));
              @SuppressWarnings("unchecked")
              DurableTopic<String> notes = context.getBean("notesDurableTopic", DurableTopic.class);
              durable.add(notes.subscribe("readers", From.start(), message -> {}));
            });
    assertThat(subscriptions.get(0).isActive(), is(false));
    assertThat(durable.get(0).isActive(), is(false));
    assertThat(
        closings.order, containsInAnyOrder("redisPubSub", "notesDurableTopic", "redisToolkitPool"));
    assertThat(closings.order.get(2), is("redisToolkitPool"));
  }

  /** What an application has beside pub/sub, in no relation to it. */
  static final class Till implements AutoCloseable {

    private final List<String> events = Collections.synchronizedList(new ArrayList<>());

    @Override
    public void close() {
      events.add("till closed");
    }
  }

  @Test
  void whatHasArrivedIsHandledBeforeAnyBeanIsDestroyed() {
    List<String> events = new ArrayList<>();
    application
        .withBean(Till.class)
        .run(
            context -> {
              Till till = context.getBean(Till.class);
              RedisPubSub pubsub = context.getBean(RedisPubSub.class);
              CountDownLatch begun = new CountDownLatch(1);
              AtomicInteger handled = new AtomicInteger();
              pubsub.subscribe(
                  id,
                  String.class,
                  message -> {
                    begun.countDown();
                    // Time enough for beans to be destroyed, if they were.
                    Thread.sleep(500);
                    till.events.add("handled " + handled.incrementAndGet());
                  });
              assertThat(pubsub.publish(id, "1"), is(greaterThanOrEqualTo(1L)));
              assertThat(pubsub.publish(id, "2"), is(greaterThanOrEqualTo(1L)));
              assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
              Awaitility.await().until(() -> pubsub.stats().queued() == 2);
              context.getSourceApplicationContext(ConfigurableApplicationContext.class).close();
              events.addAll(till.events);
            });
    assertThat(events, is(List.of("handled 1", "handled 2", "till closed")));
  }

  /** What is closed, in its order. */
  static final class Closings implements DestructionAwareBeanPostProcessor {

    final List<String> order = new ArrayList<>();

    @Override
    public void postProcessBeforeDestruction(Object bean, String name) {
      order.add(name);
    }

    @Override
    public boolean requiresDestruction(Object bean) {
      return bean instanceof RedisPubSub
          || bean instanceof DurableTopic<?>
          || bean instanceof Pool<?>;
    }
  }

  @Test
  void whatHappensIsMeasuredIfTheApplicationHasARegistry() {
    application
        .withUserConfiguration(Measuring.class)
        .withPropertyValues("redis.toolkit.ratelimit.limits.api=1/1h")
        .run(
            context -> {
              RateLimiter api = context.getBean("apiRateLimiter", RateLimiter.class);
              assertThat(api.isAllowed(id), is(true));
              MeterRegistry registry = context.getBean(MeterRegistry.class);
              assertThat(
                  registry
                      .get("redis.ratelimit.decisions")
                      .tags("limiter", "api", "limit", "api-1-per-1h", "outcome", "allowed")
                      .counter()
                      .count(),
                  is(1.0));
              assertThat(registry.get("redis.idempotency.requests").counters().size(), is(5));
              assertThat(registry.get("redis.lock.lost").counter().count(), is(0.0));
            });
  }

  /** An application that is measured. */
  @Configuration(proxyBeanMethods = false)
  static class Measuring {

    @Bean
    MeterRegistry registry() {
      return new SimpleMeterRegistry();
    }
  }

  @Test
  void idesKnowTheProperties() throws IOException {
    Set<String> known = new TreeSet<>();
    List<String> undescribed = new ArrayList<>();
    for (URL file : Collections.list(ClassLoader.getSystemResources(METADATA))) {
      for (JsonElement property : properties(file)) {
        JsonObject each = property.getAsJsonObject();
        String name = each.get("name").getAsString();
        if (name.startsWith("redis.toolkit.")) {
          known.add(name);
          if (!each.has("description")) {
            undescribed.add(name);
          }
        }
      }
    }
    assertThat(
        known,
        is(
            Set.of(
                "redis.toolkit.idempotency.name",
                "redis.toolkit.idempotency.ttl",
                "redis.toolkit.idempotency.lease",
                "redis.toolkit.idempotency.keep-alive",
                "redis.toolkit.idempotency.http.paths",
                "redis.toolkit.idempotency.http.methods",
                "redis.toolkit.idempotency.http.key-optional",
                "redis.toolkit.idempotency.http.max-body",
                "redis.toolkit.idempotency.http.replayed-headers",
                "redis.toolkit.ratelimit.http",
                "redis.toolkit.ratelimit.limits",
                "redis.toolkit.ratelimit.on-unavailable",
                "redis.toolkit.streams")));
    assertThat(undescribed, is(List.of()));
  }

  @Test
  void itsHealthIsThatOfItsRedis() {
    application.run(
        context -> {
          Health health = context.getBean(HealthIndicator.class).health();
          assertThat(health.getStatus(), is(Status.UP));
          assertThat(health.getDetails(), is(Map.of("answer", "PONG")));
        });
    try (FaultProxy proxy = redis.proxy()) {
      bare.withBean(DataRedisConnectionDetails.class, () -> details(proxy.address()))
          .withPropertyValues("spring.data.redis.timeout=1s")
          .run(
              context -> {
                HealthIndicator indicator = context.getBean(HealthIndicator.class);
                assertThat(indicator.health().getStatus(), is(Status.UP));
                proxy.refuse();
                assertThat(indicator.health().getStatus(), is(Status.DOWN));
              });
    }
  }

  @Test
  void noHealthIsToldIfItIsSwitchedOff() {
    application
        .withPropertyValues("management.health.redis-toolkit.enabled=false")
        .run(context -> assertThat(context.getBeansOfType(HealthIndicator.class).size(), is(0)));
  }

  private static JsonArray properties(URL file) throws IOException {
    try (InputStream in = file.openStream()) {
      return JsonParser.parseReader(new InputStreamReader(in, StandardCharsets.UTF_8))
          .getAsJsonObject()
          .getAsJsonArray("properties");
    }
  }
}
