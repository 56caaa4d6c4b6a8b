package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.EventLog;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Some keys of a batch failed, or it cannot be known whether they did. The other keys were read,
 * set or deleted as asked.
 *
 * <p>The cause is the first failure. Failures after it are not kept.
 */
public final class CacheBatchException extends JedisException {

  private static final long serialVersionUID = 1L;
  private static final int KEYS_IN_MESSAGE = 10;

  /** In the order of the request. */
  private final LinkedHashSet<String> failedKeys;

  /** How many keys the batch had. */
  private final int batchSize;

  /** What failed first. */
  private final JedisException cause;

  CacheBatchException(Collection<String> failedKeys, int batchSize, JedisException cause) {
    super(message(failedKeys, batchSize), cause);
    this.batchSize = batchSize;
    this.cause = cause;
    this.failedKeys = new LinkedHashSet<>(failedKeys);
  }

  /** The same of other keys, with the same cause and stack. */
  CacheBatchException withKeys(UnaryOperator<String> key) {
    CacheBatchException other =
        new CacheBatchException(failedKeys.stream().map(key).toList(), batchSize, cause);
    other.setStackTrace(getStackTrace());
    return other;
  }

  /**
   * Returns the keys that failed.
   *
   * @return at least one key, in the order of the request
   */
  public Set<String> failedKeys() {
    return new LinkedHashSet<>(failedKeys);
  }

  private static String message(Collection<String> failedKeys, int batchSize) {
    String first =
        failedKeys.stream()
            .limit(KEYS_IN_MESSAGE)
            .map(EventLog::escape)
            .collect(Collectors.joining(", "));
    String more = failedKeys.size() > KEYS_IN_MESSAGE ? ", …" : "";
    return failedKeys.size() + " of " + batchSize + " keys failed: " + first + more;
  }
}
