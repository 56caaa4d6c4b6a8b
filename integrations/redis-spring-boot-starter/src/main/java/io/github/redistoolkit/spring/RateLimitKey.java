package io.github.redistoolkit.spring;

import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

/**
 * Tells whose permits a request takes, for the limiters of {@code redis.toolkit.ratelimit.http.*}.
 *
 * <p>A bean of this type replaces the default. That is the name of the authenticated user, or the
 * remote address if the request has no user. Behind a proxy, that address is the proxy's, and all
 * of its clients share permits, unless {@code server.forward-headers-strategy} is set.
 *
 * <pre>{@code
 * @Bean
 * RateLimitKey rateLimitKey() {
 *   return (limiter, request) -> request.getUserPrincipal().getName();
 * }
 * }</pre>
 *
 * <p>Must be thread-safe.
 */
@FunctionalInterface
public interface RateLimitKey {

  /**
   * Tells whose permits a request takes. It must be something that a client cannot choose.
   *
   * @param limiter the name of the limiter, as in the property
   * @param request that is limited
   * @return any text but an empty one; null is an error, and the request is answered with 500
   */
  @Nullable String of(String limiter, HttpServletRequest request);
}
