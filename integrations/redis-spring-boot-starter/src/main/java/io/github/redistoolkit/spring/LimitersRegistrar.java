package io.github.redistoolkit.spring;

import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.ratelimit.RateLimiterListener;
import java.util.List;
import java.util.Map;
import org.springframework.beans.factory.BeanRegistrar;
import org.springframework.beans.factory.BeanRegistry;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.core.env.Environment;

/** Makes a bean of each limiter that the properties have. */
final class LimitersRegistrar implements BeanRegistrar {

  private static final String LIMITS = "redis.toolkit.ratelimit.limits";

  @Override
  public void register(BeanRegistry registry, Environment environment) {
    Map<String, String> limiters =
        Binder.get(environment)
            .bind(LIMITS, Bindable.mapOf(String.class, String.class))
            .orElseGet(Map::of);
    limiters.forEach(
        (name, text) -> {
          String property = LIMITS + "." + name;
          List<Limit> limits = LimitText.parse(property, text);
          registry.registerBean(
              name + "RateLimiter",
              RateLimiter.class,
              bean ->
                  bean.fallback()
                      .supplier(context -> limiter(context, name, property, text, limits)));
        });
  }

  private static RateLimiter limiter(
      BeanRegistry.SupplierContext context,
      String name,
      String property,
      String text,
      List<Limit> limits) {
    Connections redis = context.bean(Connections.class);
    try {
      RateLimiter.Builder builder =
          redis.over(p -> RateLimiter.builder(p, name), c -> RateLimiter.builder(c, name));
      // One path may be behind several limiters of equal limits, which a response has to tell
      // apart.
      limits.forEach(limit -> builder.limit(limit.named(name + "-" + limit.name())));
      builder.onUnavailable(context.bean(RedisToolkitProperties.class).ratelimit().onUnavailable());
      context.beanProvider(RateLimiterListener.class).ifAvailable(builder::listener);
      return builder.build();
    } catch (IllegalArgumentException e) {
      throw new InvalidConfigurationPropertyValueException(
          property, text, String.valueOf(e.getMessage()));
    }
  }
}
