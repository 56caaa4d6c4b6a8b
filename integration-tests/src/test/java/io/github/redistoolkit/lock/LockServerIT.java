package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/** A single server that restarts with its data, and answers {@code LOADING} until it has that. */
@EachClient
class LockServerIT {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private final PrivateRedis servers;
  private final TestRedis redis;

  LockServerIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
  }

  @Test
  void aWaiterOutlastsARestartAndAnAttemptSaysThatTheServerIsLoading() throws Exception {
    String name = redis.unique("loading");
    RedisLock lock = Locks.lock(redis, name, LEASE);
    Lease held = lock.tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> waiter =
          crew.start(() -> Locks.lock(redis, name, LEASE).acquire(Duration.ofSeconds(60)));
      Primaries.awaitBlocked(redis, 1);
      servers.restartLoadingFor(Duration.ofSeconds(10));
      JedisException loading = assertThrows(JedisException.class, () -> attempt(lock));
      assertThat(loading.getMessage(), containsString("LOADING"));
      servers.awaitLoaded();
      assertThat(waiter.result().isDone(), is(false));
      await().ignoreExceptionsInstanceOf(JedisConnectionException.class).until(held::release);
      waiter.get().close();
    }
  }

  /** Tries it, over as many connections as are left from before the restart. */
  private static void attempt(RedisLock lock) {
    while (true) {
      try {
        var unused = lock.tryAcquire();
        throw new AssertionError("the server did not load");
      } catch (JedisConnectionException e) {
        // Cut by the restart; the next one is new, or is refused until the server listens.
      }
    }
  }
}
