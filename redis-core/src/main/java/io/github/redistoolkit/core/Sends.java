package io.github.redistoolkit.core;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import redis.clients.jedis.args.Rawable;

/**
 * Counts how often a command was written to a connection. The client of a Cluster sends a command
 * again by itself, without a word, when its reply does not come; what it sent before may then still
 * be under way.
 *
 * <p>It is an argument of the command, since an argument is asked for its bytes each time.
 */
public final class Sends implements Rawable {

  private final AtomicInteger count = new AtomicInteger();

  @Override
  public byte[] getRaw() {
    return String.valueOf(count.incrementAndGet()).getBytes(StandardCharsets.US_ASCII);
  }

  /**
   * Returns how often commands with this argument were sent up to now.
   *
   * @return the number, redirections included
   */
  public int count() {
    return count.get();
  }
}
