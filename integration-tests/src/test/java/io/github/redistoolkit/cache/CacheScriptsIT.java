package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.aMapWithSize;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.Renewable;
import io.github.redistoolkit.testing.Disturbance;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Loss;
import io.github.redistoolkit.testing.FaultProxy.Request;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;

/**
 * Each script of the cache, executed while its reply is lost, and forgotten by the servers again
 * and again.
 *
 * <p>When a reply is lost, a cluster client sends the command again and tells nobody; all others
 * throw, and it is the caller who may call again.
 */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class CacheScriptsIT extends CacheFaultSuite {

  private static final Duration LEASE = Duration.ofSeconds(3);

  /** For leases and holds that must not end though the machine stands still for a while. */
  private static final Duration RENEWED = Duration.ofSeconds(5);

  /** More than are sent whole because a server does not know a script yet. */
  private static final long AT_FIRST = 50;

  private final String key;
  private final CacheService<Integer> cache;
  private final CacheService<Integer> otherJvm;

  CacheScriptsIT(TestRedis redis) {
    super(redis);
    this.key = redis.unique("script");
    this.cache = Fixtures.builder(behind, Integer.class).lease(LEASE).hold(LEASE).build();
    this.otherJvm = Fixtures.cache(redis, Integer.class);
  }

  @AfterEach
  void closeCaches() {
    cache.close();
    otherJvm.close();
  }

  private boolean sendsAgain() {
    return redis.topology() == Topology.CLUSTER;
  }

  private Loss loseReplyTo(LuaScript script) {
    return network.loseReply(request -> isRunOf(script, request), 1, Then.CUT);
  }

  static boolean isRunOf(LuaScript script, Request request) {
    return switch (request.name()) {
      case "EVALSHA" -> request.arguments().get(0).equals(script.sha1());
      case "EVAL" -> sha1(request.arguments().get(0)).equals(script.sha1());
      default -> false;
    };
  }

  private static String sha1(String source) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-1").digest(source.getBytes(UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  /** Executes a script twice: sent again by the client, or by its caller after an exception. */
  private <T> T runTwice(LuaScript script, Callable<T> call) throws Exception {
    Loss loss = loseReplyTo(script);
    if (!sendsAgain()) {
      assertThrows(JedisConnectionException.class, call::call);
    }
    T result = call.call();
    assertThat(loss.happened(), is(true));
    return result;
  }

  @Test
  void aDeleteThatIsExecutedTwiceDeletesAndNoLongerKnowsThatThereWasAnEntry() throws Exception {
    cache.set(key, 1);
    assertThat(runTwice(Scripts.DELETE, () -> cache.delete(key)), is(false));
    assertThat(redis.admin().exists(key), is(false));
  }

  @Test
  void aBatchDeleteWhoseReplyIsLostNamesKeysAndCanBeRepeated() {
    Map<String, Integer> values = numbers(1000);
    cache.setAll(values, MINUTE);
    Loss loss = loseReplyTo(Scripts.DELETE);
    CacheBatchException failure =
        assertThrows(CacheBatchException.class, () -> cache.deleteAll(values.keySet()));
    assertThat(loss.happened(), is(true));
    cache.deleteAll(failure.failedKeys());
    assertThat(cache.getAll(values.keySet()), is(aMapWithSize(0)));
  }

  private Map<String, Integer> numbers(int count) {
    Map<String, Integer> numbers = new LinkedHashMap<>();
    IntStream.range(0, count).forEach(i -> numbers.put(key + i, i));
    return numbers;
  }

  @Test
  void aTouchThatIsExecutedTwiceSetsTheSameLife() throws Exception {
    cache.set(key, 1);
    assertThat(runTwice(Scripts.TOUCH, () -> cache.touch(key, MINUTE)), is(true));
    assertThat(
        redis.admin().pttl(key), is(allOf(greaterThan(30_000L), lessThanOrEqualTo(60_000L))));
  }

  @Test
  void aTtlIsReadAgain() throws Exception {
    cache.set(key, 1, MINUTE);
    assertThat(
        runTwice(Scripts.TTL, () -> cache.ttl(key)).orElseThrow(),
        is(greaterThan(Duration.ofSeconds(50))));
  }

  @Test
  void aClaimThatIsSentTwiceIsOneLeaseAndOneThatIsNotLoadsUncachedForTheLeaseAtMost() {
    // Whoever sends again and takes its own lease for another's would wait for the end of it.
    Duration lease = sendsAgain() ? MINUTE : Duration.ofMillis(500);
    try (CacheService<Integer> claiming =
        Fixtures.builder(behind, Integer.class).lease(lease).build()) {
      Loss loss = loseReplyTo(Scripts.CLAIM);
      long start = System.nanoTime();
      assertThat(claiming.getOrLoad(key, MINUTE, () -> 1), is(1));
      assertThat(System.nanoTime() - start, is(lessThan(TimeUnit.SECONDS.toNanos(30))));
      assertThat(loss.happened(), is(true));
      assertThat(claiming.stats().uncachedLoads(), is(sendsAgain() ? 0L : 1L));
    }
    int second = sendsAgain() ? 1 : 2;
    assertThat(otherJvm.getOrLoad(key, MINUTE, () -> 2), is(second));
    assertThat(cache.get(key), is(Optional.of(second)));
  }

  @Test
  void aRenewalWhoseReplyIsLostIsFollowedByAnotherAndTheLeaseIsKept() throws Exception {
    Loss loss = loseReplyTo(Scripts.RENEW);
    AtomicInteger loads = new AtomicInteger();
    int value =
        cache.getOrLoad(
            key,
            MINUTE,
            () -> {
              Future<Integer> waiting =
                  threads.submit(() -> otherJvm.getOrLoad(key, MINUTE, loads::incrementAndGet));
              loss.await();
              awaitRenewal();
              assertThat(redis.admin().get(key), startsWith("#lease:"));
              assertThat(waiting.isDone(), is(false));
              return 7;
            });
    assertThat(value, is(7));
    assertThat(otherJvm.getOrLoad(key, MINUTE, loads::incrementAndGet), is(7));
    assertThat(loads.get(), is(0));
  }

  /** Waits until the life of what is under the key grows, by more than a second sending would. */
  private void awaitRenewal() {
    AtomicLong shortest = new AtomicLong(Long.MAX_VALUE / 2);
    Awaitility.await()
        .pollInterval(Duration.ofMillis(10))
        .until(
            () -> {
              long life = redis.admin().pttl(key);
              return life > shortest.getAndAccumulate(life, Math::min) + 200;
            });
  }

  @Test
  void aFillThatIsExecutedTwiceStoresAndTheValueIsReturned() {
    Loss loss = loseReplyTo(Scripts.FILL);
    assertThat(cache.getOrLoad(key, MINUTE, () -> 1), is(1));
    assertThat(loss.happened(), is(true));
    assertThat(cache.stats().redisFailures(), is(sendsAgain() ? 0L : 1L));
    assertThat(otherJvm.getOrLoad(key, MINUTE, () -> 2), is(1));
  }

  @Test
  void aReleaseThatIsExecutedTwiceLetsTheNextCallerLoadAtOnce() {
    Loss loss = loseReplyTo(Scripts.RELEASE);
    IllegalStateException failure = new IllegalStateException("no database");
    IllegalStateException thrown =
        assertThrows(
            IllegalStateException.class,
            () ->
                cache.getOrLoad(
                    key,
                    MINUTE,
                    () -> {
                      throw failure;
                    }));
    assertThat(thrown, is(sameInstance(failure)));
    assertThat(loss.happened(), is(true));
    assertThat(redis.admin().get(key), is(nullValue()));
    assertThat(otherJvm.getOrLoad(key, MINUTE, () -> 2), is(2));
  }

  @Test
  void aHoldThatIsPlacedTwiceIsOneAndOneThatMayNotBePlacedKeepsTheDatabaseUnwritten()
      throws Exception {
    AtomicInteger database = new AtomicInteger(1);
    CacheAside<String, Integer> aside = aside(cache, database);
    assertThat(aside.get(key), is(1));
    Loss loss = loseReplyTo(Scripts.HOLD);
    Callable<Integer> write = database::incrementAndGet;
    if (sendsAgain()) {
      assertThat(aside.update(key, write), is(2));
      assertThat(redis.admin().exists(key), is(false));
    } else {
      assertThrows(JedisConnectionException.class, () -> aside.update(key, write));
      assertThat(database.get(), is(1));
      // It is removed in the background.
      Awaitility.await().until(() -> !redis.admin().exists(key));
    }
    assertThat(loss.happened(), is(true));
    assertThat(aside.get(key), is(database.get()));
  }

  @Test
  void aHoldThatIsEndedTwiceIsGoneAndAReplyThatIsMissedBringsTheResult() {
    AtomicInteger database = new AtomicInteger(1);
    CacheAside<String, Integer> aside = aside(cache, database);
    assertThat(aside.get(key), is(1));
    Loss loss = network.loseReply(CacheScriptsIT::isEndOfHold, 1, Then.CUT);
    if (sendsAgain()) {
      assertThat(aside.update(key, database::incrementAndGet), is(2));
    } else {
      CacheInvalidationException failure =
          assertThrows(
              CacheInvalidationException.class, () -> aside.update(key, database::incrementAndGet));
      assertThat(failure.result(), is(2));
    }
    assertThat(loss.happened(), is(true));
    assertThat(redis.admin().exists(key), is(false));
    assertThat(aside.get(key), is(2));
    // The end that is sent again in the background may remove what was just loaded, but only once.
    Awaitility.await()
        .until(() -> aside.get(key).equals(2) && cache.get(key).equals(Optional.of(2)));
  }

  private static boolean isEndOfHold(Request request) {
    return isRunOf(Scripts.HOLD, request) && lastOf(request).equals("0"); // which a key lives then
  }

  private static String lastOf(Request request) {
    return request.arguments().get(request.arguments().size() - 1);
  }

  @Test
  void aRenewalOfAHoldWhoseReplyIsLostIsFollowedByAnother() {
    AtomicInteger database = new AtomicInteger(1);
    CacheAside<String, Integer> aside = aside(cache, database);
    aside.update(
        key,
        () -> {
          loseReplyTo(Scripts.RENEW_HOLD).await();
          awaitRenewal();
          assertThat(redis.admin().get(key), startsWith("#hold:"));
          return database.incrementAndGet();
        });
    assertThat(redis.admin().exists(key), is(false));
  }

  private static CacheAside<String, Integer> aside(
      CacheService<Integer> cache, AtomicInteger database) {
    return new CacheAside<>(cache, MINUTE, id -> id, id -> database.get());
  }

  @Test
  void aRenewalOfAHoldThatArrivesAfterItsEndDoesNotBringItBack() {
    RedisStore<Integer> store =
        new RedisStore<>(
            CoreAccess.of(redis),
            new Codec<>(Json.standard(), TypeToken.get(Integer.class)),
            new Names("", Names.Writing.VERBATIM, 1024),
            RedisStore.Reading.VALUE_ALONE,
            0);
    store.hold(List.of(key), "mine", 10_000, 60_000);
    store.hold(List.of(key), "other", 10_000, 60_000);
    assertThat(renewed(store), is(1L));
    store.unhold(List.of(key), "mine");
    assertThat(renewed(store), is(0L));
    assertThat(redis.admin().get(key), startsWith("#hold:other@"));
    store.unhold(List.of(key), "other");
    assertThat(renewed(store), is(0L));
    assertThat(redis.admin().exists(key), is(false));
  }

  private Object renewed(RedisStore<Integer> store) {
    Renewable.Request request = store.holdRenewal(key, "mine", 30_000, 60_000);
    return request.script().run(CoreAccess.of(redis), request.keys(), request.args());
  }

  /** What a JVM knows to be dead it does not wait for; others wait until it says so. */
  @Test
  void afterAFillThatDidNotArriveNobodyWaitsForTheLease() {
    CacheService<Integer> lasting =
        Fixtures.builder(behind, Integer.class).lease(Duration.ofMinutes(10)).build();
    AtomicInteger loads = new AtomicInteger();
    assertThat(
        lasting.getOrLoad(
            key,
            MINUTE,
            () -> {
              network.refuse();
              return loads.incrementAndGet();
            }),
        is(1));
    assertThat(redis.admin().get(key), startsWith("#lease:"));
    network.accept();
    network.heal();
    Awaitility.await()
        .atMost(Duration.ofMinutes(1))
        .until(() -> !String.valueOf(redis.admin().get(key)).startsWith("#lease:"));
    assertThat(otherJvm.getOrLoad(key, MINUTE, loads::incrementAndGet), is(2));
    assertThat(lasting.getOrLoad(key, MINUTE, loads::incrementAndGet), is(2));
    lasting.close();
  }

  @Test
  void serversThatForgetTheirScriptsAllTheTimeChangeNothing() throws Exception {
    int rounds = Matrix.size(15, 200);
    long evals = redis.calls("eval");
    try (CacheService<Integer> third = Fixtures.cache(redis, Integer.class);
        Disturbance flushing = redis.flushScriptsEvery(Duration.ofMillis(2))) {
      List<Future<Integer>> callers = new ArrayList<>();
      for (int caller = 0; caller < 4; caller++) {
        int number = caller;
        callers.add(
            threads.submit(
                () -> {
                  int done = 0;
                  while (done < rounds
                      || flushing.times() < 20
                      || redis.calls("eval") - evals <= AT_FIRST) {
                    useEveryScript(third, key + number + "-" + done + "-");
                    done++;
                  }
                  return done;
                }));
      }
      for (Future<Integer> caller : callers) {
        assertThat(caller.get(2, TimeUnit.MINUTES), is(greaterThan(rounds - 1)));
      }
      assertThat(third.stats().redisFailures() + otherJvm.stats().redisFailures(), is(0L));
    }
    assertThat(redis.calls("eval") - evals, is(greaterThan(AT_FIRST)));
  }

  @Test
  void leasesAndHoldsAreRenewedByServersThatForgetTheirScriptsAllTheTime() throws Exception {
    AtomicInteger database = new AtomicInteger(1);
    try (CacheService<Integer> renewing =
            Fixtures.builder(behind, Integer.class).lease(RENEWED).hold(RENEWED).build();
        Disturbance flushing = redis.flushScriptsEvery(Duration.ofMillis(2))) {
      Future<Integer> load =
          threads.submit(
              () ->
                  renewing.getOrLoad(
                      key + "-loaded",
                      MINUTE,
                      () -> {
                        awaitTwoForgotten(Scripts.RENEW);
                        return 7;
                      }));
      Future<Integer> update =
          threads.submit(
              () ->
                  aside(renewing, database)
                      .update(
                          key + "-held",
                          () -> {
                            awaitTwoForgotten(Scripts.RENEW_HOLD);
                            assertThat(redis.admin().get(key + "-held"), startsWith("#hold:"));
                            return database.incrementAndGet();
                          }));
      assertThat(load.get(1, TimeUnit.MINUTES), is(7));
      assertThat(update.get(1, TimeUnit.MINUTES), is(2));
      assertThat(renewing.stats().redisFailures(), is(0L));
      assertThat(flushing.times(), is(greaterThan(2)));
    }
    // Who lost the lease or hold would have stored nothing, or left something.
    assertThat(otherJvm.get(key + "-loaded"), is(Optional.of(7)));
    assertThat(redis.admin().exists(key + "-held"), is(false));
  }

  /**
   * Waits until a script has been executed twice, from now on, after the server had forgotten it.
   * Of a renewal, the second time tells that the first found what it was to renew.
   */
  private void awaitTwoForgotten(LuaScript script) {
    AtomicInteger sentWhole = new AtomicInteger();
    Loss never =
        network.loseReply(
            request -> {
              if (request.name().equals("EVAL") && isRunOf(script, request)) {
                sentWhole.incrementAndGet();
              }
              return false;
            },
            1,
            Then.CUT);
    Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> sentWhole.get() >= 2);
    assertThat(never.happened(), is(false));
  }

  private void useEveryScript(CacheService<Integer> third, String own) throws Exception {
    AtomicInteger loads = new AtomicInteger();
    Loader<Integer> loader =
        () -> {
          TimeUnit.MILLISECONDS.sleep(1);
          return loads.incrementAndGet();
        };
    Future<Integer> elsewhere = threads.submit(() -> otherJvm.getOrLoad(own, MINUTE, loader));
    assertThat(third.getOrLoad(own, MINUTE, loader), is(1));
    assertThat(elsewhere.get(), is(1));
    assertThat(third.touch(own, Duration.ofHours(1)), is(true));
    assertThat(third.ttl(own).orElseThrow(), is(greaterThan(MINUTE)));
    assertThat(third.delete(own), is(true));
    assertThrows(
        IllegalStateException.class,
        () ->
            third.getOrLoad(
                own,
                MINUTE,
                () -> {
                  throw new IllegalStateException("no database");
                }));
    AtomicInteger database = new AtomicInteger(1);
    CacheAside<String, Integer> aside = aside(otherJvm, database);
    assertThat(aside.get(own), is(1));
    assertThat(aside.update(own, database::incrementAndGet), is(2));
    assertThat(third.get(own), is(Optional.empty()));
    assertThat(aside.get(own), is(2));
    Map<String, Integer> batch = Map.of(own + "a", 1, own + "b", 2, own + "c", 3);
    third.setAll(batch, MINUTE);
    assertThat(third.deleteAll(batch.keySet()), is(3L));
  }
}
