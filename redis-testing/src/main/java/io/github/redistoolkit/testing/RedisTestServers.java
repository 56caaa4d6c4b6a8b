package io.github.redistoolkit.testing;

import io.github.redistoolkit.testing.RedisTest.Servers;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;

/** The servers of one {@link RedisTest}, and the clients that it has asked for. */
final class RedisTestServers {

  /** Those first that a new program would use. */
  private static final List<ClientKind> NEWEST_FIRST =
      List.of(
          ClientKind.CLIENT,
          ClientKind.SENTINEL_CLIENT,
          ClientKind.CLUSTER,
          ClientKind.JEDIS_POOLED,
          ClientKind.JEDIS_SENTINELED,
          ClientKind.JEDIS_CLUSTER,
          ClientKind.POOL,
          ClientKind.SENTINEL_POOL);

  private final RedisTest asked;
  private final boolean leavesAlone;
  private final Map<ClientKind, TestRedis> clients = new EnumMap<>(ClientKind.class);
  private @Nullable PrivateRedis own;

  /**
   * Starts nothing yet.
   *
   * @throws IllegalArgumentException if what is asked for does not fit together
   */
  RedisTestServers(Class<?> by, RedisTest asked, boolean leavesAlone) {
    this.asked = asked;
    this.leavesAlone = leavesAlone;
    ClientKind[] kinds = asked.client();
    if (kinds.length > 1) {
      throw new IllegalArgumentException(
          "@RedisTest of " + by + ": client must name at most one kind, but names " + kinds.length);
    }
    if (kinds.length == 1 && kinds[0].topology() != asked.topology()) {
      throw new IllegalArgumentException(
          "@RedisTest of "
              + by
              + ": client "
              + kinds[0]
              + " is for topology "
              + kinds[0].topology()
              + ", but the topology is "
              + asked.topology());
    }
    if (asked.settings().length > 0 && asked.servers() != Servers.OWN) {
      throw new IllegalArgumentException(
          "@RedisTest of " + by + ": settings are for servers = OWN, not for those of others");
    }
  }

  /**
   * The servers of this class alone.
   *
   * @throws IllegalArgumentException if they are not
   */
  synchronized PrivateRedis own() {
    if (asked.servers() != Servers.OWN) {
      throw new IllegalArgumentException(
          "a PrivateRedis is given with @RedisTest(servers = OWN), for others use these servers");
    }
    if (own == null) {
      own = PrivateRedis.start(kindFor(Object.class), List.of(asked.settings()));
      clients.put(own.redis().kind(), own.redis());
    }
    return own;
  }

  /**
   * The servers through a client of this type, or through the one that the class asks for or would
   * get.
   *
   * @param type a type of Jedis; {@code Object} for any
   * @throws IllegalArgumentException if none fits
   */
  synchronized TestRedis redis(Class<?> type) {
    ClientKind kind = kindFor(type);
    if (asked.servers() == Servers.OWN) {
      Deployment servers = own().redis().deployment();
      return clients.computeIfAbsent(kind, unseen -> TestRedis.of(unseen, servers));
    }
    return clients.computeIfAbsent(kind, leavesAlone ? TestRedis::of : TestRedis::started);
  }

  private ClientKind kindFor(Class<?> type) {
    Stream<ClientKind> kinds =
        asked.client().length == 1 ? Stream.of(asked.client()) : NEWEST_FIRST.stream();
    return kinds
        .filter(kind -> kind.topology() == asked.topology())
        .filter(ClientKind::isAvailable)
        .filter(kind -> type.isAssignableFrom(kind.jedisType()))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "there is no "
                        + type.getSimpleName()
                        + " for topology "
                        + asked.topology()
                        + (asked.client().length == 1 ? " and client " + asked.client()[0] : "")));
  }

  /** Makes everything as new for the next test. */
  synchronized void afterEach(boolean failed) {
    if (own == null) {
      clients.values().forEach(failed ? TestRedis::afterFailed : TestRedis::afterEach);
    } else if (failed || !own.isReusable()) {
      endOwn(own);
    }
  }

  /**
   * Closes everything, and fails if something was left behind that the class should have closed.
   */
  synchronized void afterAll(ExtensionContext context) {
    try {
      clients.values().forEach(redis -> LeakGuard.of(redis, context).check());
    } finally {
      if (own == null) {
        clients.values().forEach(TestRedis::close);
      } else {
        endOwn(own);
      }
    }
  }

  private void endOwn(PrivateRedis servers) {
    clients.values().stream().filter(redis -> redis != servers.redis()).forEach(TestRedis::close);
    clients.clear();
    own = null;
    servers.end();
  }
}
