package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * A Redis user who may not do all that a lock needs: no lock stays taken, no key stays for good.
 */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = ClientKind.CLIENT)
class LockPermissionIT {

  private static final long LEASE_MILLIS = 60_000;
  private static final String ME = "my-owner-id";
  private static final String OTHER = "others-owner-id";

  private final TestRedis redis;

  LockPermissionIT(TestRedis redis) {
    this.redis = redis;
  }

  /** In which state a request may find the lock. */
  private enum Found {
    NEVER_USED,
    FREE,
    FREE_AND_PROMISED_TO_ONE_WHO_LEFT,
    MINE,
    MINE_AND_WAITED_FOR,
    MINE_WITH_ITS_STATE_LOST,
    ANOTHERS,
    ANOTHERS_WITH_ITS_STATE_LOST
  }

  /** Something that a lock sends as {@link #ME}. */
  private interface Sent {
    @CanIgnoreReturnValue
    Object by(LockCommands commands);
  }

  private static Stream<Sent> everything() {
    return Stream.of(
        commands -> commands.acquire(ME, LEASE_MILLIS, 0, LockCommands.PROMISED_OR_NOT),
        commands -> commands.acquire(ME, LEASE_MILLIS, 2_000, LockCommands.NOT_WOKEN),
        commands -> commands.release(ME, LEASE_MILLIS),
        commands -> commands.extend(ME, LEASE_MILLIS, 1),
        commands -> commands.renew(ME, LEASE_MILLIS, 2),
        commands -> String.valueOf(commands.awaitWake(1)),
        LockCommands::isLocked);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "evalsha", "hmget", "hget", "hset", "time", "get", "set", "exists", "pttl", "pexpire",
        "del", "llen", "rpush", "blpop"
      })
  void whatAUserMayNotDoLeavesTheHolderAloneAndNoKeyWithoutATimeToLive(String command) {
    List<String> refused = new ArrayList<>();
    try (TestRedis restricted = redis.withoutCommands(command)) {
      for (Found found : Found.values()) {
        for (Sent sent : everything().toList()) {
          String name = redis.unique("restricted");
          prepare(found, name);
          String holder = redis.admin().get(Locks.key(name));
          try {
            sent.by(commands(restricted, name));
          } catch (JedisException e) {
            refused.add(e.getMessage());
            assertThat(e, is(instanceOf(JedisDataException.class)));
          }
          String why = found + " without " + command;
          assertEachKeyExpires(why, name);
          if (OTHER.equals(holder)) {
            assertThat(why, redis.admin().get(Locks.key(name)), is(OTHER));
          }
        }
      }
    }
    assertThat("the command is used", refused, is(not(empty())));
  }

  @Test
  void anAcquisitionThatIsRefusedHalfwayIsTakenBack() {
    try (TestRedis restricted = redis.withoutCommands("hset")) {
      String name = redis.unique("halfway");
      RedisLock lock = Locks.lock(restricted, name, Duration.ofMillis(LEASE_MILLIS));
      assertThrows(JedisDataException.class, lock::tryAcquire);
      assertThat(lock.isLocked(), is(false));
      assertThrows(JedisDataException.class, () -> lock.acquire(Duration.ofMillis(100)));
      assertThat(lock.isLocked(), is(false));
    }
  }

  private void prepare(Found found, String name) {
    switch (found) {
      case NEVER_USED -> {}
      case FREE -> {
        acquire(name, OTHER);
        release(name, OTHER);
      }
      case FREE_AND_PROMISED_TO_ONE_WHO_LEFT -> {
        acquire(name, OTHER);
        refuse(name);
        release(name, OTHER);
        assertThat(redis.admin().llen(Locks.key(name) + ":q"), is(1L));
      }
      case MINE -> acquire(name, ME);
      case MINE_AND_WAITED_FOR -> {
        acquire(name, ME);
        refuse(name);
      }
      case MINE_WITH_ITS_STATE_LOST -> acquireAndLoseState(name, ME);
      case ANOTHERS -> acquire(name, OTHER);
      case ANOTHERS_WITH_ITS_STATE_LOST -> acquireAndLoseState(name, OTHER);
    }
  }

  private void acquire(String name, String owner) {
    assertThat(
        commands(redis, name).acquire(owner, LEASE_MILLIS, 0, LockCommands.PROMISED_OR_NOT),
        is(greaterThan(0L)));
  }

  private void acquireAndLoseState(String name, String owner) {
    acquire(name, owner);
    assertThat(redis.admin().del(Locks.key(name) + ":s"), is(1L));
  }

  /** Has somebody ask in vain who then waits, as far as the holder's release knows. */
  private void refuse(String name) {
    assertThat(
        commands(redis, name).acquire("waiters-owner-id", LEASE_MILLIS, 2_000, ""),
        is(lessThan(0L)));
  }

  private void release(String name, String owner) {
    assertThat(commands(redis, name).release(owner, LEASE_MILLIS), is(true));
  }

  private void assertEachKeyExpires(String why, String name) {
    for (String part : List.of("", ":s", ":q")) {
      assertThat(why + part, redis.admin().pttl(Locks.key(name) + part), is(not(-1L)));
    }
  }

  private static LockCommands commands(TestRedis redis, String name) {
    return new LockCommands(redis.access(), name);
  }
}
