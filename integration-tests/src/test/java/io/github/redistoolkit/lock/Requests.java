package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.core.Sends;
import io.github.redistoolkit.lock.LockCommands.Claim;
import io.github.redistoolkit.testing.TestRedis;
import java.util.List;
import java.util.Objects;

/** Single requests of a lock, as if they came late or twice. */
record Requests(TestRedis redis, LockCommands commands) {

  Requests(TestRedis redis, String name) {
    this(redis, new LockCommands(CoreAccess.of(redis), Kind.LOCK, "", name));
  }

  long acquire(String owner, long leaseMillis) {
    return wait(owner, leaseMillis, 0);
  }

  /** Asks as one who waits if it is refused. */
  long wait(String owner, long leaseMillis, long waitMillis) {
    return commands.acquire(owner, leaseMillis, waitMillis, 0, LockCommands.NOT_WOKEN, new Sends());
  }

  /** Releases what was acquired by one request that was answered. */
  boolean release(String owner, long token) {
    return commands.release(new Claim(owner, token, false, false), 0);
  }

  long renew(String owner, long leaseMillis, long move) {
    var request = commands.renewal(owner, leaseMillis, move);
    Object reply = request.script().run(commands.redis(), request.keys(), request.args());
    return (Long) Objects.requireNonNull(reply);
  }

  /** Blocks on the wake list as a waiter does. */
  List<String> awaitWake(long millis) {
    try (var seat = WaitingConnections.of(commands.redis()).tryTake()) {
      String value = Objects.requireNonNull(seat).await(commands.wakeKey(), millis);
      return value == null ? List.of() : List.of(value);
    }
  }
}
