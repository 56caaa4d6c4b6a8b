package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What was taken in a history of an id that is gone, since somebody has reset it or Redis has lost
 * it: it is not given back to the next history, which others have taken from.
 */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class RateLimiterDataLossIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Duration HOLD = Duration.ofMillis(100);
  private static final long HOLD_MICROS = HOLD.toNanos() / 1000;
  private static final List<Limit> LIMITS =
      List.of(Limit.of(100, MINUTE), Limit.tokenBucket(100, 1, MINUTE));

  private final TestRedis redis;
  private final String id;
  private final SimulatedTime time = new SimulatedTime();

  RateLimiterDataLossIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("lost");
  }

  /** How the history of an id comes to its end. */
  enum End {
    RESET_BY_ANOTHER {
      @Override
      void of(TestRedis redis, RateLimiter other, String id) {
        other.reset(id);
      }
    },
    LOST_BY_REDIS {
      @Override
      void of(TestRedis redis, RateLimiter other, String id) {
        redis.admin().del(key(id));
      }
    };

    abstract void of(TestRedis redis, RateLimiter other, String id);
  }

  private static String key(String id) {
    return "rl:default:{" + id + "}";
  }

  private RateLimiter.Builder builder(Limit limit) {
    return redis
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(limit)
        .time(time)
        .clock(time::micros);
  }

  /** Takes some permits of an id ahead; returns the limiter. */
  private RateLimiter takingAhead(Limit limit, String from) {
    RateLimiter ahead = builder(limit).permitsAhead(1000, HOLD).build();
    assertThat(ahead.isAllowed(from), is(true));
    assertThat(ahead.isAllowed(from), is(true));
    assertThat(ahead.peek(from).remaining(), is(lessThan(90L)));
    return ahead;
  }

  @ParameterizedTest
  @EnumSource
  void permitsTakenAheadThatLieIdleAreNotGivenBackToTheNext(End end) {
    for (Limit limit : LIMITS) {
      String each = id + limit.name();
      RateLimiter other = builder(limit).build();
      RateLimiter unused = takingAhead(limit, each);
      end.of(redis, other, each);
      assertThat(other.tryAcquire(each, 100).allowed(), is(true));
      time.pass(HOLD);
      assertThat(time.tasks.isEmpty(), is(true));
      assertThat(other.peek(each).remaining(), is(0L));
    }
  }

  @ParameterizedTest
  @EnumSource
  void permitsTakenAheadAreNotGivenBackToTheNextByWhoAsksForMore(End end) {
    for (Limit limit : LIMITS) {
      String each = id + limit.name();
      RateLimiter other = builder(limit).build();
      RateLimiter ahead = takingAhead(limit, each);
      end.of(redis, other, each);
      assertThat(other.tryAcquire(each, 100).allowed(), is(true));
      time.pass(HOLD.dividedBy(2));
      assertThat(ahead.tryAcquire(each, 60).allowed(), is(false));
      assertThat(other.peek(each).remaining(), is(0L));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aBookingOfTheFormerTakesNothingOutOfTheNext(End end) {
    for (Limit limit : List.of(Limit.of(10, MINUTE), Limit.tokenBucket(10, 10, MINUTE))) {
      String each = id + limit.name();
      RateLimiter limiter = builder(limit).build();
      RateLimiter other = builder(limit).build();
      assertThat(limiter.tryAcquire(each, 10).allowed(), is(true));
      Booking gone = limiter.book(each, 10, MINUTE.toNanos() / 1000);
      assertThat(gone.decision().allowed(), is(true));
      end.of(redis, other, each);
      time.pass(Duration.ofSeconds(1));
      assertThat(other.tryAcquire(each, 10).allowed(), is(true));
      Booking booked = other.book(each, 10, MINUTE.toNanos() / 1000);
      assertThat(booked.decision().allowed(), is(true));
      limiter.cancel(each, 10, gone);
      Booking next = other.book(each, 10, MINUTE.multipliedBy(3).toNanos() / 1000);
      assertThat(
          next.instantMicros() - booked.instantMicros(),
          is(greaterThanOrEqualTo(MINUTE.toNanos() / 1000)));
    }
  }

  @Test
  void whoStoodStillForLongerThanItMayHoldPermitsGivesThemBackAllTheSame() {
    for (Limit limit : LIMITS) {
      String each = id + limit.name();
      time.late = Duration.ofSeconds(5);
      RateLimiter ahead = takingAhead(limit, each);
      time.pass(Duration.ofSeconds(1));
      // Somebody else asks meanwhile.
      RateLimiter unused = takingAhead(limit, each);
      time.pass(Duration.ofSeconds(6));
      // A bucket has as much less as flows in while some may be kept.
      assertThat(ahead.peek(each).remaining(), is(greaterThanOrEqualTo(94L)));
    }
  }

  private Booking send(String call, Limit limit, long permits, Request request) {
    RedisAccess access = redis.over(p -> RedisAccess.of(p, "test"), c -> RedisAccess.of(c, "test"));
    DecisionScript.Subject subject =
        new DecisionScript.Subject(key(id + limit.name()), permits, List.of(limit));
    return DecisionScript.run(access, time.micros(), call, request, List.of(subject));
  }

  /** A Cluster's client sends again what it had no reply to, whoever was served meanwhile. */
  @Test
  void whatIsGivenBackTwiceOrOvertakenByTheNextQuestionFreesNothingOfOthers() {
    Request.Taker taker = new Request.Taker(7, 0, 10, 100);
    for (Limit limit : LIMITS) {
      RateLimiter other = builder(limit).build();
      String each = id + limit.name();
      Booking first = send("call-001", limit, 1, Request.takeAhead(10, HOLD_MICROS, 0, 0, taker));
      assertThat(first.granted(), is(11L));
      long until = first.instantMicros() + HOLD_MICROS;
      Request back = Request.giveBackAhead(10, HOLD_MICROS, until, taker);
      Booking once = send("call-002", limit, 1, back);
      long free = once.decision().remaining();
      assertThat(free, is(greaterThan(90L)));
      assertThat(other.tryAcquire(each, free).allowed(), is(true));
      Booking again = send("call-002", limit, 1, back);
      assertThat(again.decision().remaining(), is(0L));

      other.refund(each, free);
      time.pass(Duration.ofMillis(1));
      Booking second = send("call-003", limit, 1, Request.takeAhead(10, HOLD_MICROS, 0, 0, taker));
      long then = second.instantMicros() + HOLD_MICROS;
      assertThat(second.granted(), is(greaterThan(1L)));
      time.pass(Duration.ofMillis(1));
      Booking third =
          send(
              "call-004",
              limit,
              1,
              Request.takeAhead(0, HOLD_MICROS, second.granted() - 1, then, taker));
      assertThat(third.granted(), is(1L));
      long left = other.peek(each).remaining();
      assertThat(other.tryAcquire(each, left).allowed(), is(true));
      Request late = Request.giveBackAhead(second.granted() - 1, HOLD_MICROS, then, taker);
      Booking overtaken = send("call-005", limit, 1, late);
      assertThat(overtaken.decision().remaining(), is(0L));
    }
  }
}
