package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.lock.LockCommands.Claim;
import io.github.redistoolkit.testing.TestRedis;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * What a semaphore should answer to requests that come one after the other, in any order and some
 * of them twice, to be compared with what it does answer. Leases end here when somebody has them
 * end at once.
 */
final class PermitModel {

  private static final long LEASE_MILLIS = 60_000;

  private final TestRedis redis;
  private final String name;
  private final int permits;
  private final Requests requests;
  private final Random random;
  private final List<String> seen = new ArrayList<>();

  /** The token and the last move of each holder. */
  private final Map<String, long[]> holders = new HashMap<>();

  private final Set<String> marked = new HashSet<>();
  private long greatest;
  private int owners;

  PermitModel(TestRedis redis, String name, int permits, long seed) {
    this.redis = redis;
    this.name = name;
    this.permits = permits;
    this.requests = PermitState.requests(redis, name, permits);
    this.random = new Random(seed);
  }

  void run(int steps) {
    for (int i = 0; i < steps; i++) {
      step();
      PermitState state = PermitState.of(redis, name);
      state.assertSound();
      assertThat("after step " + i, state.ends().keySet(), is(holders.keySet()));
      long ttl = redis.admin().pttl(PermitState.key(name));
      assertThat(ttl, is(allOf(greaterThan(0L), lessThan(2 * LEASE_MILLIS + 1_000))));
    }
  }

  private void step() {
    String owner = owner();
    switch (random.nextInt(6)) {
      case 0, 1 -> acquire(owner);
      case 2 -> release(owner, false);
      case 3 -> release(owner, true);
      case 4 -> extend(owner);
      default -> end(owner);
    }
  }

  /** A new one, or one that was there before. */
  private String owner() {
    if (seen.isEmpty() || random.nextInt(3) == 0) {
      // Its first eight characters are what is remembered of it.
      seen.add(String.format("%08d-owner", owners++));
    }
    int recent = Math.min(seen.size(), 6);
    return seen.get(seen.size() - 1 - random.nextInt(recent));
  }

  private void acquire(String owner) {
    long reply = requests.acquire(owner, LEASE_MILLIS - random.nextInt(30_000));
    if (holders.containsKey(owner)) {
      assertThat(reply, is(holders.get(owner)[0]));
    } else if (marked.contains(owner)) {
      assertThat(reply, is(-1L));
    } else if (holders.size() == permits) {
      assertThat(reply, is(lessThan(-1L)));
    } else {
      assertThat(reply, is(greaterThan(greatest)));
      greatest = reply;
      holders.put(owner, new long[] {reply, 0});
    }
  }

  private void release(String owner, boolean mark) {
    boolean released = requests.commands().release(new Claim(owner, 0, false, mark), 0);
    assertThat(released, is(holders.remove(owner) != null));
    if (mark) {
      marked.add(owner);
    }
  }

  private void extend(String owner) {
    long move = random.nextInt(10);
    long reply = requests.commands().extend(owner, LEASE_MILLIS - random.nextInt(50_000), move);
    if (!holders.containsKey(owner)) {
      assertThat(reply, is(0L));
    } else if (move < holders.get(owner)[1]) {
      assertThat(reply, is(-1L));
    } else {
      assertThat(reply, is(move));
      holders.get(owner)[1] = move;
    }
  }

  /** Has a lease end by its time, which the next request of anybody sees. */
  private void end(String owner) {
    if (holders.containsKey(owner)) {
      long unused = requests.commands().extend(owner, 1, 1_000);
      long end = PermitState.of(redis, name).ends().get(owner);
      while (PermitState.of(redis, name).now() <= end) {
        Thread.onSpinWait();
      }
      holders.remove(owner);
      boolean never = requests.commands().withdraw("whoever-" + owners);
      assertThat(never, is(false));
    }
  }
}
