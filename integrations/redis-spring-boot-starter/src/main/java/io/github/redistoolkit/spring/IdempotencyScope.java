package io.github.redistoolkit.spring;

import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

/**
 * Tells who a request is from, for the paths of {@code redis.toolkit.idempotency.http.paths}. A
 * response is only replayed to requests of the same scope.
 *
 * <p>A bean of this type replaces the default, which is the name of the authenticated user.
 *
 * <pre>{@code
 * @Bean
 * IdempotencyScope idempotencyScope() {
 *   return request -> tenantOf(request);
 * }
 * }</pre>
 *
 * <p>Must be thread-safe.
 */
@FunctionalInterface
public interface IdempotencyScope {

  /**
   * Tells who a request is from. It must be something that a client cannot choose.
   *
   * @param request to be handled once
   * @return any text but an empty one; null is an error, and the request is answered with 500
   */
  @Nullable String of(HttpServletRequest request);
}
