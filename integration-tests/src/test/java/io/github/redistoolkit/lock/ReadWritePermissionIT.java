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
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A Redis user who may not do all that a read-write lock needs. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class ReadWritePermissionIT extends PermissionSuite<ReadWritePermissionIT.Found> {

  private boolean writing;

  ReadWritePermissionIT(TestRedis redis) {
    super(redis, Found.class);
  }

  /** In which state a request may find the lock. */
  enum Found {
    NEVER_USED,
    FREE,
    FREE_AND_PROMISED_TO_ONE_WHO_LEFT,
    ANOTHER_READS,
    ANOTHER_WRITES,
    ANOTHER_READS_AND_I_WAIT,
    ANOTHER_READS_AND_SO_DO_I,
    MINE_AND_WAITED_FOR,
    MINE_AND_WAITED_FOR_WITH_WAKE_UPS_THAT_NOBODY_HEARD
  }

  @Override
  Requests requests(TestRedis user, String name) {
    return writing ? ReadWriteState.writing(user, name) : ReadWriteState.reading(user, name);
  }

  @Override
  List<String> keys(String name) {
    return ReadWriteState.keys(name);
  }

  @Override
  boolean isHeldByOther(String name) {
    return ReadWriteState.of(redis, name).ends().containsKey(OTHER);
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
        "evalsha", "hmget", "exists", "time", "hset", "hdel", "hgetall", "pexpire", "rpush",
        "ltrim", "blpop"
      })
  void whatAUserMayNotDoLeavesOtherHoldersAloneAndNoKeyWithoutATimeToLive(String command) {
    for (boolean asWriter : new boolean[] {false, true}) {
      writing = asWriter;
      assertHarmlessWithout(command);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"hdel", "pexpire"})
  void whatCannotBeHadIsNotTakenAlsoIfAnotherLeaseIsOver(String command) {
    try (TestRedis restricted = redis.withoutCommands(command)) {
      String name = redis.unique("restricted");
      prepare(Found.ANOTHER_READS, name);
      shorten(name);
      Requests readers = ReadWriteState.reading(restricted, name);
      assertRefused(command, () -> readers.acquire(ME, LEASE_MILLIS));
      assertThat(ReadWriteState.of(redis, name).ends().containsKey(ME), is(false));
      assertThat(
          ReadWriteState.reading(redis, name).acquire("next-owner", LEASE_MILLIS),
          is(greaterThan(0L)));
    }
  }

  @Test
  void aLeaseWhoseExtensionOrReleaseIsRefusedEndsWhenItDidAndWakesNobody() {
    try (TestRedis restricted = redis.withoutCommands("hdel")) {
      String name = redis.unique("restricted");
      prepare(Found.MINE_AND_WAITED_FOR, name);
      shorten(name);
      ReadWriteState before = ReadWriteState.of(redis, name);
      Requests readers = ReadWriteState.reading(restricted, name);
      long longer = 2 * LEASE_MILLIS;
      for (Executable request :
          List.<Executable>of(
              () -> readers.commands().extend(ME, longer, 1),
              () -> readers.acquire(ME, longer),
              () -> readers.release(ME, 0),
              () -> readers.wait("waiter", LEASE_MILLIS, 60_000))) {
        assertRefused("hdel", request);
        ReadWriteState after = ReadWriteState.of(redis, name);
        assertThat(after.ends(), is(before.ends()));
        assertThat(after.readers(), is(before.readers()));
        assertThat(after.last(), is(before.last()));
        assertThat(redis.admin().exists(keys(name).get(1)), is(false));
      }
    }
  }

  @Test
  void aReleaseThatMayNotRemoveWhatItEndsWakesNobody() {
    try (TestRedis restricted = redis.withoutCommands("hdel")) {
      for (boolean asWriter : new boolean[] {false, true}) {
        writing = asWriter;
        String name = redis.unique("restricted");
        prepare(Found.MINE_AND_WAITED_FOR, name);
        Claim claim = new Claim(ME, 0, true, false);
        LockCommands commands = requests(restricted, name).commands();
        assertRefused("hdel", () -> commands.release(claim, 0));
        assertThat(redis.admin().exists(keys(name).get(1)), is(false));
        assertThat(redis.admin().exists(keys(name).get(2)), is(false));
      }
    }
  }

  private void prepare(Found found, String name) {
    Requests readers = ReadWriteState.reading(redis, name);
    Requests writers = ReadWriteState.writing(redis, name);
    switch (found) {
      case NEVER_USED -> {}
      case FREE -> {
        assertThat(writers.acquire(OTHER, LEASE_MILLIS), is(greaterThan(0L)));
        assertThat(writers.release(OTHER, 0), is(true));
      }
      case FREE_AND_PROMISED_TO_ONE_WHO_LEFT -> {
        assertThat(writers.acquire(OTHER, LEASE_MILLIS), is(greaterThan(0L)));
        refuse(name);
        assertThat(writers.release(OTHER, 0), is(true));
      }
      case ANOTHER_READS -> assertThat(readers.acquire(OTHER, LEASE_MILLIS), is(greaterThan(0L)));
      case ANOTHER_WRITES -> assertThat(writers.acquire(OTHER, LEASE_MILLIS), is(greaterThan(0L)));
      case ANOTHER_READS_AND_I_WAIT -> {
        assertThat(readers.acquire(OTHER, LEASE_MILLIS), is(greaterThan(0L)));
        assertThat(writers.wait(ME, LEASE_MILLIS, 2_000), is(lessThan(0L)));
        assertThat(readers.wait("waiting-reader", LEASE_MILLIS, 2_000), is(lessThan(0L)));
      }
      case ANOTHER_READS_AND_SO_DO_I -> {
        assertThat(readers.acquire(OTHER, LEASE_MILLIS), is(greaterThan(0L)));
        assertThat(readers.acquire(ME, LEASE_MILLIS), is(greaterThan(0L)));
      }
      case MINE_AND_WAITED_FOR -> {
        assertThat(requests(redis, name).acquire(ME, LEASE_MILLIS), is(greaterThan(0L)));
        refuse(name);
      }
      case MINE_AND_WAITED_FOR_WITH_WAKE_UPS_THAT_NOBODY_HEARD -> {
        assertThat(requests(redis, name).acquire(ME, LEASE_MILLIS), is(greaterThan(0L)));
        refuse(name);
        for (String list : keys(name).subList(1, 3)) {
          assertThat(redis.admin().rpush(list, "1", "2", "3"), is(3L));
          assertThat(redis.admin().pexpire(list, 2_000), is(1L));
        }
      }
    }
  }

  /** Has a writer and a reader ask in vain who then wait, as far as a release knows. */
  private void refuse(String name) {
    assertThat(
        ReadWriteState.writing(redis, name).wait("waiting-writer", LEASE_MILLIS, 2_000),
        is(lessThan(0L)));
    assertThat(
        ReadWriteState.reading(redis, name).wait("waiting-reader", LEASE_MILLIS, 2_000),
        is(lessThan(0L)));
  }

  /** Has one's time be over who waited, so that the next request looks at all. */
  private void shorten(String name) {
    ReadWriteState before = ReadWriteState.of(redis, name);
    if (before.held() == 0) {
      return;
    }
    Requests writers = ReadWriteState.writing(redis, name);
    assertThat(writers.wait("third-owner", LEASE_MILLIS, 1), is(lessThan(0L)));
    long end = ReadWriteState.of(redis, name).writers().get("third-owner");
    while (ReadWriteState.of(redis, name).now() <= end) {
      Thread.onSpinWait();
    }
  }
}
