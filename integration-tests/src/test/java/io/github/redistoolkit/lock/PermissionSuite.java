package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.lock.LockCommands.Claim;
import io.github.redistoolkit.testing.TestRedis;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * A Redis user who may not do all that a lock needs, of whatever kind: the other holders keep
 * theirs, and no key stays for good.
 *
 * @param <F> in which state a request may find the lock
 */
abstract class PermissionSuite<F extends Enum<F>> {

  static final long LEASE_MILLIS = 60_000;
  static final String ME = "my-owner-id";
  static final String OTHER = "others-owner-id";

  final TestRedis redis;
  private final Class<F> found;

  PermissionSuite(TestRedis redis, Class<F> found) {
    this.redis = redis;
    this.found = found;
  }

  /** Something that is sent as {@link #ME}. */
  private interface Sent {
    @CanIgnoreReturnValue
    Object by(Requests requests);
  }

  private static final List<Sent> EVERYTHING =
      List.of(
          requests -> requests.acquire(ME, LEASE_MILLIS),
          requests -> requests.wait(ME, LEASE_MILLIS, 2_000),
          requests -> requests.release(ME, 0),
          requests -> requests.commands().release(new Claim(ME, 0, true, false), 0),
          requests -> requests.commands().withdraw(ME),
          requests -> requests.commands().extend(ME, LEASE_MILLIS, 1),
          requests -> requests.renew(ME, LEASE_MILLIS, 2),
          requests -> requests.awaitWake(1),
          requests -> requests.commands().leases());

  /** The requests that are looked at. */
  abstract Requests requests(TestRedis user, String name);

  /** Has the lock be in a state, for a request without a command. */
  abstract void prepare(F state, String name, String without);

  /** The keys that may be there. */
  abstract List<String> keys(String name);

  /** Whether {@link #OTHER} has a lease. */
  abstract boolean isHeldByOther(String name);

  /** Sends everything in every state as a user who may not use a command. */
  final void assertHarmlessWithout(String command) {
    List<String> refused = new ArrayList<>();
    try (TestRedis restricted = redis.withoutCommands(command)) {
      for (F state : found.getEnumConstants()) {
        for (Sent sent : EVERYTHING) {
          String name = redis.unique("restricted");
          prepare(state, name, command);
          boolean others = isHeldByOther(name);
          try {
            sent.by(requests(restricted, name));
          } catch (JedisException e) {
            refused.add(e.getMessage());
            assertThat(e, is(instanceOf(JedisDataException.class)));
          }
          String why = state + " without " + command;
          for (String key : keys(name)) {
            assertThat(why + ": " + key, redis.admin().pttl(key), is(not(-1L)));
          }
          assertThat(why, isHeldByOther(name) || !others, is(true));
        }
      }
    }
    assertThat("the command is used", refused, is(not(empty())));
  }

  static void assertRefused(String command, Executable request) {
    JedisDataException e = assertThrows(JedisDataException.class, request);
    assertThat(e.getMessage(), startsWith("NOPERM"));
    assertThat(e.getMessage(), containsString(command.toUpperCase(Locale.ROOT)));
  }
}
