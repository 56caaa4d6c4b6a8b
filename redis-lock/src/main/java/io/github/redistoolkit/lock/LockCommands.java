package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisKeys;
import io.github.redistoolkit.core.Renewable;
import io.github.redistoolkit.core.Sends;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * What a lock of one name, or another {@linkplain Kind kind} of what there are leases on, says to
 * Redis: each method is one round trip, and a second one where its comment says so.
 *
 * <p>Its state is the key {@code lock:{name}}, below a prefix if there is one. Waiters block on a
 * list, {@code lock:{name}:q}, to which a release pushes an element, and which is there for two
 * seconds at most. Two kinds may share a state, and have a list each.
 */
final class LockCommands {

  /** A wake value for callers that take a free lock even if it is promised to a woken waiter. */
  static final String PROMISED_OR_NOT = "*";

  /** A wake value for callers that were not woken. */
  static final String NOT_WOKEN = "";

  /**
   * For how long it is remembered who has ended or given up: longer than a client repeats a request
   * (10 s by default in a Cluster), and a network delivers it late.
   */
  static final long MEMORY_MILLIS = 60_000;

  private static final String MEMORY = String.valueOf(MEMORY_MILLIS);

  private final RedisAccess redis;
  private final Kind kind;
  private final String name;
  private final String shownName;
  private final String key;
  private final String wakeKey;
  private final List<String> releaseKeys;

  LockCommands(RedisAccess redis, Kind kind, String prefix, String name) {
    this.redis = redis;
    this.kind = kind;
    this.name = name;
    this.key = prefix + kind.key() + ":" + RedisKeys.hashTag(name, "name");
    this.shownName = EventLog.escape(name);
    this.wakeKey = key + ":" + kind.queue();
    List<String> keys = new ArrayList<>(List.of(key));
    kind.queues().forEach(queue -> keys.add(key + ":" + queue));
    this.releaseKeys = List.copyOf(keys);
  }

  /**
   * Who has acquired the lock.
   *
   * @param owner as the requests named themselves
   * @param token as Redis numbered it
   * @param waited whether it was refused before: others may be waiting too
   * @param suspect whether a request to acquire may still be under way
   */
  record Claim(String owner, long token, boolean waited, boolean suspect) {}

  RedisAccess redis() {
    return redis;
  }

  String name() {
    return name;
  }

  Kind.Order order() {
    return kind.order();
  }

  /** What it is, for messages. */
  String word() {
    return kind.word();
  }

  /** The name as it may appear in messages and in the log. */
  String shownName() {
    return shownName;
  }

  /** What it is and its name, for messages. */
  String shown() {
    return kind.word() + " " + shownName;
  }

  String key() {
    return key;
  }

  String wakeKey() {
    return wakeKey;
  }

  /**
   * Returns the token, or, refused, -1 minus the ms for which the lock is held at most.
   *
   * @param waitMillis for how long the caller will wait if it is refused
   * @param waitedMillis for how long it has
   * @param wake by which element it was woken
   */
  long acquire(
      String owner,
      long leaseMillis,
      long waitMillis,
      long waitedMillis,
      String wake,
      Sends sends) {
    List<String> args =
        withFacts(
            owner,
            String.valueOf(leaseMillis),
            MEMORY,
            String.valueOf(waitMillis),
            wake,
            String.valueOf(leaseMillis + MEMORY_MILLIS));
    if (kind.order() != Kind.Order.OPEN) {
      args.add(String.valueOf(waitedMillis));
    }
    try {
      return number(kind.acquire().run(redis, List.of(key), args, sends));
    } catch (JedisDataException e) {
      throw explained(e);
    }
  }

  /**
   * Gives the lock back; returns whether it was the claim's until now, or may have been: the client
   * has sent it again by itself, and what it sent before may have been executed. Two round trips if
   * somebody waits who was not there yet when it was acquired.
   *
   * @param keepMillis for how long nobody may have it yet
   */
  boolean release(Claim claim, long keepMillis) {
    String how = claim.waited() && keepMillis == 0 ? "wake" : "ask";
    Sends sends = new Sends();
    long answer = release(claim, how, keepMillis, sends);
    if (answer == 2) {
      sends = new Sends();
      answer = release(claim, "wake", 0, sends);
    }
    return answer == 1 || sends.anyUnanswered();
  }

  /** Gives up what may have been granted, and has refused what may still be under way. */
  @CanIgnoreReturnValue
  boolean withdraw(String owner) {
    return release(new Claim(owner, 0, false, true), 0);
  }

  /** Counts no more among those that wait. */
  @CanIgnoreReturnValue
  boolean leave(String owner) {
    return release(new Claim(owner, 0, false, false), 0);
  }

  private long release(Claim claim, String how, long keepMillis, Sends sends) {
    try {
      return number(
          kind.release()
              .run(
                  redis,
                  how.equals("wake") ? releaseKeys : List.of(key),
                  releaseArgs(claim, how, keepMillis, ""),
                  sends));
    } catch (JedisDataException e) {
      return switch (Failures.code(e)) {
        // Without a second key, which a slot on the move may not have, or which is no list. Waiters
        // ask again by themselves.
        case "TRYAGAIN", "WRONGTYPE" -> {
          if (!how.equals("wake")) {
            throw e;
          }
          yield release(claim, "quiet", keepMillis, sends);
        }
        case "OOM" ->
            number(
                run(
                    kind.release(),
                    List.of(key),
                    releaseArgs(claim, "quiet", keepMillis, "dirty")));
        default -> throw explained(e);
      };
    }
  }

  /** What a release says that is sent in the background. */
  Renewable.Request releaseRequest(Claim claim) {
    return new Renewable.Request(kind.release(), releaseKeys, releaseArgs(claim, "wake", 0, ""));
  }

  private List<String> releaseArgs(Claim claim, String how, long keepMillis, String memory) {
    return withFacts(
        claim.owner(),
        MEMORY,
        claim.suspect() ? "mark" : "",
        how,
        String.valueOf(keepMillis),
        memory);
  }

  private List<String> withFacts(String... args) {
    List<String> all = new ArrayList<>(args.length + kind.facts().size() + 2);
    Collections.addAll(all, args);
    all.addAll(kind.facts());
    return all;
  }

  /**
   * Sets the end of the owner's lease, sooner or later than it was. Returns the number of the move,
   * 0 if the lease is not the owner's any more, or -1 if a later move came first.
   */
  long extend(String owner, long leaseMillis, long move) {
    try {
      return number(run(kind.extend(), List.of(key), extendArgs(owner, leaseMillis, move, "", "")));
    } catch (JedisDataException e) {
      if (!Failures.code(e).equals("OOM")) {
        throw e;
      }
      return number(
          run(kind.extend(), List.of(key), extendArgs(owner, leaseMillis, move, "", "dirty")));
    }
  }

  /** What puts off the end of the owner's lease, never bringing it forward. */
  Renewable.Request renewal(String owner, long leaseMillis, long move) {
    // Without memory, too: it is one number in place of another.
    return new Renewable.Request(
        kind.extend(), List.of(key), extendArgs(owner, leaseMillis, move, "GT", "dirty"));
  }

  private static List<String> extendArgs(
      String owner, long leaseMillis, long move, String mode, String memory) {
    return List.of(owner, String.valueOf(leaseMillis), MEMORY, String.valueOf(move), mode, memory);
  }

  boolean isLocked() {
    return leases() > 0;
  }

  /** Returns how many leases there are. */
  long leases() {
    return number(run(kind.count(), List.of(key), List.of()));
  }

  /**
   * Tells whether the server may have executed a call that failed. What the client of a Cluster
   * throws in the end, such as that it was interrupted before its third try, says nothing about its
   * first.
   */
  boolean mayHaveRun(JedisException failure) {
    return Failures.mayHaveRun(failure, redis);
  }

  private Object run(LuaScript script, List<String> keys, List<String> args) {
    try {
      return Objects.requireNonNull(script.run(redis, keys, args));
    } catch (JedisDataException e) {
      throw explained(e);
    }
  }

  private RuntimeException explained(JedisDataException failure) {
    return Failures.code(failure).equals("LOCKSTATE")
        ? new LockStateException(
            "key "
                + EventLog.escape(key)
                + " does not hold the state of a "
                + kind.state()
                + ": delete it",
            failure)
        : failure;
  }

  private static long number(@Nullable Object reply) {
    return (Long) Objects.requireNonNull(reply, "the script always answers");
  }
}
