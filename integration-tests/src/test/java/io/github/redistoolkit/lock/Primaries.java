package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;

import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.args.UnblockType;
import redis.clients.jedis.params.ClientKillParams;

/** The servers that take writes, whichever of them it is that has the lock of a test. */
final class Primaries implements AutoCloseable {

  private final List<Jedis> connections = new ArrayList<>();
  private final AtomicLong killed = new AtomicLong();
  private final AtomicLong unblocked = new AtomicLong();

  private Primaries(TestRedis redis) {
    for (HostAndPort primary : redis.primaries()) {
      connections.add(redis.open(primary));
    }
  }

  static Primaries of(TestRedis redis) {
    return new Primaries(redis);
  }

  /** Waits until so many clients are blocked. */
  static void awaitBlocked(TestRedis redis, int clients) {
    try (Primaries primaries = of(redis)) {
      primaries.awaitBlocked(clients);
    }
  }

  /** Waits until so many clients are blocked. */
  void awaitBlocked(int clients) {
    await().pollInterval(Duration.ofMillis(2)).until(() -> blocked() == clients);
  }

  /** How many commands of those that waiting takes they have executed so far. */
  long commands() {
    return connections.stream()
        .flatMap(jedis -> jedis.info("commandstats").lines())
        .filter(line -> line.matches("cmdstat_(evalsha|blpop):.*"))
        .mapToLong(line -> Long.parseLong(line.replaceAll(".*:calls=(\\d+),.*", "$1")))
        .sum();
  }

  /** How many clients are blocked. */
  int blocked() {
    return connections.stream()
        .flatMap(jedis -> jedis.info("clients").lines())
        .filter(line -> line.startsWith("blocked_clients:"))
        .mapToInt(line -> Integer.parseInt(line.substring(line.indexOf(':') + 1)))
        .sum();
  }

  /** Closes the connections of those that are blocked. */
  void killBlocked() {
    forEachBlocked(
        (jedis, id) -> {
          // Gone meanwhile, if this answers 0.
          killed.addAndGet(jedis.clientKill(ClientKillParams.clientKillParams().id(id)));
        });
  }

  /** How many connections were closed so far. */
  long killed() {
    return killed.get();
  }

  /** Answers those that are blocked with an error. */
  void unblockWithError() {
    forEachBlocked(
        (jedis, id) -> {
          // Not blocked any more, if this answers 0.
          unblocked.addAndGet(jedis.clientUnblock(Long.parseLong(id), UnblockType.ERROR));
        });
  }

  /** How many were answered so. */
  long unblocked() {
    return unblocked.get();
  }

  /** Removes everything. */
  void flushAll() {
    connections.forEach(Jedis::flushAll);
  }

  /** Says something to each of them. */
  void forEach(Consumer<Jedis> deed) {
    connections.forEach(deed);
  }

  private interface Deed {
    void on(Jedis server, String clientId);
  }

  private void forEachBlocked(Deed deed) {
    for (Jedis jedis : connections) {
      jedis
          .clientList()
          .lines()
          .filter(line -> line.contains(" flags=b "))
          .map(line -> line.replaceAll("^id=(\\d+) .*", "$1"))
          .forEach(id -> deed.on(jedis, id));
    }
  }

  @Override
  public void close() {
    connections.forEach(Jedis::close);
  }
}
