package io.github.redistoolkit.servlet;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.ratelimit.Decision;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Limits requests, by a {@link RateLimiter} with one limit or several.
 *
 * <pre>{@code
 * RateLimiter limiter =
 *     RateLimiter.builder(pool, "api")
 *         .limit(Limit.of(100, Duration.ofMinutes(1)).named("per-minute"))
 *         .build();
 * Filter filter = new RateLimitFilter(limiter, request -> request.getUserPrincipal().getName());
 * }</pre>
 *
 * <p><b>Header fields.</b> If Redis decided on a request, its response has {@code RateLimit-Policy}
 * and {@code RateLimit} as draft-ietf-httpapi-ratelimit-headers-11 defines them. Each has one item
 * for each limit, under the limit's name. The policy says the permits {@code q} and the window
 * {@code w} in seconds, where a fraction of a second counts as a whole one. The other field says
 * {@code r}, the permits that are left. For a token bucket, {@code w} is the time that it takes to
 * get full again. A client that keeps to {@code q} and {@code w} is never refused. Fields of a
 * filter before this one are kept.
 *
 * <table>
 *   <caption>What is answered</caption>
 *   <tr><th>situation</th><th>answer</th></tr>
 *   <tr><td>allowed</td><td>that of the application</td></tr>
 *   <tr><td>refused</td><td>429 with {@code Retry-After}, rounded up. The item of each limit that
 *     refuses also has {@code t}, the seconds until it would allow the same request</td></tr>
 *   <tr><td>more permits than a limit has</td><td>429 without {@code Retry-After}</td></tr>
 *   <tr><td>Redis cannot decide</td><td>as {@link io.github.redistoolkit.ratelimit.OnUnavailable}
 *     says: 503 for {@code THROW} and {@code DENY}, the application's answer for {@code ALLOW}.
 *     If an operator has to repair something, it is always 503</td></tr>
 *   <tr><td>the key function returns null or no text, or throws</td><td>the exception goes to the
 *     container, which answers 500; never allowed</td></tr>
 * </table>
 *
 * <p><b>The key.</b> It must be something that a client cannot choose, such as the authenticated
 * user. {@code getRemoteAddr} is the last proxy's address, unless the container was told which
 * proxies to trust. Anyone can make up {@code X-Forwarded-For}.
 *
 * <p><b>Order.</b> Put this filter before {@link IdempotencyFilter}. Then a refused request is
 * neither claimed nor recorded. A request that is sent again is charged again, even if its response
 * is a replay.
 *
 * <p>A request is charged once, whatever dispatches it goes through. Nothing is held while the
 * application works, so asynchronous responses work too. Thread-safe.
 */
public final class RateLimitFilter implements Filter {

  static {
    ModuleVersion.check();
  }

  private static final EventLog LOG = EventLog.of(RateLimitFilter.class);
  private static final AtomicLong INSTANCES = new AtomicLong();

  private final String passed =
      RateLimitFilter.class.getName() + ".passed." + INSTANCES.incrementAndGet();
  private final RateLimiter limiter;
  private final Function<? super HttpServletRequest, ? extends @Nullable String> key;
  private final ToLongFunction<? super HttpServletRequest> permits;
  private final String policies;

  /**
   * Creates a filter that takes one permit for each request.
   *
   * @param limiter what decides
   * @param key whose permit a request takes; any text but an empty one
   * @throws NullPointerException if an argument is null
   */
  public RateLimitFilter(
      RateLimiter limiter, Function<? super HttpServletRequest, ? extends @Nullable String> key) {
    this(builder(limiter, key));
  }

  private RateLimitFilter(Builder builder) {
    this.limiter = builder.limiter;
    this.key = builder.key;
    this.permits = builder.permits;
    this.policies =
        limiter.limits().stream().map(RateLimitFilter::policy).collect(Collectors.joining(", "));
  }

  /**
   * Starts a filter.
   *
   * @param limiter what decides
   * @param key whose permits a request takes; any text but an empty one
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   */
  public static Builder builder(
      RateLimiter limiter, Function<? super HttpServletRequest, ? extends @Nullable String> key) {
    return new Builder(
        Objects.requireNonNull(limiter, "limiter"), Objects.requireNonNull(key, "key"));
  }

  /** Sets up a {@link RateLimitFilter}. Not thread-safe. */
  public static final class Builder {

    private final RateLimiter limiter;
    private final Function<? super HttpServletRequest, ? extends @Nullable String> key;
    private ToLongFunction<? super HttpServletRequest> permits = request -> 1;

    private Builder(
        RateLimiter limiter, Function<? super HttpServletRequest, ? extends @Nullable String> key) {
      this.limiter = limiter;
      this.key = key;
    }

    /**
     * Sets how many permits a request takes.
     *
     * @param permits tells it, at least 1; 1 for every request unless set
     * @return this builder
     * @throws NullPointerException if {@code permits} is null
     */
    @CanIgnoreReturnValue
    public Builder permits(ToLongFunction<? super HttpServletRequest> permits) {
      this.permits = Objects.requireNonNull(permits, "permits");
      return this;
    }

    /**
     * Returns the filter.
     *
     * @return a new filter
     */
    public RateLimitFilter build() {
      return new RateLimitFilter(this);
    }
  }

  /**
   * Limits a request.
   *
   * @param request an HTTP request
   * @param response its response
   * @param chain what handles it if it is allowed
   * @throws IllegalStateException if the key function returns null
   * @throws ServletException if it is not HTTP, or as the application throws it
   * @throws IOException as the container or the application throws it
   */
  @Override
  public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
      throws IOException, ServletException {
    if (!(request instanceof HttpServletRequest http)
        || !(response instanceof HttpServletResponse answer)) {
      throw new ServletException("RateLimitFilter is for HTTP only");
    }
    if (http.getAttribute(passed) != null || allows(http, answer)) {
      http.setAttribute(passed, true);
      chain.doFilter(request, response);
    }
  }

  /** Whether the request may go on; else it is answered. */
  private boolean allows(HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    String id = key.apply(request);
    if (id == null) {
      throw new IllegalStateException(
          "the key function of RateLimitFilter returned null; a request without a key is not"
              + " allowed");
    }
    Decision decision;
    try {
      decision = limiter.tryAcquire(id, permits.applyAsLong(request));
    } catch (JedisException e) {
      LOG.warn(e, "A request is answered with 503, since Redis does not decide on its limit");
      Problem.UNDECIDED.send(response);
      return false;
    }
    response.addHeader("RateLimit-Policy", policies);
    if (!decision.limits().isEmpty()) {
      response.addHeader("RateLimit", states(decision));
    }
    if (!decision.allowed()) {
      refuse(decision, response);
    }
    return decision.allowed();
  }

  private static void refuse(Decision decision, HttpServletResponse response) throws IOException {
    if (decision.degraded()) {
      Problem.UNDECIDED.send(response);
      return;
    }
    decision
        .retryAfterSeconds()
        .ifPresent(seconds -> response.setHeader("Retry-After", String.valueOf(seconds)));
    List<String> exceeded =
        decision.limits().stream()
            .filter(state -> !state.retryAfter().equals(Optional.of(Duration.ZERO)))
            .map(state -> state.limit().name())
            .toList();
    Problem.quotaExceeded(exceeded.isEmpty() ? List.of(decision.limit().name()) : exceeded)
        .send(response);
  }

  /** An item of {@code RateLimit-Policy}. The names of limits need no escapes. */
  private static String policy(Limit limit) {
    return "\"%s\";q=%d;w=%d".formatted(limit.name(), limit.permits(), seconds(limit.timeToFull()));
  }

  private static long seconds(Duration duration) {
    return duration.plusSeconds(1).minusNanos(1).toSeconds();
  }

  private static String states(Decision decision) {
    return decision.limits().stream().map(RateLimitFilter::state).collect(Collectors.joining(", "));
  }

  /**
   * An item of {@code RateLimit}. With {@code t} only if this limit refuses: the draft wants no
   * {@code Retry-After} that is earlier.
   */
  private static String state(Decision.OfLimit state) {
    String item = "\"%s\";r=%d".formatted(state.limit().name(), state.remaining());
    long seconds = state.retryAfterSeconds().orElse(0);
    return seconds == 0 ? item : item + ";t=" + seconds;
  }
}
