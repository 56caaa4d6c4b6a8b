package io.github.redistoolkit.core;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.github.redistoolkit.core.RedisAccess.Opened;
import java.net.SocketTimeoutException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisAskDataException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisMovedDataException;
import redis.clients.jedis.exceptions.JedisNoScriptException;

/**
 * One connection of our own over which leases are renewed, and the thread that waits for its
 * answers. What comes in while it waits goes into the next pipeline.
 */
final class RenewalLane {

  private static final EventLog LOG = EventLog.shared(Renewals.class);

  private static final ThreadFactory THREADS = Daemons.named("redis-toolkit-renewal-");

  private static final int LARGEST_BATCH = 256;
  private static final int MOST_REDIRECTS = 3;

  /** After how long without an answer the next batch goes the other way. */
  private static final long LATE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  /** After how long a connection is closed that nothing went over, though leases are kept. */
  private static final long UNUSED_NANOS = TimeUnit.SECONDS.toNanos(60);

  private final String node;
  private final Renewals.Shared shared;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition offered = lock.newCondition();

  @GuardedBy("lock")
  private final Deque<Parcel> queue = new ArrayDeque<>();

  @GuardedBy("lock")
  private boolean running;

  @GuardedBy("lock")
  private boolean busy;

  @GuardedBy("lock")
  private long busySince;

  private RenewalLane(String node, Renewals.Shared shared) {
    this.node = node;
    this.shared = shared;
  }

  /** The two lanes to one node. */
  static final class Pair {

    private final RenewalLane first;
    private final RenewalLane second;

    Pair(String node, Renewals.Shared shared) {
      this.first = new RenewalLane(node, shared);
      this.second = new RenewalLane(node, shared);
    }

    /** Has it sent by the first lane, unless that one is late or has not answered the last try. */
    void offer(Parcel parcel) {
      boolean firstIsStuck = first.isLate() || (parcel.one.before() == first && first.isAtWork());
      boolean secondIsStuck = second.isLate();
      RenewalLane lane =
          !firstIsStuck || (secondIsStuck && parcel.one.before() == second) ? first : second;
      parcel.one.goes(lane);
      lane.offer(parcel);
    }
  }

  /** A try on its way. */
  static final class Parcel {

    private final RedisAccess redis;
    private final Renewal.Try one;
    private Renewable.@Nullable Request request;
    private boolean bySource;
    private int redirects;
    private long asked;

    Parcel(RedisAccess redis, Renewal.Try one) {
      this.redis = redis;
      this.one = one;
    }

    String node() {
      return redis.nodeFor(one.key());
    }

    /** Says who lacks what, without asking: the answers behind this one wait to be read. */
    private void refused(JedisDataException error) {
      one.failed(
          request == null
              ? redis.explained(error)
              : request.script().explainedUnasked(error, redis));
    }

    /** Gets what is to be sent, unless it need not be. */
    private boolean isWanted() {
      if (request == null) {
        request = one.request();
      }
      return request != null;
    }

    private CommandObject<Object> command() {
      Renewable.Request wanted = request;
      if (wanted == null) {
        throw new IllegalStateException("not wanted");
      }
      return bySource
          ? wanted.script().bySource(redis, wanted.keys(), wanted.args())
          : wanted.script().bySha1(redis, wanted.keys(), wanted.args());
    }
  }

  private void offer(Parcel parcel) {
    lock.lock();
    try {
      if (!running) {
        THREADS.newThread(new Session()).start();
        running = true;
      }
      queue.add(parcel);
      offered.signal();
    } finally {
      lock.unlock();
    }
  }

  private boolean isAtWork() {
    lock.lock();
    try {
      return busy;
    } finally {
      lock.unlock();
    }
  }

  private boolean isLate() {
    lock.lock();
    try {
      return busy && shared.ticker().nanoTime() - busySince > LATE_NANOS;
    } finally {
      lock.unlock();
    }
  }

  /** What the thread does, from when the lane is first needed until it has been idle for long. */
  private final class Session implements Runnable {

    private @Nullable Opened opened;
    private @Nullable RedisAccess redis;
    private long used = shared.ticker().nanoTime();

    @Override
    public void run() {
      try {
        for (List<Parcel> batch = next(); !batch.isEmpty(); batch = next()) {
          work(batch);
          used = shared.ticker().nanoTime();
        }
      } finally {
        drop();
        leave();
      }
    }

    /** Waits for something to send; nothing if the thread is to end. */
    private List<Parcel> next() {
      lock.lock();
      try {
        busy = false;
        while (queue.isEmpty()) {
          long left = offered.awaitNanos(LOOK_NANOS);
          if (left <= 0 && queue.isEmpty() && isUnneeded()) {
            running = false;
            return List.of();
          }
        }
        List<Parcel> batch = new ArrayList<>();
        while (!queue.isEmpty() && batch.size() < LARGEST_BATCH) {
          batch.add(queue.remove());
        }
        busy = true;
        busySince = shared.ticker().nanoTime();
        return batch;
      } catch (InterruptedException e) {
        // By someone who interrupts every thread there is. The next try starts another.
        LOG.debug(e, "A renewal thread was interrupted");
        running = false;
        return List.of();
      } finally {
        lock.unlock();
      }
    }

    private boolean isUnneeded() {
      return shared.isIdle()
          || shared.ticker().nanoTime() - used > UNUSED_NANOS
          || (redis != null && redis.isClosed());
    }

    /** Lets another thread take over what is left if this one dies. */
    private void leave() {
      lock.lock();
      try {
        if (busy) {
          busy = false;
          running = false;
        }
      } finally {
        lock.unlock();
      }
    }

    private void work(List<Parcel> batch) {
      List<Parcel> left = batch.stream().filter(Parcel::isWanted).toList();
      while (!left.isEmpty()) {
        List<Parcel> unanswered = new ArrayList<>(left);
        boolean rested = opened != null;
        try {
          open(left.get(0));
          left = opened == null ? elsewhere(unanswered) : exchange(unanswered);
        } catch (JedisException e) {
          drop();
          left = unanswered;
          // One that rested may have been closed meanwhile: what it did not answer goes over a
          // new one at once. After a silence the other lane is already at it.
          if (!rested || e.getCause() instanceof SocketTimeoutException) {
            unanswered.forEach(parcel -> parcel.one.failed(e));
            return;
          }
        }
      }
    }

    /** Sees to it that there is a connection to this lane's node; none if a key has moved on. */
    private void open(Parcel first) {
      redis = first.redis;
      if (redis.isClosed()) {
        throw new JedisException("The pool or client has been closed");
      }
      if (opened != null && redis.isCurrent(opened)) {
        opened = redis.authenticated(opened);
        return;
      }
      drop();
      opened = redis.openFor(first.one.key(), (int) first.one.patienceMillis());
      if (redis.spreadsKeys() && !opened.node().equals(node)) {
        drop();
      }
    }

    /** Sends what this node is not the right one for to where the client now thinks it is. */
    private List<Parcel> elsewhere(List<Parcel> parcels) {
      for (Parcel parcel : parcels) {
        redirect(parcel, new JedisException("The nodes of the Cluster have changed"));
      }
      return List.of();
    }

    private void redirect(Parcel parcel, JedisException why) {
      if (++parcel.redirects > MOST_REDIRECTS) {
        parcel.one.failed(why);
      } else {
        shared.send(parcel);
      }
    }

    /** Sends them all and reads the answers; returns what is to be sent here again. */
    private List<Parcel> exchange(List<Parcel> unanswered) {
      Opened here = opened;
      if (here == null) {
        throw new IllegalStateException("not open");
      }
      Redirected redirected = new Redirected();
      List<Parcel> again = new ArrayList<>();
      boolean demoted = false;
      send(here.connection(), unanswered);
      while (!unanswered.isEmpty()) {
        Parcel parcel = unanswered.get(0);
        try {
          answer(parcel, here.connection());
        } catch (JedisMovedDataException e) {
          redirected.moved.put(parcel, e);
        } catch (JedisAskDataException e) {
          redirected.asked.computeIfAbsent(e.getTargetNode(), n -> new ArrayList<>()).add(parcel);
        } catch (JedisNoScriptException e) {
          if (parcel.bySource) {
            parcel.one.failed(e);
          } else {
            parcel.bySource = true;
            again.add(parcel);
          }
        } catch (JedisDataException e) {
          demoted |= Failures.code(e).equals("READONLY");
          parcel.refused(e);
        }
        unanswered.remove(0);
      }
      follow(redirected, here);
      if (demoted) {
        drop(); // The next one goes to whoever is primary then.
      }
      return again;
    }

    private void send(Connection connection, List<Parcel> parcels) {
      long patience = Long.MAX_VALUE;
      for (Parcel parcel : parcels) {
        patience = Math.min(patience, parcel.one.patienceMillis());
      }
      connection.setSoTimeout((int) patience);
      for (Parcel parcel : parcels) {
        parcel.asked = shared.ticker().nanoTime();
        connection.sendCommand(parcel.command().getArguments());
      }
    }

    private void answer(Parcel parcel, Connection connection) {
      Object raw = connection.getOne();
      parcel.one.answered(parcel.command().getBuilder().build(raw), parcel.asked);
    }

    private void follow(Redirected redirected, Opened here) {
      if (!redirected.moved.isEmpty()) {
        redirected.moved.keySet().iterator().next().redis.learnNodes(here);
        redirected.moved.forEach(this::redirect);
      }
      redirected.asked.forEach(this::ask);
    }

    /** Sends to the node that a slot is moving to what its old node has not any more. */
    private void ask(HostAndPort target, List<Parcel> parcels) {
      List<Parcel> unanswered = new ArrayList<>(parcels);
      Opened there = null;
      try {
        there = parcels.get(0).redis.openAt(target, (int) parcels.get(0).one.patienceMillis());
        while (!unanswered.isEmpty()) {
          Parcel parcel = unanswered.get(0);
          parcel.asked = shared.ticker().nanoTime();
          // It may be new there, and does not know the script then.
          parcel.bySource = true;
          try {
            var unused = there.connection().executeCommand(new CommandArguments(Command.ASKING));
            there.connection().sendCommand(parcel.command().getArguments());
            answer(parcel, there.connection());
          } catch (JedisDataException e) {
            parcel.refused(e);
          }
          unanswered.remove(0);
        }
      } catch (JedisException e) {
        unanswered.forEach(parcel -> parcel.one.failed(e));
      } finally {
        if (there != null) {
          there.disconnect();
        }
      }
    }

    private void drop() {
      if (opened != null) {
        opened.disconnect();
        opened = null;
      }
    }
  }

  /** What a node does not have, or has only some of. */
  private static final class Redirected {
    private final Map<Parcel, JedisException> moved = new LinkedHashMap<>();
    private final Map<HostAndPort, List<Parcel>> asked = new LinkedHashMap<>();
  }
}
