package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Opened;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.Iterator;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Connection;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisMovedDataException;

/**
 * The connections on which waiters block in Redis: our own, so that they take none from the pool
 * that the holder needs for its release. At most {@value #MOST} for each pool or client, which all
 * its locks share; one that is not needed is kept for some seconds for the next waiter.
 * Thread-safe.
 */
final class WaitingConnections {

  static final int MOST = 16;

  private static final long WARM_NANOS = TimeUnit.SECONDS.toNanos(3);

  /** By how much an answer may come later than Redis should have given up: then it is gone. */
  private static final long PATIENCE_MILLIS = 1_500;

  private static final Map<Object, Shared> SHARED =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final RedisAccess redis;
  private final Shared shared;

  private WaitingConnections(RedisAccess redis, Shared shared) {
    this.redis = redis;
    this.shared = shared;
  }

  /** Returns those of a client, the same ones for all ways through the same pool. */
  static WaitingConnections of(RedisAccess redis) {
    return new WaitingConnections(
        redis, SHARED.computeIfAbsent(redis.owner(), unseen -> new Shared()));
  }

  /** Takes one if there is one left; whoever got it must close it. */
  @Nullable Seat tryTake() {
    return shared.free.tryAcquire() ? new Seat() : null;
  }

  /** The right to block, and a connection once it was needed. Used by one thread. */
  final class Seat implements AutoCloseable {

    private @Nullable Opened opened;

    /**
     * Blocks on a list.
     *
     * @param key the list
     * @param millis for how long at most
     * @return the element, or null if none came in time
     * @throws redis.clients.jedis.exceptions.JedisException as Jedis throws it
     */
    @Nullable String await(String key, long millis) {
      Opened here = connectionFor(key, millis);
      // Put back only if the stream is known to be at the start of a reply.
      opened = null;
      try {
        String element = block(here.connection(), key, millis);
        opened = here;
        return element;
      } catch (JedisMovedDataException e) {
        redis.learnNodes(here);
        throw e;
      } finally {
        if (opened == null) {
          here.disconnect();
        }
      }
    }

    private Opened connectionFor(String key, long millis) {
      Opened here = opened;
      opened = null;
      if (here == null) {
        here = shared.takeIdle(redis, key);
      }
      if (here != null && redis.isCurrent(here) && redis.isCurrentFor(here, key)) {
        return authenticated(here, millis);
      }
      if (here != null) {
        here.disconnect();
      }
      return redis.openFor(key, timeout(millis));
    }

    private Opened authenticated(Opened here, long millis) {
      boolean done = false;
      try {
        here.connection().setSoTimeout(timeout(millis));
        Opened known = redis.authenticated(here);
        done = true;
        return known;
      } finally {
        if (!done) {
          here.disconnect();
        }
      }
    }

    /**
     * Jedis lifts the socket's timeout for commands that it knows to block, and would wait for ever
     * for a server that has gone; so the command and its reply are left to the connection.
     */
    private @Nullable String block(Connection connection, String key, long millis) {
      connection.setSoTimeout(timeout(millis));
      var command = redis.commands().blpop(millis / 1000.0, key);
      connection.sendCommand(command.getArguments());
      var reply = command.getBuilder().build(answer(connection));
      return reply == null ? null : reply.getValue();
    }

    private Object answer(Connection connection) {
      try {
        return connection.getOne();
      } catch (JedisDataException e) {
        throw redis.explained(e);
      }
    }

    private static int timeout(long millis) {
      return Math.toIntExact(millis + PATIENCE_MILLIS);
    }

    @Override
    public void close() {
      Opened here = opened;
      opened = null;
      shared.free.release();
      if (here != null) {
        shared.keep(here);
      }
    }
  }

  /** What all over one pool or client have in common; does not keep it reachable. */
  private static final class Shared {

    private final Semaphore free = new Semaphore(MOST);

    @GuardedBy("this")
    private final Deque<Idle> idle = new ArrayDeque<>();

    /** A connection that nobody uses since a time. */
    private record Idle(Opened opened, long since) {}

    /** Takes the one that was used last of those that lead where a key is. */
    private synchronized @Nullable Opened takeIdle(RedisAccess redis, String key) {
      for (Iterator<Idle> each = idle.descendingIterator(); each.hasNext(); ) {
        Opened candidate = each.next().opened();
        if (redis.isCurrentFor(candidate, key)) {
          each.remove();
          return candidate;
        }
      }
      return null;
    }

    private synchronized void keep(Opened opened) {
      long now = System.nanoTime();
      if (idle.isEmpty()) {
        sweepAt(now + WARM_NANOS);
      }
      idle.addLast(new Idle(opened, now));
    }

    @GuardedBy("this")
    private void sweepAt(long time) {
      var unused = Alarms.shared().at(time, this::sweep);
    }

    /** Closes what has been idle for long. */
    private synchronized void sweep() {
      long now = System.nanoTime();
      while (!idle.isEmpty() && now - idle.peekFirst().since() >= WARM_NANOS) {
        idle.removeFirst().opened().disconnect();
      }
      if (!idle.isEmpty()) {
        sweepAt(idle.peekFirst().since() + WARM_NANOS);
      }
    }
  }
}
