package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.lock.LockCommands.Claim;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A Redis user who may not do all that a semaphore needs: the other holders keep their permits, and
 * no key stays for good.
 */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class SemaphorePermissionIT extends PermissionSuite<SemaphorePermissionIT.Found> {

  SemaphorePermissionIT(TestRedis redis) {
    super(redis, Found.class);
  }

  /** In which state a request may find the semaphore, of two permits. */
  enum Found {
    NEVER_USED,
    FREE,
    ONE_IS_ANOTHERS,
    ONE_IS_ANOTHERS_AND_ONE_MINE,
    MINE_AND_WAITED_FOR
  }

  @Override
  Requests requests(TestRedis user, String name) {
    return PermitState.requests(user, name, 2);
  }

  @Override
  List<String> keys(String name) {
    return List.of(PermitState.key(name), PermitState.key(name) + ":q");
  }

  @Override
  boolean isHeldByOther(String name) {
    return PermitState.of(redis, name).ends().containsKey(OTHER);
  }

  @Override
  void prepare(Found found, String name, String without) {
    prepare(found, name);
    if (without.equals("hgetall")) {
      // It is used only when something is over.
      shorten(name);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "evalsha", "hmget", "exists", "time", "hset", "hdel", "hgetall", "pexpire", "rpush", "blpop"
      })
  void whatAUserMayNotDoLeavesOtherHoldersAloneAndNoKeyWithoutATimeToLive(String command) {
    assertHarmlessWithout(command);
  }

  @ParameterizedTest
  @ValueSource(strings = {"hdel", "pexpire"})
  void aPermitThatCannotBeHadIsNotTakenAlsoIfAnotherLeaseIsOver(String command) {
    try (TestRedis restricted = redis.withoutCommands(command)) {
      String name = redis.unique("restricted");
      prepare(Found.ONE_IS_ANOTHERS, name);
      shorten(name);
      Requests requests = PermitState.requests(restricted, name, 2);
      assertRefused(command, () -> requests.acquire(ME, LEASE_MILLIS));
      assertThat(PermitState.of(redis, name).ends().containsKey(ME), is(false));
      assertThat(
          PermitState.requests(redis, name, 2).acquire("next-owner", LEASE_MILLIS),
          is(greaterThan(0L)));
    }
  }

  @Test
  void aLeaseWhoseExtensionIsRefusedEndsWhenItDid() {
    try (TestRedis restricted = redis.withoutCommands("hdel")) {
      String name = redis.unique("restricted");
      prepare(Found.MINE_AND_WAITED_FOR, name);
      shorten(name);
      PermitState before = PermitState.of(redis, name);
      Requests requests = PermitState.requests(restricted, name, 2);
      long longer = 2 * LEASE_MILLIS;
      assertRefused("hdel", () -> requests.commands().extend(ME, longer, 1));
      assertRefused("hdel", () -> requests.acquire(ME, longer));
      assertRefused("hdel", () -> requests.wait("waiter", LEASE_MILLIS, 60_000));
      PermitState after = PermitState.of(redis, name);
      assertThat(after.ends(), is(before.ends()));
      assertThat(after.last(), is(before.last()));
      assertThat(after.waitersMicros(), is(before.waitersMicros()));
    }
  }

  @Test
  void aReleaseThatMayNotRemoveWhatItEndsWakesNobody() {
    try (TestRedis restricted = redis.withoutCommands("hdel")) {
      String name = redis.unique("restricted");
      prepare(Found.MINE_AND_WAITED_FOR, name);
      Claim claim = new Claim(ME, 0, true, false);
      LockCommands commands = requests(restricted, name).commands();
      assertRefused("hdel", () -> commands.release(claim, 0));
      assertThat(redis.admin().exists(keys(name).get(1)), is(false));
    }
  }

  private void prepare(Found found, String name) {
    Requests requests = PermitState.requests(redis, name, 2);
    switch (found) {
      case NEVER_USED -> {}
      case FREE -> {
        assertThat(requests.acquire(OTHER, LEASE_MILLIS), is(greaterThan(0L)));
        assertThat(requests.release(OTHER, 0), is(true));
      }
      case ONE_IS_ANOTHERS ->
          assertThat(requests.acquire(OTHER, LEASE_MILLIS), is(greaterThan(0L)));
      case ONE_IS_ANOTHERS_AND_ONE_MINE -> {
        assertThat(requests.acquire(OTHER, LEASE_MILLIS), is(greaterThan(0L)));
        assertThat(requests.acquire(ME, LEASE_MILLIS), is(greaterThan(0L)));
      }
      case MINE_AND_WAITED_FOR -> {
        assertThat(requests.acquire(OTHER, LEASE_MILLIS), is(greaterThan(0L)));
        assertThat(requests.acquire(ME, LEASE_MILLIS), is(greaterThan(0L)));
        assertThat(requests.wait("waiter", LEASE_MILLIS, 2_000), is(lessThan(0L)));
      }
    }
  }

  /** Has a third one's lease be over, so that the next request looks at all. */
  private void shorten(String name) {
    Requests requests = PermitState.requests(redis, name, 3);
    assertThat(requests.acquire("third-owner", LEASE_MILLIS), is(greaterThan(0L)));
    assertThat(requests.commands().extend("third-owner", 1, 1), is(1L));
    long end = PermitState.of(redis, name).first();
    while (PermitState.of(redis, name).now() <= end) {
      Thread.onSpinWait();
    }
  }
}
