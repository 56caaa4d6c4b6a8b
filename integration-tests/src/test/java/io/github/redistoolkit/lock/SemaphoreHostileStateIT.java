package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What somebody else has written in the place of a semaphore. */
@EachClient
class SemaphoreHostileStateIT extends HostileStateSuite {

  private static final int PERMITS = 2;

  SemaphoreHostileStateIT(TestRedis redis) {
    super(redis, 27);
  }

  @Override
  String word() {
    return "semaphore";
  }

  @Override
  String[] keys(String name) {
    return new String[] {PermitState.key(name), PermitState.key(name) + ":q"};
  }

  @Override
  String spoil(String name) {
    Map<String, String> found = hostile();
    redis.admin().hset(PermitState.key(name), found);
    assertThat(redis.admin().pexpire(PermitState.key(name), 60_000), is(1L));
    return found.toString();
  }

  @Override
  Optional<Lease> tryAcquire(String name) {
    return PermitState.semaphore(redis, name, PERMITS, LEASE).tryAcquire();
  }

  @Override
  long last(String name) {
    String state = redis.admin().hget(PermitState.key(name), "s");
    return Long.parseLong(state.replaceAll("(?s)^(?:\\d+ ){4}(\\d+) .*", "$1"));
  }

  @Override
  void whileHeld(String name, String why) {
    assertThat(why, available(name), is(lessThan(PERMITS)));
  }

  @Override
  void afterwards(String name, String why) {
    assertThat(why, available(name), is(greaterThan(-1)));
  }

  private int available(String name) {
    return PermitState.semaphore(redis, name, PERMITS, LEASE).availablePermits();
  }

  /** The state of a semaphore of which one holder may be dead, with some words changed. */
  private Map<String, String> hostile() {
    long now = System.currentTimeMillis() * 1_000;
    long one = now + (random.nextBoolean() ? 30_000_000 : -5_000_000);
    long two = now + 40_000_000;
    List<String> words =
        new ArrayList<>(
            List.of(
                String.valueOf(now),
                "0",
                random.nextBoolean() ? "1" : "2",
                String.valueOf(one),
                String.valueOf(two),
                String.valueOf(now + 50_000_000),
                "12345:" + now));
    Map<String, String> fields = new HashMap<>();
    fields.put("hfirst-owner", spoilt(one + " 0 " + now));
    fields.put("hsecond-owner", spoilt(two + " 0 " + now));
    fields.put("tgiven-up", spoilt(String.valueOf(now + 50_000_000)));
    if (random.nextInt(3) == 0) {
      fields.put(anyWord(), anyWord());
    }
    for (int i = random.nextInt(3); i > 0; i--) {
      words.set(random.nextInt(words.size()), anyWord());
    }
    if (random.nextInt(10) != 0) {
      fields.put("s", String.join(" ", words));
    }
    return fields;
  }
}
