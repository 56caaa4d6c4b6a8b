package io.github.redistoolkit.core;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import redis.clients.jedis.args.Rawable;

/**
 * Counts how often a command was written to a connection, and how often it was answered. The client
 * of a Cluster sends a command again by itself, without a word, when its reply does not come; what
 * it sent before may then still be under way.
 *
 * <p>It is an argument of the command, since an argument is asked for its bytes each time.
 */
public final class Sends implements Rawable {

  private final AtomicInteger sent = new AtomicInteger();
  private final AtomicInteger answered = new AtomicInteger();

  /** Makes a count for one command, of nothing so far. */
  public Sends() {}

  @Override
  public byte[] getRaw() {
    return String.valueOf(sent.incrementAndGet()).getBytes(StandardCharsets.US_ASCII);
  }

  /** Takes note that a reply has come, be it an error. */
  void answer() {
    answered.incrementAndGet();
  }

  /**
   * Tells whether a command with this argument may have been executed without our knowledge, or may
   * be yet. True also after a redirection in a Cluster, which cannot be told apart.
   *
   * @return whether it was sent more often than it was answered
   */
  public boolean anyUnanswered() {
    return sent.get() > answered.get();
  }
}
