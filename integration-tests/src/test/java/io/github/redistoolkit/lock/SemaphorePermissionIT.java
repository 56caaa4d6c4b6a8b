package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.lock.LockCommands.Claim;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * A Redis user who may not do all that a semaphore needs: the other holders keep their permits, and
 * no key stays for good.
 */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = ClientKind.CLIENT)
class SemaphorePermissionIT {

  private static final long LEASE_MILLIS = 60_000;
  private static final String ME = "my-owner-id";
  private static final String OTHER = "others-owner-id";

  private final TestRedis redis;

  SemaphorePermissionIT(TestRedis redis) {
    this.redis = redis;
  }

  /** In which state a request may find the semaphore, of two permits. */
  private enum Found {
    NEVER_USED,
    FREE,
    ONE_IS_ANOTHERS,
    ONE_IS_ANOTHERS_AND_ONE_MINE,
    MINE_AND_WAITED_FOR
  }

  /** Something that a semaphore sends as {@link #ME}. */
  private interface Sent {
    @CanIgnoreReturnValue
    Object by(Requests requests);
  }

  private static Stream<Sent> everything() {
    return Stream.of(
        requests -> requests.acquire(ME, LEASE_MILLIS),
        requests -> requests.wait(ME, LEASE_MILLIS, 2_000),
        requests -> requests.commands().release(new Claim(ME, 0, true, false), 0),
        requests -> requests.commands().withdraw(ME),
        requests -> requests.commands().extend(ME, LEASE_MILLIS, 1),
        requests -> requests.renew(ME, LEASE_MILLIS, 2),
        requests -> requests.commands().leases());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "evalsha", "hmget", "exists", "time", "hset", "hdel", "hgetall", "pexpire", "rpush"
      })
  void whatAUserMayNotDoLeavesOtherHoldersAloneAndNoKeyWithoutATimeToLive(String command) {
    List<String> refused = new ArrayList<>();
    try (TestRedis restricted = redis.withoutCommands(command)) {
      for (Found found : Found.values()) {
        for (Sent sent : everything().toList()) {
          String name = redis.unique("restricted");
          prepare(found, name);
          boolean others = PermitState.of(redis, name).ends().containsKey(OTHER);
          if (command.equals("hgetall")) {
            // It is used only when something is over.
            shorten(name);
          }
          try {
            sent.by(PermitState.requests(restricted, name, 2));
          } catch (JedisException e) {
            refused.add(e.getMessage());
            assertThat(e, is(instanceOf(JedisDataException.class)));
          }
          String why = found + " without " + command;
          for (String part : List.of("", ":q")) {
            assertThat(why, redis.admin().pttl(PermitState.key(name) + part), is(not(-1L)));
          }
          assertThat(
              why, PermitState.of(redis, name).ends().containsKey(OTHER) || !others, is(true));
        }
      }
    }
    assertThat("the command is used", refused, is(not(empty())));
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

  private static void assertRefused(String command, Executable request) {
    JedisDataException e = assertThrows(JedisDataException.class, request);
    assertThat(e.getMessage(), startsWith("NOPERM"));
    assertThat(e.getMessage(), containsString(command.toUpperCase(Locale.ROOT)));
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
