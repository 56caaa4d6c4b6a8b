package io.github.redistoolkit.lock;

/**
 * Where a lease is in its life: a value, from which each event makes the next one. No I/O, no clock
 * of its own; times are those of {@link System#nanoTime}.
 *
 * <pre>
 * HELD ──Release──▶ RELEASING ──Answered(ours)──▶ RELEASED
 *   │                   │  ▲ Failed
 *   │ Look (its time    │  └────┘
 *   │ passed, maxHold), │
 *   │ Gone              └──Answered(not ours)──▶ GONE
 *   ▼
 * LOST
 * </pre>
 *
 * <p>Nothing leads back to HELD, so that nobody who was told of a loss finds the lock held again.
 * Only the way from HELD to LOST is a loss that has to be told: whoever releases hears of it from
 * the release.
 *
 * @param phase where it is
 * @param end until when the lease is certain
 * @param last until when it may be held at most, by {@code maxHold}
 * @param bounded whether there is a {@code last}
 * @param failedReleases whether a release was tried and failed
 * @param mayBeReleased whether one of these may have been executed nevertheless
 * @param cause why it was lost
 */
record LeaseLife(
    Phase phase,
    long end,
    long last,
    boolean bounded,
    boolean failedReleases,
    boolean mayBeReleased,
    Cause cause) {

  enum Phase {
    HELD,
    RELEASING,
    RELEASED,
    /** A release found that it was somebody else's, or nobody's. */
    GONE,
    LOST
  }

  /** Why a lease was lost. */
  enum Cause {
    NONE(""),
    EXPIRED("its time passed"),
    MAX_HOLD("maxHold is over"),
    TAKEN("Redis has it no more");

    private final String text;

    Cause(String text) {
      this.text = text;
    }

    String text() {
      return text;
    }
  }

  /** What can happen to a lease. */
  sealed interface Event {

    /** Somebody looks at the clock. */
    record Look(long now) implements Event {}

    /** It is to be kept alive until a time at most. */
    record KeepUntil(long last) implements Event {}

    /** Redis is about to be asked to move the end, which may happen without a reply. */
    record Moving(long now, long newEnd) implements Event {}

    /** Redis has moved the end. */
    record Moved(long now, long newEnd) implements Event {}

    /** Redis has said that it is not ours. */
    record Gone() implements Event {}

    /** It is to be released. */
    record Release(long now) implements Event {}

    /** Redis has answered a release. */
    record Answered(long now, boolean ours) implements Event {}

    /** A release has failed, and perhaps been executed. */
    record Failed(boolean mayHaveRun) implements Event {}
  }

  static LeaseLife heldUntil(long end) {
    return new LeaseLife(Phase.HELD, end, 0, false, false, false, Cause.NONE);
  }

  /** What becomes of it. */
  LeaseLife after(Event event) {
    if (event instanceof Event.Look look) {
      return at(look.now());
    }
    if (event instanceof Event.KeepUntil keep) {
      return phase == Phase.HELD ? boundedBy(keep.last()) : this;
    }
    if (event instanceof Event.Moving moving) {
      LeaseLife now = at(moving.now());
      return now.phase == Phase.HELD && moving.newEnd() - end < 0
          ? now.until(moving.newEnd())
          : now;
    }
    if (event instanceof Event.Moved moved) {
      LeaseLife now = at(moved.now());
      return now.phase == Phase.HELD && moved.newEnd() - end > 0 ? now.until(moved.newEnd()) : now;
    }
    if (event instanceof Event.Gone) {
      return phase == Phase.HELD ? lost(Cause.TAKEN) : this;
    }
    if (event instanceof Event.Release release) {
      LeaseLife now = at(release.now());
      return now.phase == Phase.HELD ? now.in(Phase.RELEASING) : now;
    }
    if (event instanceof Event.Answered answered) {
      return phase == Phase.RELEASING ? answered(answered) : this;
    }
    Event.Failed failed = (Event.Failed) event;
    return phase == Phase.RELEASING
        ? new LeaseLife(
            phase, end, last, bounded, true, mayBeReleased || failed.mayHaveRun(), cause)
        : this;
  }

  /** Whether the way from an earlier value to this one is a loss that has to be told. */
  boolean isLossAfter(LeaseLife before) {
    return before.phase == Phase.HELD && phase == Phase.LOST;
  }

  /** For how long it is certain to be held: 0 once it is not. */
  long nanosLeft(long now) {
    if (phase != Phase.HELD) {
      return 0;
    }
    long left = end - now;
    return Math.max(0, bounded ? Math.min(left, last - now) : left);
  }

  private LeaseLife at(long now) {
    if (phase != Phase.HELD) {
      return this;
    }
    if (end - now <= 0) {
      return lost(Cause.EXPIRED);
    }
    return bounded && last - now <= 0 ? lost(Cause.MAX_HOLD) : this;
  }

  /**
   * What Redis says is not ours need not have been lost: it was held when its release was first
   * tried, and has since been released by that, or its time has passed. What is gone before its
   * time was lost.
   */
  private LeaseLife answered(Event.Answered answered) {
    boolean goneThroughUs = mayBeReleased || (failedReleases && end - answered.now() <= 0);
    return in(answered.ours() || goneThroughUs ? Phase.RELEASED : Phase.GONE);
  }

  private LeaseLife in(Phase next) {
    return new LeaseLife(next, end, last, bounded, failedReleases, mayBeReleased, cause);
  }

  private LeaseLife lost(Cause why) {
    return new LeaseLife(Phase.LOST, end, last, bounded, failedReleases, mayBeReleased, why);
  }

  private LeaseLife until(long newEnd) {
    return new LeaseLife(phase, newEnd, last, bounded, failedReleases, mayBeReleased, cause);
  }

  private LeaseLife boundedBy(long newLast) {
    return new LeaseLife(phase, end, newLast, true, failedReleases, mayBeReleased, cause);
  }
}
