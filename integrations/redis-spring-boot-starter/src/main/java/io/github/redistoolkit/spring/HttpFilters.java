package io.github.redistoolkit.spring;

import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.servlet.IdempotencyFilter;
import io.github.redistoolkit.servlet.RateLimitFilter;
import jakarta.servlet.http.HttpServletRequest;
import java.security.Principal;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanRegistrar;
import org.springframework.beans.factory.BeanRegistry;
import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.core.ResolvableType;
import org.springframework.core.env.Environment;

/** Puts the filters of redis-servlet before the paths that the properties have. */
final class HttpFilters implements BeanRegistrar {

  private static final Bindable<Map<String, List<String>>> PATHS_BY_NAME =
      Bindable.of(
          ResolvableType.forClassWithGenerics(
              Map.class,
              ResolvableType.forClass(String.class),
              ResolvableType.forClassWithGenerics(List.class, String.class)));

  static final String LIMITED = "redis.toolkit.ratelimit.http";
  static final String IDEMPOTENT = "redis.toolkit.idempotency.http";

  /** A container looks only at what comes after the last dot. */
  private static final Pattern EXTENSION = Pattern.compile("[^./]+");

  /** Spring Security's filters are at -100, and what comes here should know the user. */
  private static final int LIMITS_ORDER = -60;

  /** After the limits, so that what they refuse is neither claimed nor recorded. */
  private static final int IDEMPOTENCY_ORDER = -50;

  /** A filter of a limiter, with the paths before which it stands. */
  static final class Limits extends FilterRegistrationBean<RateLimitFilter> {}

  /** The filter of the idempotency service, with the paths before which it stands. */
  static final class Idempotency extends FilterRegistrationBean<IdempotencyFilter> {}

  @Override
  public void register(BeanRegistry registry, Environment environment) {
    Binder binder = Binder.get(environment);
    binder
        .bind(LIMITED, PATHS_BY_NAME)
        .orElseGet(Map::of)
        .forEach(
            (name, paths) -> {
              String property = LIMITED + "." + name;
              checkPaths(property, paths);
              registry.registerBean(
                  name + "RateLimitFilter",
                  Limits.class,
                  bean -> bean.supplier(context -> limits(context, name, property, paths)));
            });
    binder
        .bind(IDEMPOTENT + ".paths", Bindable.listOf(String.class))
        .ifBound(
            paths -> {
              checkPaths(IDEMPOTENT + ".paths", paths);
              registry.registerBean(
                  "idempotencyFilter",
                  Idempotency.class,
                  bean -> bean.supplier(context -> idempotency(context, paths)));
            });
  }

  /**
   * A container takes a pattern that it does not know as one for the path of exactly that text,
   * before which nothing would ever be limited.
   */
  private static void checkPaths(String property, List<String> paths) {
    if (paths.isEmpty()) {
      throw new InvalidConfigurationPropertyValueException(property, "", "there must be a path");
    }
    for (String path : paths) {
      String fixed =
          path.endsWith("/*")
              ? path.substring(0, path.length() - 2)
              : path.startsWith("*.") ? path.substring(2) : path;
      boolean isKnown =
          path.startsWith("*.") ? EXTENSION.matcher(fixed).matches() : path.startsWith("/");
      if (!isKnown || fixed.contains("*") || fixed.contains("{")) {
        throw new InvalidConfigurationPropertyValueException(
            property, path, "a path is of the form /api/loans, /api/* or *.json");
      }
    }
  }

  private static Limits limits(
      BeanRegistry.SupplierContext context, String name, String property, List<String> paths) {
    RateLimiter limiter;
    try {
      limiter = context.bean(name + "RateLimiter", RateLimiter.class);
    } catch (NoSuchBeanDefinitionException e) {
      throw new InvalidConfigurationPropertyValueException(
          property,
          String.join(",", paths),
          "there is no limiter '%s': set redis.toolkit.ratelimit.limits.%s, or define a bean of a"
                  .formatted(name, name)
              + " RateLimiter called "
              + name
              + "RateLimiter");
    }
    RateLimitKey key =
        context.beanProvider(RateLimitKey.class).getIfAvailable(() -> HttpFilters::userOrAddress);
    Limits registration = new Limits();
    registration.setFilter(new RateLimitFilter(limiter, request -> key.of(name, request)));
    registration.setUrlPatterns(paths);
    registration.setOrder(LIMITS_ORDER);
    return registration;
  }

  private static String userOrAddress(String limiter, HttpServletRequest request) {
    String user = user(request);
    // No user can have the permits of an address by choice of name.
    return user == null ? "address:" + request.getRemoteAddr() : "user:" + user;
  }

  private static @Nullable String user(HttpServletRequest request) {
    Principal user = request.getUserPrincipal();
    return user == null ? null : user.getName();
  }

  private static Idempotency idempotency(BeanRegistry.SupplierContext context, List<String> paths) {
    RedisToolkitProperties.IdempotencyHttp settings =
        context.bean(RedisToolkitProperties.class).idempotency().http();
    IdempotencyScope scope =
        context.beanProvider(IdempotencyScope.class).getIfAvailable(() -> HttpFilters::user);
    IdempotencyFilter.Builder builder =
        IdempotencyFilter.builder(context.bean(IdempotencyService.class), scope::of);
    List<String> methods = settings.methods();
    of("methods", methods, () -> builder.methods(methods.get(0), rest(methods)));
    of(
        "max-body",
        settings.maxBody(),
        () -> builder.maxBodyBytes(Math.toIntExact(settings.maxBody().toBytes())));
    List<String> headers = settings.replayedHeaders();
    of("replayed-headers", headers, () -> builder.replayedHeaders(headers.toArray(String[]::new)));
    if (settings.keyOptional()) {
      builder.keyOptional();
    }
    Idempotency registration = new Idempotency();
    registration.setFilter(builder.build());
    registration.setUrlPatterns(paths);
    registration.setOrder(IDEMPOTENCY_ORDER);
    return registration;
  }

  private static String[] rest(List<String> methods) {
    return methods.subList(1, methods.size()).toArray(String[]::new);
  }

  /** Takes a setting, or refuses it by the name of its property. */
  private static void of(String property, Object value, Runnable taking) {
    try {
      taking.run();
    } catch (IllegalArgumentException | ArithmeticException | IndexOutOfBoundsException e) {
      throw new InvalidConfigurationPropertyValueException(
          IDEMPOTENT + "." + property, value, String.valueOf(e.getMessage()));
    }
  }
}
