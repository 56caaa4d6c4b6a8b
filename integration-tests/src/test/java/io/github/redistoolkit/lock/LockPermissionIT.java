package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * A Redis user who may not do all that a lock needs: no lock stays taken, no key stays for good.
 */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class LockPermissionIT extends PermissionSuite<LockPermissionIT.Found> {

  LockPermissionIT(TestRedis redis) {
    super(redis, Found.class);
  }

  /** In which state a request may find the lock. */
  enum Found {
    NEVER_USED,
    FREE,
    FREE_AND_PROMISED_TO_ONE_WHO_LEFT,
    MINE,
    MINE_AND_WAITED_FOR,
    MINE_AND_WAITED_FOR_WITH_A_WAKE_UP_THAT_NOBODY_HEARD,
    ANOTHERS
  }

  @Override
  Requests requests(TestRedis user, String name) {
    return new Requests(user, name);
  }

  @Override
  List<String> keys(String name) {
    return List.of(Locks.key(name), Locks.key(name) + ":q");
  }

  @Override
  boolean isHeldByOther(String name) {
    return OTHER.equals(Locks.state(redis, name).owner());
  }

  @ParameterizedTest
  @ValueSource(strings = {"evalsha", "get", "time", "set", "pexpire", "rpush", "ltrim", "blpop"})
  void whatAUserMayNotDoLeavesTheHolderAloneAndNoKeyWithoutATimeToLive(String command) {
    assertHarmlessWithout(command);
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

  @Override
  void prepare(Found found, String name, String without) {
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
}
