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
    MINE_AND_WAITED_FOR_WITH_A_WAKE_UP_THAT_NOBODY_HEARD,
    ANOTHERS
  }

  /** Something that a lock sends as {@link #ME}. */
  private interface Sent {
    @CanIgnoreReturnValue
    Object by(Requests requests);
  }

  private static Stream<Sent> everything() {
    return Stream.of(
        requests -> requests.acquire(ME, LEASE_MILLIS),
        requests -> requests.wait(ME, LEASE_MILLIS, 2_000),
        requests -> requests.release(ME, 0),
        requests -> requests.commands().withdraw(ME),
        requests -> requests.commands().extend(ME, LEASE_MILLIS, 1),
        requests -> requests.renew(ME, LEASE_MILLIS, 2),
        requests -> requests.awaitWake(1),
        requests -> requests.commands().isLocked());
  }

  @ParameterizedTest
  @ValueSource(strings = {"evalsha", "get", "time", "set", "pexpire", "rpush", "ltrim", "blpop"})
  void whatAUserMayNotDoLeavesTheHolderAloneAndNoKeyWithoutATimeToLive(String command) {
    List<String> refused = new ArrayList<>();
    try (TestRedis restricted = redis.withoutCommands(command)) {
      for (Found found : Found.values()) {
        for (Sent sent : everything().toList()) {
          String name = redis.unique("restricted");
          prepare(found, name);
          String holder = Locks.state(redis, name).owner();
          try {
            sent.by(new Requests(restricted, name));
          } catch (JedisException e) {
            refused.add(e.getMessage());
            assertThat(e, is(instanceOf(JedisDataException.class)));
          }
          String why = found + " without " + command;
          assertEachKeyExpires(why, name);
          if (OTHER.equals(holder)) {
            assertThat(why, Locks.state(redis, name).owner(), is(OTHER));
          }
        }
      }
    }
    assertThat("the command is used", refused, is(not(empty())));
  }

  @Test
  void anAcquisitionThatIsRefusedHalfwayIsTakenBack() {
    try (TestRedis restricted = redis.withoutCommands("set")) {
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
      case MINE_AND_WAITED_FOR_WITH_A_WAKE_UP_THAT_NOBODY_HEARD -> {
        acquire(name, ME);
        refuse(name);
        String wakeKey = Locks.key(name) + ":q";
        assertThat(redis.admin().rpush(wakeKey, "1"), is(1L));
        assertThat(redis.admin().pexpire(wakeKey, 2_000), is(1L));
      }
      case ANOTHERS -> acquire(name, OTHER);
    }
  }

  private void acquire(String name, String owner) {
    assertThat(new Requests(redis, name).acquire(owner, LEASE_MILLIS), is(greaterThan(0L)));
  }

  /** Has somebody ask in vain who then waits, as far as the holder's release knows. */
  private void refuse(String name) {
    assertThat(
        new Requests(redis, name).wait("waiters-owner-id", LEASE_MILLIS, 2_000), is(lessThan(0L)));
  }

  private void release(String name, String owner) {
    assertThat(new Requests(redis, name).release(owner, 0), is(true));
  }

  private void assertEachKeyExpires(String why, String name) {
    for (String part : List.of("", ":q")) {
      assertThat(why + part, redis.admin().pttl(Locks.key(name) + part), is(not(-1L)));
    }
  }
}
