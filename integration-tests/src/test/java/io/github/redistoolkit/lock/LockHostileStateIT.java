package io.github.redistoolkit.lock;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.Arrays;
import java.util.Optional;

/** What somebody else has written in the place of a lock. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class LockHostileStateIT extends HostileStateSuite {

  LockHostileStateIT(TestRedis redis) {
    super(redis, 25);
  }

  @Override
  String word() {
    return "lock";
  }

  @Override
  String[] keys(String name) {
    return new String[] {Locks.key(name), Locks.key(name) + ":q"};
  }

  @Override
  String spoil(String name) {
    byte[] found = hostile();
    write(Locks.key(name), found);
    if (random.nextInt(4) == 0) {
      spoilWakeList(name);
    }
    return new String(found, UTF_8);
  }

  @Override
  Optional<Lease> tryAcquire(String name) {
    return Locks.lock(redis, name, LEASE).tryAcquire();
  }

  @Override
  long last(String name) {
    return Long.parseLong(redis.admin().get(Locks.key(name)).split(" ", 3)[1]);
  }

  @Override
  void whileHeld(String name, String why) {
    RedisLock lock = Locks.lock(redis, name, LEASE);
    assertThat(why, lock.isLocked(), is(true));
    assertThat(why, lock.tryAcquire().isEmpty(), is(true));
  }

  @Override
  void afterwards(String name, String why) {
    // It is held still if the wake list is none.
  }

  /** Either noise, or the state of a lock with some bytes or words changed. */
  private byte[] hostile() {
    if (random.nextInt(5) == 0) {
      byte[] noise = new byte[random.nextInt(300)];
      random.nextBytes(noise);
      return noise;
    }
    long token = 1_790_000_000_000_000L + random.nextInt(1_000_000_000);
    long end = random.nextBoolean() ? 0 : System.currentTimeMillis() * 1_000 + 30_000_000;
    String[] words = {
      String.valueOf(token), String.valueOf(end), "owner-id", "1", "0", "0", "t87654321:9", "a:9"
    };
    int changes = random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      words[random.nextInt(words.length)] = anyWord();
    }
    byte[] state = String.join(" ", words).getBytes(UTF_8);
    for (int i = random.nextInt(3); i > 0; i--) {
      state[random.nextInt(state.length)] = (byte) random.nextInt();
    }
    return random.nextInt(5) == 0 ? Arrays.copyOf(state, random.nextInt(state.length)) : state;
  }

  /** With a time to live or without one; now and then of another type. */
  private void write(String key, byte[] value) {
    if (random.nextInt(20) == 0) {
      assertThat(redis.admin().rpush(key.getBytes(UTF_8), value), is(1L));
    } else {
      assertThat(redis.admin().set(key.getBytes(UTF_8), value), is("OK"));
    }
    if (random.nextBoolean()) {
      assertThat(redis.admin().pexpire(key, 60_000), is(1L));
    }
  }

  private void spoilWakeList(String name) {
    String key = Locks.key(name) + ":q";
    if (random.nextBoolean()) {
      assertThat(redis.admin().set(key, "x"), is("OK"));
    } else {
      assertThat(redis.admin().rpush(key, "inf", "x", ""), is(3L));
    }
  }
}
