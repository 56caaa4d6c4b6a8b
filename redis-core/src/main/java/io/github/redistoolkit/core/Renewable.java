package io.github.redistoolkit.core;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A lease as its owner knows it, to be kept alive by {@link Renewals}.
 *
 * <p>The methods are called by the mechanism's threads, perhaps by several at once; they take no
 * time and make no I/O.
 */
public interface Renewable {

  /**
   * What renews a lease.
   *
   * @param script compares that the lease is still the owner's, and puts off its end; safe to run
   *     twice and in any order, so it never brings the end forward
   * @param keys every key that it touches, as the caller knows them; in a Cluster all in the slot
   *     of the first
   * @param args what the script finds in {@code ARGV}
   */
  record Request(LuaScript script, List<String> keys, List<String> args) {}

  /** What a reply means. */
  enum Answer {
    /** The lease now lasts as long as was asked for. */
    RENEWED,
    /** A later request had been executed before; nothing was changed. */
    OVERTAKEN,
    /** The lease is not the owner's any more: the renewal ends. */
    GONE
  }

  /**
   * Returns what to send. Called right before it is sent, once for each try.
   *
   * @return the request, or null if nothing is to be renewed any more, which ends the renewal
   */
  @Nullable Request request();

  /**
   * Takes the reply to a request. It may come after the renewal was ended, and after replies to
   * later requests.
   *
   * @param reply what the script returned: {@code Long}, {@code String}, a list of these, or null
   * @param asked when it was sent, on the clock of the {@link Alarms}: the lease lasts from then on
   * @return what it means
   */
  Answer answered(@Nullable Object reply, long asked);

  /**
   * Takes note that a try has failed, which is made again as long as there is time.
   *
   * @param why what was thrown in place of a reply
   */
  void failed(RuntimeException why);

  /**
   * Takes note that no renewal was answered before the end of the lease. Called once at most, as
   * soon as that end comes, and the renewal has ended then.
   */
  void over();
}
