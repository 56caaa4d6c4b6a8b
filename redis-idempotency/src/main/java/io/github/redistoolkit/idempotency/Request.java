package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.core.Arguments;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A request as {@link IdempotencyService} sees it: its key, and what is special about it. What is
 * not set here is taken from the service.
 *
 * <pre>{@code
 * Request.of(tenant + ":" + clientKey).fingerprint(Fingerprints.bytes(body)).ttl(Duration.ofDays(7))
 * }</pre>
 *
 * <p>Immutable: each method but {@link #of} returns a changed copy.
 */
public final class Request {

  static {
    ModuleVersion.check();
  }

  private final String key;
  private final @Nullable String fingerprint;
  private final @Nullable Duration ttl;
  private final @Nullable Duration lease;
  private final @Nullable Duration maxWait;
  private final @Nullable Duration keepAlive;

  private Request(
      String key,
      @Nullable String fingerprint,
      @Nullable Duration ttl,
      @Nullable Duration lease,
      @Nullable Duration maxWait,
      @Nullable Duration keepAlive) {
    this.key = key;
    this.fingerprint = fingerprint;
    this.ttl = ttl;
    this.lease = lease;
    this.maxWait = maxWait;
    this.keepAlive = keepAlive;
  }

  /**
   * Names a request.
   *
   * @param key what is the same each time the request is made, and only then; any text of 1 byte to
   *     64 KiB in UTF-8
   * @return a request without a fingerprint
   * @throws NullPointerException if {@code key} is null
   * @throws IllegalArgumentException if it is empty, too long or not valid Unicode
   */
  public static Request of(String key) {
    return new Request(RecordKeys.requireKey(key, "key"), null, null, null, null, null);
  }

  /**
   * Says what the request asks for. The key is refused with another fingerprint from then on.
   *
   * @param fingerprint text that is the same if and only if the request is, such as one of {@link
   *     Fingerprints}; not empty
   * @return a copy with it
   * @throws NullPointerException if {@code fingerprint} is null
   * @throws IllegalArgumentException if it is empty or not valid Unicode
   */
  public Request fingerprint(String fingerprint) {
    return new Request(
        key, Arguments.requireText(fingerprint, "fingerprint"), ttl, lease, maxWait, keepAlive);
  }

  /**
   * Says how long the completion of this request is remembered.
   *
   * @param ttl 1 ms to 100 years
   * @return a copy with it
   * @throws NullPointerException if {@code ttl} is null
   * @throws IllegalArgumentException if it is out of range
   */
  public Request ttl(Duration ttl) {
    return new Request(key, fingerprint, Durations.requireTtl(ttl), lease, maxWait, keepAlive);
  }

  /**
   * Says how long the owner of this request may work before another caller takes over.
   *
   * @param lease 1 ms to 365 days
   * @return a copy with it
   * @throws NullPointerException if {@code lease} is null
   * @throws IllegalArgumentException if it is out of range
   */
  public Request lease(Duration lease) {
    return new Request(
        key, fingerprint, ttl, Durations.requireLease(lease, "lease"), maxWait, keepAlive);
  }

  /**
   * Says how long to wait for another caller that is working on the same key.
   *
   * @param maxWait at most 1 day; zero does not wait
   * @return a copy with it
   * @throws NullPointerException if {@code maxWait} is null
   * @throws IllegalArgumentException if it is out of range
   */
  public Request maxWait(Duration maxWait) {
    return new Request(
        key, fingerprint, ttl, lease, Durations.requireWait(maxWait, "maxWait"), keepAlive);
  }

  /**
   * Has the lease of this request renewed while its work runs, as {@link
   * IdempotencyService.Builder#keepAlive} says.
   *
   * @param maxHold after how long renewing ends; 1 ms to 365 days
   * @return a copy with it
   * @throws NullPointerException if {@code maxHold} is null
   * @throws IllegalArgumentException if it is out of range
   */
  public Request keepAlive(Duration maxHold) {
    return new Request(
        key, fingerprint, ttl, lease, maxWait, Durations.requireLease(maxHold, "maxHold"));
  }

  /**
   * Returns the key.
   *
   * @return as it was given
   */
  public String key() {
    return key;
  }

  Optional<String> fingerprint() {
    return Optional.ofNullable(fingerprint);
  }

  Duration ttlOr(Duration other) {
    return Objects.requireNonNullElse(ttl, other);
  }

  Duration leaseOr(Duration other) {
    return Objects.requireNonNullElse(lease, other);
  }

  Duration maxWaitOr(Duration other) {
    return Objects.requireNonNullElse(maxWait, other);
  }

  @Nullable Duration keepAliveOr(@Nullable Duration other) {
    return keepAlive == null ? other : keepAlive;
  }

  /** Without the key and the fingerprint, which may be secrets. */
  @Override
  public String toString() {
    return "Request[ttl " + ttl + ", lease " + lease + ", maxWait " + maxWait + "]";
  }
}
