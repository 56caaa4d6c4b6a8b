package io.github.redistoolkit.ratelimit;

/**
 * What a {@link RateLimiter} does when Redis cannot decide. Then Redis cannot be reached, does not
 * answer in time, no connection of the pool is free, or Redis refuses to work for now ({@code
 * LOADING}, {@code READONLY}, {@code OOM}, {@code BUSY}, {@code CLUSTERDOWN}, {@code MASTERDOWN},
 * {@code MISCONF}, {@code NOREPLICAS}, {@code TRYAGAIN}).
 *
 * <p>What an operator has to repair is thrown under every policy: wrong credentials, missing
 * permissions, a key of another type.
 */
public enum OnUnavailable {
  /** The exception of Jedis is thrown. The default. */
  THROW,
  /** The permits are granted, unlimited, and the decision says that it is degraded. */
  ALLOW,
  /** The permits are refused, and the decision says that it is degraded. */
  DENY
}
