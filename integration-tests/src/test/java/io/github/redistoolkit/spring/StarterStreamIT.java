package io.github.redistoolkit.spring;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.stream.DurableHandler;
import io.github.redistoolkit.stream.DurableListener;
import io.github.redistoolkit.stream.DurableMessage;
import io.github.redistoolkit.stream.DurableSubscription;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/** The durable topics that an application gets by its properties, over a real Redis. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class StarterStreamIT {

  private static final String GROUP = "billing";

  private final TestRedis redis;
  private final String topic;
  private final ApplicationContextRunner application;

  record Order(String number) {}

  StarterStreamIT(TestRedis redis) {
    this.redis = redis;
    this.topic = redis.unique("orders");
    ApplicationContextRunner bare =
        new ApplicationContextRunner()
            .withConfiguration(AutoConfigurations.of(RedisToolkitAutoConfiguration.class))
            .withPropertyValues(
                "redis.toolkit.streams.orders.type=" + Order.class.getName(),
                "redis.toolkit.streams.orders.name=" + topic);
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

  private static ConditionFactory await() {
    return Awaitility.await().atMost(Duration.ofSeconds(60));
  }

  @SuppressWarnings("unchecked")
  private static DurableTopic<Order> orders(ApplicationContext context) {
    return context.getBean("ordersDurableTopic", DurableTopic.class);
  }

  /** An application that asks for its topic by the type of its messages. */
  @Configuration(proxyBeanMethods = false)
  static class Asking {

    private final BlockingQueue<DurableMessage<Order>> received = new LinkedBlockingQueue<>();

    @Bean
    DurableSubscription subscription(DurableTopic<Order> orders) {
      return orders.subscribe(GROUP, From.start(), received::add);
    }
  }

  @Test
  void aTopicIsABeanOfTheTypeOfItsMessagesAndIsAsThePropertiesSay() {
    application
        .withUserConfiguration(Asking.class)
        .withPropertyValues(
            "redis.toolkit.streams.notes.type=java.lang.String",
            "redis.toolkit.streams.orders.concurrency=2",
            "redis.toolkit.streams.orders.batch=10",
            "redis.toolkit.streams.orders.lease=10s",
            "redis.toolkit.streams.orders.retry-delay=100ms",
            "redis.toolkit.streams.orders.max-deliveries=3",
            "redis.toolkit.streams.orders.close-timeout=2s",
            "redis.toolkit.streams.orders.max-age=1d",
            "redis.toolkit.streams.orders.max-length=2",
            "redis.toolkit.streams.orders.when-full=trim")
        .run(
            context -> {
              DurableTopic<Order> orders = orders(context);
              String id = orders.publish(new Order("12"));
              DurableMessage<Order> message =
                  context.getBean(Asking.class).received.poll(60, TimeUnit.SECONDS);
              assertThat(message.body(), is(new Order("12")));
              assertThat(message.id(), is(id));
              assertThat(orders.name(), is(topic));
              assertThat(
                  context.getBean("notesDurableTopic", DurableTopic.class).name(), is("notes"));
              // The largest length is that of the properties.
              context.getBean(DurableSubscription.class).close();
              for (int i = 0; i < 5; i++) {
                orders.publish(new Order("more"));
              }
              assertThat(orders.read(From.start(), 10).size(), is(2));
            });
  }

  @Test
  void aTopicHasThePartitionsThatThePropertiesSay() {
    application
        .withUserConfiguration(Asking.class)
        .withPropertyValues("redis.toolkit.streams.orders.partitions=2")
        .run(
            context -> {
              String id = orders(context).publish("customer", new Order("12"));
              assertThat(id, matchesPattern(".*@[01]"));
              DurableMessage<Order> message =
                  context.getBean(Asking.class).received.poll(60, TimeUnit.SECONDS);
              assertThat(message.id(), is(id));
            });
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "redis.toolkit.streams.orders.type | com.example.Nowhere | Nowhere",
        "redis.toolkit.streams.orders.type | java.lang.Runnable | Runnable",
        "redis.toolkit.streams.orders.name | '' | name",
        "redis.toolkit.streams.orders.lease | 1ms | lease must be at least",
        "redis.toolkit.streams.orders.lease | soon | soon",
        "redis.toolkit.streams.orders.concurrency | 0 | concurrency must be",
        "redis.toolkit.streams.orders.partitions | 0 | partitions must be",
        "redis.toolkit.streams.orders.batch | 100000 | batch must be",
        "redis.toolkit.streams.orders.retry-delay | 0s | retryDelay must be",
        "redis.toolkit.streams.orders.max-deliveries | x | x",
        "redis.toolkit.streams.orders.handler-timeout | 0s | handlerTimeout must be",
        "redis.toolkit.streams.orders.close-timeout | 2h | closeTimeout must",
        "redis.toolkit.streams.orders.max-age | 0s | maxAge must be",
        "redis.toolkit.streams.orders.max-length | 0 | maxLength must be",
        "redis.toolkit.streams.orders.when-full | trim | there must be a max-length",
        "redis.toolkit.streams.notes.lease | 10s | there must be the class",
      })
  void whatIsMalformedFailsTheStartWithItsProperty(String property, String value, String why) {
    application
        .withPropertyValues(property + "=" + value)
        .run(
            context -> {
              assertThat(context.getStartupFailure(), is(not(nullValue())));
              String messages = StarterIT.messages(context.getStartupFailure());
              String named = property.replace("notes.lease", "notes.type");
              assertThat(messages, containsString(named));
              assertThat(messages, containsString(why));
            });
  }

  /** What an application has beside the topic, in no relation to it. */
  static final class Till implements AutoCloseable {

    private final List<String> events = Collections.synchronizedList(new ArrayList<>());

    @Override
    public void close() {
      events.add("till closed");
    }
  }

  @Test
  void atTheEndHandlersFinishBeforeAnyBeanIsDestroyedAndTheRestIsHandedBackAtOnce()
      throws Exception {
    List<String> events = new ArrayList<>();
    CountDownLatch begun = new CountDownLatch(1);
    DurableTopic<Order> other = other();
    try {
      application
          .withBean(Till.class)
          .withPropertyValues(
              // So long that nothing comes by its end.
              "redis.toolkit.streams.orders.lease=10m",
              "redis.toolkit.streams.orders.close-timeout=30s")
          .run(
              context -> {
                Till till = context.getBean(Till.class);
                DurableTopic<Order> orders = orders(context);
                DurableHandler<Order> slow =
                    message -> {
                      begun.countDown();
                      await().until(() -> isClosing(context));
                      // Time enough for beans to be destroyed, if they were.
                      Thread.sleep(300);
                      orders.publish(new Order("4"));
                      till.events.add("handled " + message.body().number());
                    };
                orders.subscribe(GROUP, From.start(), slow);
                for (int number = 1; number <= 3; number++) {
                  orders.publish(new Order(String.valueOf(number)));
                }
                assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
                context.getSourceApplicationContext(ConfigurableApplicationContext.class).close();
                events.addAll(till.events);
                assertThrows(IllegalStateException.class, () -> orders.publish(new Order("5")));
              });
      assertThat(events, contains("handled 1", "till closed"));
      BlockingQueue<DurableMessage<Order>> received = new LinkedBlockingQueue<>();
      other.subscribe(GROUP, From.now(), received::add);
      for (String number : List.of("2", "3", "4")) {
        DurableMessage<Order> message = received.poll(60, TimeUnit.SECONDS);
        assertThat(message.body().number(), is(number));
        assertThat(message.delivery(), is(1));
      }
    } finally {
      other.close();
    }
  }

  private static boolean isClosing(ApplicationContext context) {
    return !context.getBean(TopicSubscriptions.class).isRunning();
  }

  /** The same topic in another application. */
  private DurableTopic<Order> other() {
    return redis
        .over(
            p -> DurableTopic.builder(p, topic, Order.class),
            c -> DurableTopic.builder(c, topic, Order.class))
        .lease(Duration.ofMinutes(10))
        .build();
  }

  @Test
  void aContextThatIsStoppedAndStartedAgainKeepsItsSubscriptions() {
    application
        .withUserConfiguration(Asking.class)
        .run(
            context -> {
              ConfigurableApplicationContext stopping =
                  context.getSourceApplicationContext(ConfigurableApplicationContext.class);
              stopping.stop();
              stopping.start();
              orders(context).publish(new Order("1"));
              assertThat(
                  context.getBean(Asking.class).received.poll(60, TimeUnit.SECONDS).body(),
                  is(new Order("1")));
            });
  }

  @Test
  void theListenerOfTheApplicationIsTold() {
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    DurableListener own =
        new DurableListener() {
          @Override
          public void onPublished(String name, String messageId) {
            told.add(name);
          }
        };
    application
        .withBean(DurableListener.class, () -> own)
        .run(
            context -> {
              orders(context).publish(new Order("1"));
              assertThat(told, is(List.of(topic)));
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
  void topicsAreMeasuredByTheirPropertiesNamesAndEachGroupOnceItIsSubscribedTo() {
    application
        .withUserConfiguration(Measuring.class, Asking.class)
        .run(
            context -> {
              MeterRegistry registry = context.getBean(MeterRegistry.class);
              String[] group = {"stream", "orders", "group", GROUP};
              assertThat(
                  registry
                      .get("redis.stream.messages")
                      .tags(group)
                      .tag("outcome", "dead-letter")
                      .counter()
                      .count(),
                  is(0.0));
              orders(context).publish(new Order("1"));
              assertThat(
                  registry.get("redis.stream.published").tag("stream", "orders").counter().count(),
                  is(1.0));
              await()
                  .until(
                      () ->
                          registry
                              .get("redis.stream.messages")
                              .tags(group)
                              .tag("outcome", "handled")
                              .counter()
                              .count(),
                      is(1.0));
              await()
                  .until(
                      () -> registry.get("redis.stream.consumers").tags(group).gauge().value(),
                      is(1.0));
            });
  }

  @Test
  void aSubscriptionThatCannotReadIsNotHealthy() {
    application
        .withUserConfiguration(Asking.class)
        .run(
            context -> {
              HealthIndicator indicator = context.getBean(HealthIndicator.class);
              assertThat(indicator.health().getDetails(), is(Map.of("answer", "PONG")));
              // Redis answers all the same.
              redis.admin().set("topic:{" + topic + "}", "no stream");
              await().until(() -> indicator.health().getStatus(), is(Status.DOWN));
              Health down = indicator.health();
              assertThat(
                  down.getDetails(),
                  is(Map.of("answer", "PONG", "unreadable", List.of(topic + "/" + GROUP))));
              redis.admin().del("topic:{" + topic + "}");
              await().until(() -> indicator.health().getStatus(), is(Status.UP));
            });
  }

  @Test
  void whatIsClosedByTheApplicationItselfIsNoMatterOfHealthOrOfTheEnd() {
    application
        .withUserConfiguration(Asking.class)
        .run(
            context -> {
              redis.admin().set("topic:{" + topic + "}", "no stream");
              HealthIndicator indicator = context.getBean(HealthIndicator.class);
              await().until(() -> indicator.health().getStatus(), is(Status.DOWN));
              context.getBean(DurableSubscription.class).close();
              assertThat(indicator.health().getStatus(), is(Status.UP));
              redis.admin().del("topic:{" + topic + "}");
            });
  }

  @Test
  void aTopicOfTheApplicationsOwnGoesBeforeThatOfTheProperties() {
    String own = redis.unique("own");
    application
        .withBean("ownName", String.class, () -> own)
        .withUserConfiguration(Asking.class, Own.class)
        .run(
            context -> {
              assertThat(
                  List.of(context.getBeanNamesForType(DurableTopic.class)), hasItem("ownTopic"));
              DurableSubscription subscription = context.getBean(DurableSubscription.class);
              assertThat(subscription.topic(), is(own));
            });
  }

  /** An application that makes its topic itself. */
  @Configuration(proxyBeanMethods = false)
  static class Own {

    @Bean
    DurableTopic<Order> ownTopic(Connections redis, String ownName) {
      return redis.over(
          pool -> DurableTopic.builder(pool, ownName, Order.class).build(),
          client -> DurableTopic.builder(client, ownName, Order.class).build());
    }
  }
}
