package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.cache.CacheStats.NearState;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.lock.RedisSemaphore;
import io.github.redistoolkit.pubsub.PubSubListener;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.testing.Disturbance;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.authentication.AuthXManager;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.util.Pool;

/** Connections of the toolkit's own go on when the credentials change that let them in. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class NewCredentialsIT {

  private static final int TOKENS = 4;

  private final TestRedis redis;
  private final String id;
  private Tokens tokens;

  NewCredentialsIT(TestRedis redis) {
    this.redis = redis.ours();
    this.id = redis.unique("credentials");
  }

  @BeforeEach
  void beginWithAToken() {
    tokens = new Tokens(redis);
  }

  @AfterEach
  void endTheLastToken() {
    tokens.end();
  }

  @Test
  void aSubscriberMissesNothingAndHearsNothingTwice() {
    followTokens(this::subscriber);
  }

  @Test
  void aSubscriberGoesOnThoughThePoolHasNoConnectionToChangeBy() throws Exception {
    List<String> failures = new CopyOnWriteArrayList<>();
    AuthXManager manager = tokens.manager();
    manager.start();
    try (TestRedis client = redis.with(config -> config.authXManager(manager));
        RedisPubSub pubsub =
            client
                .<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
                .listener(failingOn(failures))
                .build()) {
      var unusedFirst = pubsub.subscribe(id, String.class, message -> {});
      List<Borrowed<?>> borrowed = new ArrayList<>();
      try {
        for (Pool<?> pool : CoreAccess.of(client).pools()) {
          borrowed.add(Borrowed.all(pool));
        }
        tokens.next();
        await("another connection is there").until(() -> connectionsThatSubscribe() > 0);
        for (int i = 0; i < 5; i++) {
          var unused = pubsub.subscribe(id + ":" + i, String.class, message -> {});
        }
      } finally {
        borrowed.forEach(Borrowed::close);
      }
      assertThat(failures, is(empty()));
    } finally {
      manager.stop();
    }
    tokens.endFormer();
  }

  /** All connections that a pool may have. */
  private record Borrowed<T>(Pool<T> pool, List<T> all) {
    static <T> Borrowed<T> all(Pool<T> pool) throws Exception {
      List<T> all = new ArrayList<>();
      for (int i = pool.getNumActive(); i < pool.getMaxTotal(); i++) {
        all.add(pool.borrowObject(Duration.ofSeconds(20)));
      }
      return new Borrowed<>(pool, all);
    }

    void close() {
      all.forEach(pool::returnResource);
    }
  }

  private long connectionsThatSubscribe() {
    return tokens.connectionsByPresent().stream().filter(line -> !line.contains(" sub=0 ")).count();
  }

  @Test
  void aNearCacheStaysOnAndKeepsItsCopies() {
    followTokens(this::nearCache);
  }

  @Test
  void aNearCacheStaysOnThoughAnotherOverTheSamePoolWasClosed() {
    AuthXManager manager = tokens.manager();
    manager.start();
    try (TestRedis client = redis.with(config -> config.authXManager(manager))) {
      // What is written to see whether the server reports changes has the name of the first.
      CacheService<String> first =
          client.over(
              pool -> CacheService.builder(pool, id + "-first:", String.class).nearCache(9).build(),
              used ->
                  CacheService.builder(used, id + "-first:", String.class).nearCache(9).build());
      await("the first one is on")
          .until(() -> first.get("key").isEmpty() && first.stats().near().state() == NearState.ON);
      try (Watched second = nearCache(client)) {
        first.close();
        change(client, List.of(second));
      } finally {
        first.close();
      }
    } finally {
      manager.stop();
    }
  }

  @Test
  void aLockAndAPermitAreKeptAndWaitedFor() {
    followTokens(this::lock);
  }

  @Test
  void aProviderThatTellsNobodyIsAskedNowAndThen() {
    try (TestRedis client = redis.with(config -> config.credentialsProvider(tokens.provider()));
        Watched subscriber = subscriber(client);
        Watched nearCache = nearCache(client);
        Watched lock = lock(client)) {
      change(client, List.of(subscriber, nearCache, lock));
    }
  }

  /** Something that is used all the time, and looked at after each change. */
  private interface Watched extends AutoCloseable {
    default void prepare() {}

    void check();

    @Override
    void close();
  }

  private interface User {
    Watched of(TestRedis client);
  }

  private void followTokens(User user) {
    AuthXManager manager = tokens.manager();
    manager.start(); // which pools leave to the application
    try (TestRedis client = redis.with(config -> config.authXManager(manager));
        Watched used = user.of(client)) {
      for (int i = 0; i < TOKENS; i++) {
        change(client, List.of(used));
      }
    } finally {
      manager.stop();
    }
  }

  /** Goes from one token to the next, as an application should: pools first, then the old ends. */
  private void change(TestRedis client, List<Watched> used) {
    used.forEach(Watched::prepare);
    tokens.next();
    await("nothing of our own goes by the former token")
        .until(
            () -> {
              CoreAccess.of(client).pools().forEach(Pool::clear);
              return tokens.connectionsByFormer();
            },
            is(empty()));
    tokens.endFormer();
    for (Watched each : used) {
      each.check();
    }
  }

  /** Notes that a subscription was without a connection. */
  private static PubSubListener failingOn(List<String> failures) {
    return new PubSubListener() {
      @Override
      public void onDisconnected(List<Subscription> subscriptions, Throwable cause) {
        failures.add(String.valueOf(cause));
      }

      @Override
      public void onReconnected(List<Subscription> subscriptions, Duration gap) {
        failures.add("gap of " + gap);
      }
    };
  }

  private Watched subscriber(TestRedis client) {
    List<String> failures = new CopyOnWriteArrayList<>();
    RedisPubSub pubsub =
        client
            .<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
            .listener(failingOn(failures))
            .build();
    List<Integer> heard = new CopyOnWriteArrayList<>();
    List<Integer> matched = new CopyOnWriteArrayList<>();
    List<Integer> sharded = new CopyOnWriteArrayList<>();
    var first = pubsub.subscribe(id, Integer.class, message -> heard.add(message.body()));
    var second =
        pubsub.subscribePattern(id + ":?", Integer.class, message -> matched.add(message.body()));
    var third =
        pubsub.subscribeSharded(id + "#", Integer.class, message -> sharded.add(message.body()));
    AtomicInteger sent = new AtomicInteger();
    RedisAccess publisher = RedisAccess.of(redis.admin());
    Disturbance publishing =
        Disturbance.every(
            Duration.ofMillis(2),
            () -> {
              byte[] number = String.valueOf(sent.get()).getBytes(StandardCharsets.UTF_8);
              publish(publisher, Command.PUBLISH, id, number);
              publish(publisher, Command.PUBLISH, id + ":a", number);
              publish(publisher, Command.SPUBLISH, id + "#", number);
              sent.incrementAndGet();
            });
    return new Watched() {
      @Override
      public void check() {
        int before = sent.get();
        await("more is heard").until(() -> heard.size() > before);
        assertThat(failures, is(empty()));
      }

      @Override
      public void close() {
        publishing.close();
        List<Integer> all = IntStream.range(0, sent.get()).boxed().toList();
        for (List<Integer> each : List.of(heard, matched, sharded)) {
          await("all is heard").until(() -> each, hasSize(all.size()));
          assertThat(each, is(all));
        }
        assertThat(failures, is(empty()));
        for (var subscription : List.of(first, second, third)) {
          subscription.close();
        }
        pubsub.close();
      }
    };
  }

  private static void publish(
      RedisAccess publisher, ProtocolCommand command, String channel, byte[] message) {
    long unused = publisher.publish(command, channel.getBytes(StandardCharsets.UTF_8), message);
  }

  private Watched nearCache(TestRedis client) {
    CacheService<String> cache =
        client.over(
            pool -> CacheService.builder(pool, id, String.class).nearCache(100).build(),
            used -> CacheService.builder(used, id, String.class).nearCache(100).build());
    CacheService<String> other = CacheService.builder(redis.admin(), id, String.class).build();
    AtomicInteger version = new AtomicInteger();
    AtomicInteger off = new AtomicInteger();
    AtomicReference<String> kept = new AtomicReference<>("kept");
    other.set("kept", "kept", Duration.ofMinutes(5));
    other.set("changing", "0", Duration.ofMinutes(5));
    await("the near cache answers")
        .until(
            () -> {
              var unused = cache.get("kept");
              var changing = cache.get("changing");
              return cache.stats().near().state() == NearState.ON
                  && cache.stats().near().entries() == 2
                  && changing.isPresent();
            });
    Disturbance looking =
        Disturbance.every(
            Duration.ofMillis(5),
            () -> {
              if (cache.stats().near().state() != NearState.ON) {
                off.incrementAndGet();
              }
            });
    return new Watched() {
      /** A copy does not live for long enough to be there after all changes. */
      @Override
      public void prepare() {
        String value = redis.unique("kept");
        kept.set(value);
        other.set("kept", value, Duration.ofMinutes(5));
        await("there is a copy")
            .until(
                () -> {
                  long near = cache.stats().nearHits();
                  boolean fresh = cache.get("kept").orElseThrow().equals(value);
                  return fresh && cache.stats().nearHits() > near;
                });
      }

      @Override
      public void check() {
        assertThat("times that it was off", off.get(), is(0));
        long near = cache.stats().nearHits();
        assertThat(cache.get("kept").orElseThrow(), is(kept.get()));
        assertThat("its copy is still there", cache.stats().nearHits(), is(near + 1));
        other.set("changing", String.valueOf(version.incrementAndGet()), Duration.ofMinutes(5));
        await("what changed is seen")
            .until(() -> cache.get("changing").orElseThrow(), is(String.valueOf(version.get())));
      }

      @Override
      public void close() {
        looking.close();
        cache.close();
        other.close();
      }
    };
  }

  private Watched lock(TestRedis client) {
    List<String> lost = new CopyOnWriteArrayList<>();
    Duration lease = Duration.ofSeconds(2);
    RedisLock lock =
        client.over(pool -> new RedisLock(pool, id, lease), used -> new RedisLock(used, id, lease));
    RedisSemaphore semaphore =
        client.over(
            pool -> new RedisSemaphore(pool, id, 1, lease),
            used -> new RedisSemaphore(used, id, 1, lease));
    Duration longest = Duration.ofMinutes(5);
    Lease held = lock.tryAcquire().orElseThrow().keepAlive(longest, () -> lost.add("lock"));
    Lease permit =
        semaphore.tryAcquire().orElseThrow().keepAlive(longest, () -> lost.add("permit"));
    CompletableFuture<Lease> waiter =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return lock.acquire(Duration.ofMinutes(2));
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    return new Watched() {
      @Override
      public void check() {
        assertThat(lost, is(empty()));
        assertThat(held.isHeld(), is(true));
        assertThat(permit.isHeld(), is(true));
        assertThat(waiter.isDone(), is(false));
      }

      @Override
      public void close() {
        check();
        held.close();
        permit.close();
        waiter.join().close();
      }
    };
  }

  private static ConditionFactory await(String what) {
    return Awaitility.await(what)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(50))
        .atMost(Duration.ofSeconds(40));
  }
}
