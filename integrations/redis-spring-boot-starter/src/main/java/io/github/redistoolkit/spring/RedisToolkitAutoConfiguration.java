package io.github.redistoolkit.spring;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.idempotency.IdempotencyListener;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.LockListener;
import io.github.redistoolkit.lock.RedisLocks;
import io.github.redistoolkit.micrometer.IdempotencyMetrics;
import io.github.redistoolkit.micrometer.LockMetrics;
import io.github.redistoolkit.micrometer.RateLimiterMetrics;
import io.github.redistoolkit.pubsub.PubSubListener;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.RateLimiterListener;
import io.github.redistoolkit.servlet.RateLimitFilter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails;
import org.springframework.boot.data.redis.autoconfigure.DataRedisProperties;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * Makes the beans of the toolkit.
 *
 * <table>
 *   <caption>Beans. If the application has one of the type, it is taken instead, except where the
 *     table says otherwise</caption>
 *   <tr><th>type</th><th>set by</th></tr>
 *   <tr><td>{@code Pool<Jedis>}, unless there is a {@code UnifiedJedis}; for a Cluster, {@code
 *     UnifiedJedis}</td>
 *     <td>{@code spring.data.redis.*} or a {@code @ServiceConnection}. It is a Cluster if {@code
 *     spring.data.redis.cluster.nodes} is set, unless sentinels or a container are set too: these
 *     take precedence. For a native image, that is decided when the image is built</td>
 *   </tr>
 *   <tr><td>{@link IdempotencyService}</td><td>{@code redis.toolkit.idempotency.*}, and an {@link
 *     IdempotencyListener} if there is one</td></tr>
 *   <tr><td>{@link io.github.redistoolkit.ratelimit.RateLimiter} for each name, as {@code
 *     <name>RateLimiter}</td><td>{@code redis.toolkit.ratelimit.limits.<name>=100/1m,10/1s}, and a
 *     {@link RateLimiterListener} if there is one. It is always made. If the application has a
 *     limiter of its own, injection by type takes that one. If it has a bean of this name, the start
 *     fails</td></tr>
 *   <tr><td>{@link RedisLocks}</td><td>a {@link LockListener} if there is one</td></tr>
 *   <tr><td>{@link RedisPubSub}</td><td>a {@link PubSubListener} if there is one. When the context
 *     is closed, it handles what has arrived, for up to five seconds, and is closed before any bean
 *     is destroyed</td></tr>
 *   <tr><td>{@link io.github.redistoolkit.stream.DurableTopic} for each name, as {@code
 *     <name>DurableTopic}</td><td>{@code redis.toolkit.streams.<name>.type=com.example.Order} and
 *     more below that, and a {@link io.github.redistoolkit.stream.DurableListener} if there is one;
 *     otherwise what happens is logged. It is always made. If the application has a topic of these
 *     messages of its own, injection by type takes that one. When the context is closed,
 *     subscriptions end after what serves HTTP and before any bean is destroyed. Topics are closed
 *     after that, before the client</td></tr>
 *   <tr><td>filters of redis-servlet, if that is there. One with a limiter for each {@code
 *     redis.toolkit.ratelimit.http.<name>=/api/*}, as {@code <name>RateLimitFilter}; then one with
 *     the {@link IdempotencyService}, for {@code redis.toolkit.idempotency.http.paths}. Both come
 *     after Spring Security's, so what Security answers itself is not limited</td>
 *     <td>a {@link RateLimitKey} and an {@link IdempotencyScope} if there are such</td></tr>
 *   <tr><td>a health indicator, as {@code redisToolkit}, if spring-boot-health is there</td>
 *     <td>{@code management.health.redis-toolkit.enabled}</td></tr>
 *   <tr><td>the listeners above, except those of pub/sub and of topics</td><td>redis-micrometer, if
 *     it is there and the application has a {@link MeterRegistry}. Topics are measured too</td>
 *   </tr>
 * </table>
 *
 * <p>A malformed property fails the start with a message that names it. So do paths for filters
 * that cannot be there: in a servlet application without redis-servlet, and in a reactive one.
 */
@AutoConfiguration(
    afterName = {
      "org.springframework.boot.data.redis.autoconfigure.DataRedisAutoConfiguration",
      "org.springframework.boot.micrometer.metrics.autoconfigure"
          + ".CompositeMeterRegistryAutoConfiguration"
    })
@EnableConfigurationProperties(RedisToolkitProperties.class)
@Import({LimitersRegistrar.class, TopicsRegistrar.class})
public final class RedisToolkitAutoConfiguration {

  static {
    ModuleVersion.check();
  }

  /** Called by Spring. */
  public RedisToolkitAutoConfiguration() {}

  @Bean
  Connections redisToolkitConnections(
      ObjectProvider<UnifiedJedis> clients, ObjectProvider<Pool<Jedis>> pools) {
    UnifiedJedis client = clients.getIfAvailable();
    if (client != null) {
      return Connections.of(client);
    }
    Pool<Jedis> pool = pools.getIfAvailable();
    if (pool != null) {
      return Connections.of(pool);
    }
    throw new IllegalStateException(
        "the Redis toolkit has no Redis: define a bean of a UnifiedJedis or a Pool<Jedis>, or add"
            + " spring-boot-data-redis and set spring.data.redis.*");
  }

  @Bean
  @ConditionalOnMissingBean
  IdempotencyService idempotencyService(
      Connections redis,
      RedisToolkitProperties properties,
      ObjectProvider<IdempotencyListener> listener) {
    RedisToolkitProperties.Idempotency settings = properties.idempotency();
    IdempotencyService.Builder builder =
        of(
            "name",
            settings.name(),
            () ->
                redis.over(
                    pool -> IdempotencyService.builder(pool, settings.name()),
                    client -> IdempotencyService.builder(client, settings.name())));
    of("ttl", settings.ttl(), () -> builder.ttl(settings.ttl()));
    of("lease", settings.lease(), () -> builder.lease(settings.lease()));
    Duration keepAlive = settings.keepAlive();
    if (keepAlive != null) {
      of("keep-alive", keepAlive, () -> builder.keepAlive(keepAlive));
    }
    listener.ifAvailable(builder::listener);
    return builder.build();
  }

  /** Takes a setting, or refuses it by the name of its property. */
  @CanIgnoreReturnValue
  private static <T> T of(String property, @Nullable Object value, Supplier<T> taking) {
    try {
      return taking.get();
    } catch (IllegalArgumentException | NullPointerException e) {
      throw new InvalidConfigurationPropertyValueException(
          "redis.toolkit.idempotency." + property, value, String.valueOf(e.getMessage()));
    }
  }

  @Bean
  @ConditionalOnMissingBean
  RedisLocks redisLocks(Connections redis, ObjectProvider<LockListener> listener) {
    RedisLocks.Builder builder = redis.over(RedisLocks::builder, RedisLocks::builder);
    LockListener found = listener.getIfAvailable();
    return (found == null ? builder : builder.listener(found)).build();
  }

  /** For an application that has no pub/sub of its own. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnMissingBean(RedisPubSub.class)
  static class OfPubSub {

    @Bean(destroyMethod = "close")
    RedisPubSub redisPubSub(Connections redis, ObjectProvider<PubSubListener> listener) {
      RedisPubSub.Builder builder = redis.over(RedisPubSub::builder, RedisPubSub::builder);
      listener.ifAvailable(builder::listener);
      return builder.build();
    }

    @Bean
    PubSubEnd redisToolkitPubSubEnd(ApplicationContext context, RedisPubSub redisPubSub) {
      return new PubSubEnd(context, redisPubSub);
    }
  }

  @Bean
  TopicSubscriptions redisToolkitSubscriptions(ApplicationContext context) {
    return new TopicSubscriptions(context);
  }

  /** For an application that has no Jedis of its own. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(DataRedisConnectionDetails.class)
  @ConditionalOnMissingBean(UnifiedJedis.class)
  @Conditional(OnMissingPool.class)
  @ConditionalOnBean(DataRedisConnectionDetails.class)
  @EnableConfigurationProperties(DataRedisProperties.class)
  static class FromConnectionDetails {

    @Bean(destroyMethod = "close")
    @Conditional(OnCluster.No.class)
    Pool<Jedis> redisToolkitPool(
        DataRedisConnectionDetails details, DataRedisProperties properties) {
      return new DetailsClients(details, properties).pool();
    }

    @Bean(destroyMethod = "close")
    @Conditional(OnCluster.class)
    UnifiedJedis redisToolkitCluster(
        DataRedisConnectionDetails details, DataRedisProperties properties) {
      return new DetailsClients(details, properties).cluster();
    }
  }

  /** Where the application serves HTTP. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
  @ConditionalOnClass({RateLimitFilter.class, FilterRegistrationBean.class})
  @Import(HttpFilters.class)
  static class Http {}

  /** Where it serves HTTP without what has the filters. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
  @ConditionalOnMissingClass("io.github.redistoolkit.servlet.RateLimitFilter")
  @Import(NoHttpFilters.WithoutModule.class)
  static class HttpWithoutFilters {}

  /** Where it serves HTTP without servlets. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.REACTIVE)
  @Import(NoHttpFilters.Reactive.class)
  static class ReactiveHttp {}

  /** Where the application tells how it is. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(ConditionalOnEnabledHealthIndicator.class)
  @ConditionalOnEnabledHealthIndicator("redis-toolkit")
  static class OfHealth {

    @Bean
    @ConditionalOnMissingBean(name = "redisToolkitHealthIndicator")
    HealthIndicator redisToolkitHealthIndicator(
        Connections redis, TopicSubscriptions redisToolkitSubscriptions) {
      return new RedisToolkitHealthIndicator(redis, redisToolkitSubscriptions);
    }
  }

  /** Where the application is measured. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass({MeterRegistry.class, LockMetrics.class})
  @ConditionalOnBean(MeterRegistry.class)
  static class Metrics {

    @Bean
    @ConditionalOnMissingBean
    RateLimiterListener rateLimiterMetrics(MeterRegistry registry) {
      return RateLimiterMetrics.listener(registry);
    }

    @Bean
    @ConditionalOnMissingBean
    IdempotencyListener idempotencyMetrics(
        MeterRegistry registry, RedisToolkitProperties properties) {
      return IdempotencyMetrics.listener(registry, properties.idempotency().name());
    }

    @Bean
    TopicMeters redisToolkitTopicMeters(MeterRegistry registry) {
      return new TopicMeters.InRegistry(registry);
    }

    @Bean
    @ConditionalOnMissingBean
    LockListener lockMetrics(MeterRegistry registry) {
      return LockMetrics.listener(registry, "application");
    }
  }
}
