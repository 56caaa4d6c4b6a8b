package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.core.Sends;
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
 * What a read-write lock should answer to requests that come one after the other, in any order and
 * some of them twice, to be compared with what it does answer. Leases end here when somebody has
 * them end at once; what depends on how fast this machine is, as the turn of those who were woken,
 * is taken from what Redis has.
 */
final class ReadWriteModel {

  private static final long LEASE_MILLIS = 60_000;

  private final TestRedis redis;
  private final String name;
  private final Requests reading;
  private final Requests writing;
  private final Random random;
  private final List<String> seen = new ArrayList<>();

  /** The token and the last move of each holder. */
  private final Map<String, long[]> holders = new HashMap<>();

  private final Set<String> marked = new HashSet<>();
  private long greatest;
  private int owners;
  private int reads;
  private int writes;

  ReadWriteModel(TestRedis redis, String name, long seed) {
    this.redis = redis;
    this.name = name;
    this.reading = ReadWriteState.reading(redis, name);
    this.writing = ReadWriteState.writing(redis, name);
    this.random = new Random(seed);
  }

  void run(int steps) {
    greatest = reading.acquire("first-owner", LEASE_MILLIS);
    assertThat(reading.release("first-owner", greatest), is(true));
    for (int i = 0; i < steps; i++) {
      step();
      ReadWriteState state = ReadWriteState.of(redis, name);
      state.assertSound();
      assertThat("after step " + i, state.ends().keySet(), is(holders.keySet()));
      long ttl = redis.admin().pttl(ReadWriteState.key(name));
      assertThat(ttl, is(allOf(greaterThan(0L), lessThan(2 * LEASE_MILLIS + 1_000))));
    }
    // How many depends on how many of those who wait are still waiting then.
    assertThat("granted for reading", reads, is(greaterThan(0)));
    assertThat("granted for writing", writes, is(greaterThan(0)));
  }

  private void step() {
    String owner = owner();
    switch (random.nextInt(8)) {
      case 0, 1, 2 -> acquire(owner);
      case 3, 4 -> release(owner, false);
      case 5 -> release(owner, true);
      case 6 -> extend(owner);
      default -> end(owner);
    }
  }

  /** Often one that holds it, else a new one or one that was there before. */
  private String owner() {
    if (!holders.isEmpty() && random.nextBoolean()) {
      List<String> holding = holders.keySet().stream().sorted().toList();
      return holding.get(random.nextInt(holding.size()));
    }
    if (seen.isEmpty() || random.nextInt(3) == 0) {
      // Its first eight characters are what is remembered of it.
      seen.add(String.format("%08d-%s-owner", owners++, random.nextInt(3) == 0 ? "write" : "read"));
    }
    int recent = Math.min(seen.size(), 6);
    return seen.get(seen.size() - 1 - random.nextInt(recent));
  }

  private static boolean writes(String owner) {
    return owner.contains("write");
  }

  private Requests requests(String owner) {
    return writes(owner) ? writing : reading;
  }

  private void acquire(String owner) {
    ReadWriteState before = ReadWriteState.of(redis, name);
    long wait = random.nextBoolean() ? 0 : 20 + random.nextInt(100);
    // Either just come, or waiting for so long that any writer that has ended came later.
    long waited = random.nextInt(4) == 0 ? 1_000_000 : 0;
    long lease = LEASE_MILLIS - random.nextInt(30_000);
    LockCommands commands = requests(owner).commands();
    long reply = commands.acquire(owner, lease, wait, waited, LockCommands.NOT_WOKEN, new Sends());
    ReadWriteState after = ReadWriteState.of(redis, name);
    if (holders.containsKey(owner)) {
      assertThat(reply, is(holders.get(owner)[0]));
      return;
    }
    if (marked.contains(owner)) {
      assertThat(reply, is(-1L));
      return;
    }
    boolean refused = isRefused(owner, waited, before, before.now());
    if (refused == isRefused(owner, waited, before, after.now())) {
      assertThat(owner + " at " + before, reply < -1, is(refused));
    }
    if (reply < 0) {
      assertThat(wait == 0 || isWaiting(owner, after), is(true));
      assertThat(since(owner, after), is(lessThanOrEqualTo(since(owner, before))));
      return;
    }
    assertThat(reply, is(greaterThan(greatest)));
    assertThat(isWaiting(owner, after), is(false));
    greatest = reply;
    holders.put(owner, new long[] {reply, 0});
    if (writes(owner)) {
      writes++;
    } else {
      reads++;
    }
  }

  /** What is to be answered if it is asked at a time. */
  private boolean isRefused(String owner, long waited, ReadWriteState state, long now) {
    if (writes(owner)) {
      long toCome = Math.min(state.turn(), waiting(state.readers(), now));
      boolean othersTurn = toCome > 0 && now - state.phase() < 100_000;
      return !holders.isEmpty() || othersTurn || state.promised() > now;
    }
    boolean cameLater = state.phase() == 0 || (waited == 0 && since(owner, state) > state.phase());
    return isWritten() || (waiting(state.writers(), now) > 0 && cameLater);
  }

  private boolean isWritten() {
    return holders.keySet().stream().anyMatch(ReadWriteModel::writes);
  }

  /** Since when one waits to read, who may just have come. */
  private static long since(String owner, ReadWriteState state) {
    return state.since().getOrDefault(owner, Long.MAX_VALUE);
  }

  private static long waiting(Map<String, Long> untils, long now) {
    return untils.values().stream().filter(until -> until > now).count();
  }

  private static boolean isWaiting(String owner, ReadWriteState state) {
    return state.readers().containsKey(owner) || state.writers().containsKey(owner);
  }

  private void release(String owner, boolean mark) {
    redis.admin().del(ReadWriteState.key(name) + ":qr", ReadWriteState.key(name) + ":qw");
    ReadWriteState before = ReadWriteState.of(redis, name);
    boolean wasHeld = holders.remove(owner) != null;
    boolean released = requests(owner).commands().release(new Claim(owner, 0, false, mark), 0);
    assertThat(released, is(wasHeld));
    if (mark) {
      marked.add(owner);
    }
    ReadWriteState after = ReadWriteState.of(redis, name);
    assertThat(isWaiting(owner, after), is(false));
    if (released && holders.isEmpty()) {
      assertIsOthersTurn(owner, before, after);
    }
  }

  /** After a writer come all readers that wait, else one writer; after the readers one writer. */
  private void assertIsOthersTurn(String owner, ReadWriteState before, ReadWriteState after) {
    long readers = waiting(after.readers(), after.now());
    long writers = waiting(after.writers(), after.now());
    if (readers < after.readers().size() || writers < after.writers().size()) {
      return; // The time of one was over just then.
    }
    long readersWoken = redis.admin().llen(ReadWriteState.key(name) + ":qr");
    long writersWoken = redis.admin().llen(ReadWriteState.key(name) + ":qw");
    boolean toCome = !writes(owner) && before.turn() > 0 && after.turn() > 0;
    boolean readersFirst = writes(owner) || writers == 0;
    String why = owner + " at " + before;
    assertThat(why, readersWoken, is(toCome || !readersFirst ? 0 : readers));
    boolean writersTurn = !toCome && writers > 0 && (readers == 0 || !readersFirst);
    assertThat(why, writersWoken, is(writersTurn ? 1L : 0L));
  }

  private void extend(String owner) {
    long move = random.nextInt(10);
    long reply =
        requests(owner).commands().extend(owner, LEASE_MILLIS - random.nextInt(50_000), move);
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
      long unused = requests(owner).commands().extend(owner, 1, 1_000);
      long end = ReadWriteState.of(redis, name).ends().get(owner);
      while (ReadWriteState.of(redis, name).now() <= end) {
        Thread.onSpinWait();
      }
      holders.remove(owner);
      boolean never = reading.commands().withdraw("whoever-" + owners);
      assertThat(never, is(false));
    }
  }
}
