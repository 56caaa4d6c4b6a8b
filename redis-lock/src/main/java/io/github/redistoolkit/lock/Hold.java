package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.Callbacks;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Renewable;
import io.github.redistoolkit.core.Renewal;
import io.github.redistoolkit.core.Renewals;
import io.github.redistoolkit.lock.LeaseLife.Event;
import io.github.redistoolkit.lock.LeaseLife.Phase;
import io.github.redistoolkit.lock.LockCommands.Claim;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * What is behind a {@link Lease}: its {@linkplain LeaseLife life}, and the I/O around it.
 *
 * <p>Requests that move the end are numbered, and Redis refuses those that a later one has
 * overtaken. Here, the reply to a renewal counts only if no extension was begun after its number.
 */
final class Hold implements Renewable {

  private static final EventLog LOG = EventLog.shared(RedisLock.class);

  /** For how long it is tried to clear away what was lost and is still in Redis. */
  private static final long CLEARING_MILLIS = 5_000;

  private final LockCommands commands;
  private final Claim claim;
  private final long leaseMillis;
  private final LockSettings settings;
  private final long since;

  /** Held while the server is asked to extend, so that the last answer is the last word. */
  private final ReentrantLock extending = new ReentrantLock();

  private final AtomicLong moves = new AtomicLong();
  private final AtomicReference<LeaseLife> life;
  private final AtomicReference<@Nullable Keeping> keeping = new AtomicReference<>();

  /** The number of the last extension; guarded, with the change of the end, by this monitor. */
  private long lastExtension;

  private Hold(
      LockCommands commands, Claim claim, long leaseMillis, long asked, LockSettings settings) {
    this.commands = commands;
    this.claim = claim;
    this.leaseMillis = leaseMillis;
    this.settings = settings;
    this.since = System.nanoTime();
    this.life =
        new AtomicReference<>(LeaseLife.heldUntil(asked + Renewals.certainNanos(leaseMillis)));
  }

  static Hold of(
      LockCommands commands, Claim claim, long leaseMillis, long asked, LockSettings settings) {
    return new Hold(commands, claim, leaseMillis, asked, settings);
  }

  String name() {
    return commands.name();
  }

  String shownName() {
    return commands.shownName();
  }

  String shown() {
    return commands.shown();
  }

  long token() {
    return claim.token();
  }

  boolean isHeld() {
    return nanosLeft() > 0;
  }

  /** Returns for how long it is certain to be held: 0 once it is not. */
  long nanosLeft() {
    long now = System.nanoTime();
    long left = life().nanosLeft(now);
    return left > 0 ? left : happen(new Event.Look(now)).nanosLeft(now);
  }

  /** Whether its release has begun, while it was held, or succeeded. */
  boolean isReleased() {
    Phase phase = life().phase();
    return phase == Phase.RELEASING || phase == Phase.RELEASED;
  }

  /** Sets the end of the lease; false if it is not ours any more. */
  boolean extend(long millis) {
    extending.lock();
    try {
      while (true) {
        if (!isHeld()) {
          return false;
        }
        long end = System.nanoTime() + Renewals.certainNanos(millis);
        long move = beginExtension(end);
        long answer = Interrupts.complete(() -> commands.extend(claim.owner(), millis, move));
        if (answer == 0) {
          happen(new Event.Gone());
          return false;
        }
        if (answer > 0) {
          boolean held = happen(new Event.Moved(System.nanoTime(), end)).phase() == Phase.HELD;
          tellOfEnd();
          return held;
        }
        // A renewal was first that was begun after it: asked again, this is the last word.
      }
    } finally {
      extending.unlock();
    }
  }

  private long beginExtension(long end) {
    long move;
    synchronized (this) {
      move = moves.incrementAndGet();
      lastExtension = move;
      happen(new Event.Moving(System.nanoTime(), end));
    }
    tellOfEnd();
    return move;
  }

  /** Throws if it was released, or is kept alive already. */
  void requireNotKeptAlive() {
    switch (life().phase()) {
      case RELEASING, RELEASED, GONE ->
          throw new IllegalStateException("the lease on " + shown() + " has been released");
      case HELD, LOST -> {
        // Renewed, or told at once.
      }
    }
    if (keeping.get() != null) {
      throw keptAliveAlready();
    }
  }

  private IllegalStateException keptAliveAlready() {
    return new IllegalStateException("the lease on " + shown() + " is kept alive already");
  }

  /** Starts the renewal, unless there is one already or nothing is left to be renewed. */
  void keepAlive(Lease handle, long maxHoldNanos, Runnable onLost) {
    requireNotKeptAlive();
    Keeping mine = new Keeping(this, handle, onLost);
    if (!keeping.compareAndSet(null, mine)) {
      throw keptAliveAlready();
    }
    LeaseLife now = happen(new Event.KeepUntil(System.nanoTime() + maxHoldNanos));
    if (now.phase() == Phase.HELD) {
      mine.start(now);
    }
    // It may have ended before there was anyone to be told.
    if (life().phase() == Phase.LOST) {
      mine.tell();
    } else if (life().phase() != Phase.HELD) {
      mine.stop();
    }
  }

  /**
   * Gives the lock back; false if it had been lost before. A release that failed may be tried
   * again.
   */
  boolean release() {
    LeaseLife now = happen(new Event.Release(System.nanoTime()));
    Keeping kept = keeping.get();
    if (kept != null) {
      kept.stop();
    }
    return switch (now.phase()) {
      case RELEASED -> true;
      case GONE -> false;
      case HELD, RELEASING -> giveBack();
      case LOST -> {
        clearAway(now);
        yield false;
      }
    };
  }

  private boolean giveBack() {
    try {
      boolean ours = Interrupts.complete(() -> commands.release(claim, keepMillis()));
      boolean released =
          happen(new Event.Answered(System.nanoTime(), ours)).phase() == Phase.RELEASED;
      if (released) {
        settings.tellReleased(name(), Duration.ofNanos(System.nanoTime() - since));
      } else {
        settings.tellLost(name(), LeaseLife.Cause.TAKEN.text());
      }
      return released;
    } catch (JedisException e) {
      happen(new Event.Failed(commands.mayHaveRun(e)));
      throw e;
    }
  }

  /** For how long from now nobody may have the lock yet. */
  private long keepMillis() {
    long left = settings.keepAtLeastNanos() - (System.nanoTime() - since);
    return left <= 0 ? 0 : TimeUnit.NANOSECONDS.toMillis(left) + 1;
  }

  /**
   * Spares the next holder the wait for what is ours in Redis, though we may not rely on it. Nobody
   * waits for that: Redis may be what has gone.
   */
  private void clearAway(LeaseLife lost) {
    if (lost.cause() != LeaseLife.Cause.TAKEN && keepMillis() == 0) {
      Renewals.of(commands.redis())
          .send(commands.key(), CLEARING_MILLIS, new Clearing(commands, claim));
    }
  }

  @Override
  public @Nullable Request request() {
    Keeping kept = keeping.get();
    if (kept == null || life().phase() != Phase.HELD || !kept.isReachable()) {
      return null;
    }
    return commands.renewal(claim.owner(), leaseMillis, moves.incrementAndGet());
  }

  @Override
  public Answer answered(@Nullable Object reply, long asked) {
    long move = reply instanceof Long number ? number : 0;
    if (move == 0) {
      happen(new Event.Gone());
      return Answer.GONE;
    }
    LeaseLife after;
    synchronized (this) {
      if (move < lastExtension) {
        return Answer.OVERTAKEN;
      }
      long end = asked + Renewals.certainNanos(leaseMillis);
      after = happen(new Event.Moved(System.nanoTime(), end));
    }
    return after.phase() == Phase.HELD ? Answer.RENEWED : Answer.GONE;
  }

  @Override
  public void failed(RuntimeException why) {
    Keeping kept = keeping.get();
    if (kept == null || life().phase() != Phase.HELD) {
      return;
    }
    LOG.warn(
        why,
        "The lease on {} {} could not be renewed; trying until it ends",
        commands.word(),
        name());
  }

  @Override
  public void over() {
    happen(new Event.Look(System.nanoTime()));
  }

  private void tellOfEnd() {
    Keeping kept = keeping.get();
    if (kept != null) {
      kept.endsAt(life());
    }
  }

  private LeaseLife life() {
    return Objects.requireNonNull(life.get());
  }

  @CanIgnoreReturnValue
  private LeaseLife happen(Event event) {
    while (true) {
      LeaseLife before = life();
      LeaseLife after = before.after(event);
      if (life.compareAndSet(before, after)) {
        if (after.isLossAfter(before)) {
          lost(after);
        }
        return after;
      }
    }
  }

  private void lost(LeaseLife after) {
    Keeping kept = keeping.get();
    if (kept != null) {
      kept.tell();
    }
    settings.tellLost(name(), after.cause().text());
  }

  /** The renewal of a hold, the watch over its end, and who is told of it. */
  private static final class Keeping implements Runnable {

    private final Hold hold;

    /** Weak: nobody can release what nobody can reach, so that is not renewed either. */
    private final WeakReference<Lease> handle;

    private final Runnable onLost;

    // Guarded by this object's monitor.
    private @Nullable Renewal renewal;
    private Alarms.@Nullable Alarm watch;
    private boolean stopped;
    private boolean told;

    private Keeping(Hold hold, Lease handle, Runnable onLost) {
      this.hold = hold;
      this.handle = new WeakReference<>(handle);
      this.onLost = onLost;
    }

    private synchronized void start(LeaseLife life) {
      renewal =
          Renewals.of(hold.commands.redis())
              .keep(hold.commands.key(), hold.leaseMillis, life.end(), hold);
      watch(life);
    }

    private synchronized void endsAt(LeaseLife life) {
      if (renewal != null && !stopped) {
        renewal.endsAt(life.end());
        watch(life);
      }
    }

    private synchronized void watch(LeaseLife life) {
      if (watch != null) {
        watch.cancel();
      }
      if (!stopped && life.phase() == Phase.HELD) {
        long end = life.bounded() && life.last() - life.end() < 0 ? life.last() : life.end();
        watch = Alarms.shared().at(end, this::look);
      }
    }

    /** By the timer, which waits for nothing: a renewal that hangs does not delay the news. */
    private void look() {
      LeaseLife now = hold.happen(new Event.Look(System.nanoTime()));
      if (now.phase() == Phase.HELD) {
        watch(now); // It was renewed.
      }
    }

    private boolean isReachable() {
      boolean reachable = handle.get() != null;
      if (!reachable) {
        LOG.warn(
            "The lease on {} {} was dropped without a release; it expires",
            hold.commands.word(),
            hold.name());
      }
      return reachable;
    }

    private synchronized void stop() {
      stopped = true;
      if (renewal != null) {
        renewal.end();
      }
      if (watch != null) {
        watch.cancel();
      }
    }

    /** Has the holder told by another thread, once. */
    private void tell() {
      synchronized (this) {
        if (told) {
          return;
        }
        told = true;
      }
      Callbacks.shared().run(this);
      stop();
    }

    @Override
    public void run() {
      try {
        onLost.run();
      } catch (Throwable e) {
        LOG.warn(e, "The callback for the loss of {} {} failed", hold.commands.word(), hold.name());
      }
      // After the holder, who must not wait for a log.
      LOG.warn("The lease on {} {} was lost: {}", hold.commands.word(), hold.name(), cause());
    }

    private String cause() {
      return hold.life().cause().text();
    }
  }

  /** A release that nobody waits for. */
  private record Clearing(LockCommands commands, Claim claim) implements Renewable {

    @Override
    public @Nullable Request request() {
      return commands.redis().isClosed() ? null : commands.releaseRequest(claim);
    }

    @Override
    public Answer answered(@Nullable Object reply, long asked) {
      return Answer.GONE;
    }

    @Override
    public void failed(RuntimeException why) {
      LOG.warn(
          why,
          "The lease on {} {} was lost and could not be released yet",
          commands.word(),
          commands.name());
    }

    @Override
    public void over() {
      LOG.warn(
          "The lease on {} {} was lost and could not be released; it expires",
          commands.word(),
          commands.name());
    }
  }
}
