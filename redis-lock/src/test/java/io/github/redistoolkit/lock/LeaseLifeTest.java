package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.lock.LeaseLife.Cause;
import io.github.redistoolkit.lock.LeaseLife.Event;
import io.github.redistoolkit.lock.LeaseLife.Phase;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;

/** Every short life of a lease, and many long ones, against a model that is written differently. */
class LeaseLifeTest {

  /** Where {@link System#nanoTime} overflows, so that plain comparisons would fail. */
  private static final long START = Long.MAX_VALUE - 25;

  private static final long FIRST_END = START + 20;

  /** Everything that can happen at a time. */
  private static final List<LongFunction<Event>> EVENTS =
      List.of(
          Event.Look::new,
          now -> new Event.KeepUntil(now + 15),
          now -> new Event.Moving(now, now + 5),
          now -> new Event.Moving(now, now + 40),
          now -> new Event.Moved(now, now + 5),
          now -> new Event.Moved(now, now + 40),
          now -> new Event.Gone(),
          Event.Release::new,
          now -> new Event.Answered(now, true),
          now -> new Event.Answered(now, false),
          now -> new Event.Failed(true),
          now -> new Event.Failed(false));

  private static final long[] PAUSES = {0, 11};

  /** A lease as a list of rules about what has happened, in place of a state. */
  private static final class Model {

    private long end = FIRST_END;
    private long last = Long.MIN_VALUE;
    private boolean bounded;
    private boolean over;
    private boolean releaseBegun;
    private boolean failed;
    private boolean maybe;
    private int told;
    private Cause cause = Cause.NONE;
    private String result = "";

    private boolean isOpen() {
      return !over && !releaseBegun && result.isEmpty();
    }

    private void lookAt(long now) {
      if (isOpen() && end - now <= 0) {
        lose(Cause.EXPIRED);
      } else if (isOpen() && bounded && last - now <= 0) {
        lose(Cause.MAX_HOLD);
      }
    }

    private void lose(Cause why) {
      over = true;
      told++;
      cause = why;
    }

    private void happen(Event event) {
      if (event instanceof Event.Look look) {
        lookAt(look.now());
      } else if (event instanceof Event.KeepUntil keep && isOpen()) {
        bounded = true;
        last = keep.last();
      } else if (event instanceof Event.Moving moving) {
        lookAt(moving.now());
        if (isOpen()) {
          end = moving.newEnd() - end < 0 ? moving.newEnd() : end;
        }
      } else if (event instanceof Event.Moved moved) {
        lookAt(moved.now());
        if (isOpen()) {
          end = moved.newEnd() - end > 0 ? moved.newEnd() : end;
        }
      } else if (event instanceof Event.Gone && isOpen()) {
        lose(Cause.TAKEN);
      } else if (event instanceof Event.Release release) {
        lookAt(release.now());
        releaseBegun |= isOpen();
      } else if (event instanceof Event.Answered answered && releaseBegun && result.isEmpty()) {
        boolean wasOurs = answered.ours() || maybe || (failed && end - answered.now() <= 0);
        result = wasOurs ? "RELEASED" : "GONE";
      } else if (event instanceof Event.Failed failure && releaseBegun && result.isEmpty()) {
        failed = true;
        maybe |= failure.mayHaveRun();
      }
    }

    private String phase() {
      if (!result.isEmpty()) {
        return result;
      }
      return over ? "LOST" : releaseBegun ? "RELEASING" : "HELD";
    }
  }

  /** Runs a life and its model side by side. */
  private static final class Run {

    private LeaseLife life = LeaseLife.heldUntil(FIRST_END);
    private final Model model = new Model();
    private final Deque<Event> events = new ArrayDeque<>();
    private long now = START;
    private int told;

    private void step(long pause, LongFunction<Event> what) {
      now += pause;
      Event event = what.apply(now);
      events.addLast(event);
      LeaseLife before = life;
      life = before.after(event);
      model.happen(event);
      told += life.isLossAfter(before) ? 1 : 0;
      check(before);
    }

    private void check(LeaseLife before) {
      boolean sound =
          life.phase().name().equals(model.phase())
              && life.cause() == model.cause
              && told == model.told
              && told == (life.phase() == Phase.LOST ? 1 : 0)
              && (life.phase() != Phase.HELD || before.phase() == Phase.HELD)
              && (life.nanosLeft(now) > 0) == isCertain()
              && !(isFinal(before.phase()) && life.phase() != before.phase());
      if (!sound) {
        throw new AssertionError(
            events + " made " + life + ", told " + told + ", but the model " + model.phase());
      }
    }

    private boolean isCertain() {
      return life.phase() == Phase.HELD
          && model.end - now > 0
          && (!model.bounded || model.last - now > 0);
    }

    private static boolean isFinal(Phase phase) {
      return phase == Phase.LOST || phase == Phase.RELEASED || phase == Phase.GONE;
    }
  }

  @Test
  void everyLifeOfFourEventsIsAsTheModelSays() {
    int steps = EVENTS.size() * PAUSES.length;
    Set<Phase> seen = EnumSet.noneOf(Phase.class);
    for (int number = 0; number < steps * steps * steps * steps; number++) {
      Run run = new Run();
      for (int rest = number, i = 0; i < 4; i++, rest /= steps) {
        int step = rest % steps;
        run.step(PAUSES[step % PAUSES.length], EVENTS.get(step / PAUSES.length));
      }
      seen.add(run.life.phase());
    }
    assertThat("ends of lives", seen, is(EnumSet.allOf(Phase.class)));
  }

  @Test
  void longLivesAreAsTheModelSays() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int life = 0; life < 20_000; life++) {
      Run run = new Run();
      for (int i = 0; i < 30; i++) {
        // Ends come rarely, so that lives are long.
        int event = random.nextInt(4) == 0 ? random.nextInt(EVENTS.size()) : random.nextInt(6);
        run.step(random.nextInt(6), EVENTS.get(event));
      }
    }
  }

  @Test
  void whatIsCertainEndsWithTheLeaseOrWithMaxHoldWhicheverIsFirst() {
    LeaseLife life = LeaseLife.heldUntil(1_000);
    assertThat(life.nanosLeft(400), is(600L));
    LeaseLife kept = life.after(new Event.KeepUntil(700));
    assertThat(kept.nanosLeft(400), is(300L));
    assertThat(kept.nanosLeft(700), is(0L));
    assertThat(kept.after(new Event.Look(700)).cause(), is(Cause.MAX_HOLD));
    assertThat(life.after(new Event.Look(1_000)).cause(), is(Cause.EXPIRED));
    List<String> texts = new ArrayList<>();
    for (Cause cause : Cause.values()) {
      texts.add(cause.text());
    }
    assertThat(texts.stream().distinct().count(), is((long) Cause.values().length));
  }
}
