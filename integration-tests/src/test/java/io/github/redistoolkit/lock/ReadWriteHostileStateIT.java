package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What somebody else has written in the place of a read-write lock. */
@EachClient
class ReadWriteHostileStateIT extends HostileStateSuite {

  ReadWriteHostileStateIT(TestRedis redis) {
    super(redis, 29);
  }

  @Override
  String word() {
    return "read-write lock";
  }

  @Override
  String[] keys(String name) {
    return ReadWriteState.keys(name).toArray(new String[0]);
  }

  @Override
  String spoil(String name) {
    Map<String, String> found = hostile();
    redis.admin().hset(ReadWriteState.key(name), found);
    if (random.nextBoolean()) {
      assertThat(redis.admin().pexpire(ReadWriteState.key(name), 60_000), is(1L));
    }
    if (random.nextInt(4) == 0) {
      spoilWakeList(keys(name)[1 + random.nextInt(2)]);
    }
    return found.toString();
  }

  private void spoilWakeList(String key) {
    if (random.nextBoolean()) {
      assertThat(redis.admin().set(key, "x"), is("OK"));
    } else {
      assertThat(redis.admin().rpush(key, "inf", "x", ""), is(3L));
    }
  }

  @Override
  Optional<Lease> tryAcquire(String name) {
    RedisReadWriteLock lock = ReadWriteState.lock(redis, name, LEASE);
    return random.nextBoolean() ? lock.writeLock().tryAcquire() : lock.readLock().tryAcquire();
  }

  @Override
  long last(String name) {
    String state = redis.admin().hget(ReadWriteState.key(name), "s");
    return state.contains(" ")
        ? Long.parseLong(state.replaceAll("(?s)^(?:\\d+ ){3}(\\d+).*", "$1"))
        : 0;
  }

  /** Of who waits, none is believed to do so for longer than some seconds, if anybody looks. */
  @Override
  void whileRefused(String name, String why) {
    long soon = (System.currentTimeMillis() + 121_000) * 1_000;
    String state = redis.admin().hget(ReadWriteState.key(name), "s");
    List<String> words = List.of(state.split(" ", -1));
    long due = words.size() > 5 ? Long.parseLong(words.get(5)) : 0;
    assertThat(why, due, is(lessThan(soon)));
  }

  @Override
  void whileHeld(String name, String why) {
    RedisReadWriteLock lock = ReadWriteState.lock(redis, name, LEASE);
    assertThat(why, lock.writeLock().isLocked() || lock.readLock().isLocked(), is(true));
    assertThat(why, lock.writeLock().tryAcquire().isEmpty(), is(true));
  }

  @Override
  void afterwards(String name, String why) {
    // Others may hold it.
  }

  /** The state of a lock of which holders and waiters may be dead, with some words changed. */
  private Map<String, String> hostile() {
    long now = System.currentTimeMillis() * 1_000;
    String one = String.valueOf(now + (random.nextBoolean() ? 30_000_000 : -5_000_000));
    String waiting = String.valueOf(now + (random.nextBoolean() ? 1_000_000 : -1_000));
    String writing = String.valueOf(random.nextInt(2));
    List<String> words = new ArrayList<>(List.of(String.valueOf(now)));
    int length = random.nextInt(4);
    if (length > 0) {
      words.addAll(List.of("1", one, one));
    }
    if (length > 1) {
      words.add(writing);
    }
    if (length > 2) {
      words.addAll(List.of(waiting, "1", "1", String.valueOf(now - 1_000), "1", waiting));
    }
    Map<String, String> fields = new HashMap<>();
    if (length > 0) {
      fields.put("hfirst-owner", spoilt(one + " 0 " + now));
    }
    if (length > 2) {
      fields.put("rreader", spoilt(waiting));
      fields.put("wwriter", spoilt(waiting));
      fields.put("tgiven-up", spoilt(String.valueOf(now + 50_000_000)));
    }
    if (random.nextInt(3) == 0) {
      fields.put(anyWord(), anyWord());
    }
    for (int i = random.nextInt(3); i > 0; i--) {
      words.set(random.nextInt(words.size()), anyWord());
    }
    if (fields.isEmpty() || random.nextInt(10) != 0) {
      fields.put("s", String.join(" ", words));
    }
    return fields;
  }
}
