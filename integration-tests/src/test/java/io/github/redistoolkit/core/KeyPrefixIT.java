package io.github.redistoolkit.core;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.util.PrefixedKeyArgumentPreProcessor;
import redis.clients.jedis.util.SafeEncoder;

/**
 * Every module through a client that puts a prefix before its keys, as a user who may touch no
 * other keys. A module may well hide that a key was denied it, so the servers are asked.
 */
@Tag("integration")
@Tag("smoke")
class KeyPrefixIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  /** Pools have no prefix. */
  static List<ClientKind> clients() {
    return Arrays.stream(ClientKind.values())
        .filter(kind -> kind.isInThisRun() && !kind.isPool())
        .toList();
  }

  /** A user's client, and what the bed knows of it. */
  private record Limited(TestRedis redis, UnifiedJedis client, String name) {

    /** What the servers have denied this user, as they tell it. */
    List<String> denials() {
      List<String> found = new ArrayList<>();
      for (HostAndPort node : redis.nodes()) {
        try (Jedis jedis = redis.open(node)) {
          for (Object entry : (List<?>) jedis.sendCommand(Protocol.Command.ACL, "LOG")) {
            String text = String.valueOf(SafeEncoder.encodeObject(entry));
            if (text.contains("name=" + name + " ")) {
              found.add(text);
            }
          }
        }
      }
      return found;
    }
  }

  /** What one module does. */
  @FunctionalInterface
  private interface Use {
    void with(UnifiedJedis client) throws Exception;
  }

  /** Runs as the user, first without the prefix to see that it matters, then with it. */
  private static void keepsToThePrefix(ClientKind kind, Use use) throws Exception {
    try (TestRedis shared = TestRedis.of(kind)) {
      TestRedis redis = shared.ours();
      String prefix = redis.unique("app:");
      TestRedis user = redis.withKeys(prefix + "*");
      Limited limited = new Limited(redis, user.client(), user.clientName());
      assertThrows(
          JedisAccessControlException.class, () -> limited.client().set(redis.unique("k"), ""));
      assertThat(limited.denials(), hasSize(1));

      limited.client().setKeyArgumentPreProcessor(new PrefixedKeyArgumentPreProcessor(prefix));
      use.with(limited.client());

      assertThat(limited.denials(), hasSize(1));
      redis.removeKeys();
    }
  }

  @ParameterizedTest
  @MethodSource("clients")
  void cacheKeepsToThePrefix(ClientKind kind) throws Exception {
    keepsToThePrefix(
        kind,
        client -> {
          CacheService<String> cache = CacheService.builder(client, "c:", String.class).build();
          cache.set("k", "v", MINUTE);
          cache.setAll(Map.of("a", "1", "b", "2"), MINUTE);
          assertThat(cache.get("k"), is(Optional.of("v")));
          assertThat(cache.getAll(List.of("a", "b")), is(Map.of("a", "1", "b", "2")));
          assertThat(cache.getOrLoad("l", MINUTE, () -> "loaded"), is("loaded"));
          assertThat(cache.deleteAll(List.of("a", "b")), is(2L));
          assertThat(cache.clear(), is(greaterThan(0L)));
          assertThat(cache.get("k"), is(Optional.empty()));
          cache.close();
        });
  }

  @ParameterizedTest
  @MethodSource("clients")
  void idempotencyKeepsToThePrefix(ClientKind kind) throws Exception {
    keepsToThePrefix(
        kind,
        client -> {
          IdempotencyService requests = new IdempotencyService(client, "prefixed", MINUTE);
          assertThat(requests.execute("k", String.class, claim -> "first"), is("first"));
          assertThat(requests.execute("k", String.class, claim -> "second"), is("first"));
        });
  }

  @ParameterizedTest
  @MethodSource("clients")
  void lockAndItsHandOverKeepToThePrefix(ClientKind kind) throws Exception {
    keepsToThePrefix(
        kind,
        client -> {
          RedisLock lock = new RedisLock(client, "resource", MINUTE);
          Lease first = lock.acquire(MINUTE);
          FutureTask<Long> next =
              new FutureTask<>(
                  () -> {
                    try (Lease second = lock.acquire(MINUTE)) {
                      return second.token();
                    }
                  });
          Thread waiter = new Thread(next, "waiter");
          waiter.start();
          // However it waits, what it asks of the servers for that is asked by then; were it late,
          // less would be seen here, but nothing wrong.
          await().pollDelay(Duration.ofMillis(500)).until(() -> !next.isDone());
          first.close();
          assertThat(next.get(10, TimeUnit.SECONDS), is(greaterThan(first.token())));
        });
  }

  @ParameterizedTest
  @MethodSource("clients")
  void rateLimitKeepsToThePrefix(ClientKind kind) throws Exception {
    keepsToThePrefix(
        kind,
        client -> {
          RateLimiter limiter =
              RateLimiter.builder(client, "calls")
                  .limit(Limit.of(1, MINUTE), Limit.tokenBucket(5, 1, MINUTE))
                  .build();
          assertThat(limiter.tryAcquire("user").allowed(), is(true));
          assertThat(limiter.tryAcquire("user").allowed(), is(false));
        });
  }

  /** Channels are no keys, and so have no prefix. */
  @ParameterizedTest
  @MethodSource("clients")
  void pubSubNeedsNoKey(ClientKind kind) throws Exception {
    keepsToThePrefix(
        kind,
        client -> {
          BlockingQueue<String> received = new LinkedBlockingQueue<>();
          try (RedisPubSub pubsub = new RedisPubSub(client)) {
            Subscription subscription =
                pubsub.subscribe("channel", String.class, message -> received.add(message.body()));
            pubsub.publish("channel", "hello");
            assertThat(received.poll(10, TimeUnit.SECONDS), is("hello"));
            assertThat(subscription.isActive(), is(true));
          }
        });
  }
}
