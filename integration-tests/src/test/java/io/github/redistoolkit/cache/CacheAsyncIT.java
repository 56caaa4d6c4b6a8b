package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.TestTime;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/** Loads that no thread waits for. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class CacheAsyncIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final String prefix;

  /** One thread: whoever waited on it would stop all. */
  private final ExecutorService single = Executors.newSingleThreadExecutor();

  private final ExecutorService callers = Executors.newCachedThreadPool();
  private final List<CacheService<Integer>> caches = new ArrayList<>();
  private final CacheService<Integer> cache;
  private final CacheService<Integer> otherJvm;
  private final AtomicInteger loads = new AtomicInteger();
  private final CompletableFuture<Integer> loading = new CompletableFuture<>();
  private final AsyncLoader<Integer> loader =
      () -> {
        loads.incrementAndGet();
        return loading;
      };

  CacheAsyncIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("async:");
    this.cache = opened(builder());
    this.otherJvm = opened(builder());
  }

  private CacheService.Builder<Integer> builder() {
    return Fixtures.builder(redis, prefix, Integer.class).executor(single);
  }

  private CacheService<Integer> opened(CacheService.Builder<Integer> builder) {
    CacheService<Integer> opened = builder.build();
    caches.add(opened);
    return opened;
  }

  @AfterEach
  void endsWhatItStarted() throws InterruptedException {
    callers.shutdownNow();
    single.shutdownNow();
    assertThat(callers.awaitTermination(1, TimeUnit.MINUTES), is(true));
    assertThat(single.awaitTermination(1, TimeUnit.MINUTES), is(true));
    caches.forEach(CacheService::close);
  }

  private CompletableFuture<Integer> begin(CacheService<Integer> jvm, String key) {
    return jvm.getOrLoadAsync(key, MINUTE, loader);
  }

  private static <T> T get(CompletableFuture<T> future) throws Exception {
    return future.get(1, TimeUnit.MINUTES);
  }

  private static Throwable failure(CompletableFuture<?> future) {
    return assertThrows(ExecutionException.class, () -> get(future)).getCause();
  }

  private String stored(String key) {
    return redis.admin().get(prefix + key);
  }

  @Test
  void oneOfAllCallersOfTheFleetLoadsAndNoThreadWaits() throws Exception {
    List<CompletableFuture<Integer>> all = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      all.add(begin(cache, "k"));
      all.add(begin(otherJvm, "k"));
    }
    Awaitility.await().until(() -> loads.get() == 1);
    CompletableFuture<Integer> blocking =
        CompletableFuture.supplyAsync(() -> cache.getOrLoad("k", MINUTE, () -> 9), callers);
    Awaitility.await().until(() -> Fixtures.waitingIn(Waits.class, "join") == 1);
    // The only thread is free: another key is loaded while the first load is under way.
    assertThat(
        get(cache.getOrLoadAsync("x", MINUTE, () -> CompletableFuture.completedFuture(7))), is(7));
    assertThat(stored("k"), startsWith("#lease:"));
    loading.complete(1);
    for (CompletableFuture<Integer> one : all) {
      assertThat(get(one), is(1));
    }
    assertThat(get(blocking), is(1));
    assertThat(loads.get(), is(1));
    assertThat(stored("k"), is("1"));
    assertThat(cache.stats().loads() + otherJvm.stats().loads(), is(2L));
  }

  @Test
  void aHitComesWithoutALoad() throws Exception {
    cache.set("k", 1);
    assertThat(get(begin(cache, "k")), is(1));
    assertThat(loads.get(), is(0));
  }

  @Test
  void aThreadThatHasBegunALoadMayWaitForItLikeAnyOther() throws Exception {
    AtomicReference<Executor> current = new AtomicReference<>(single);
    CacheService<Integer> shared = opened(builder().executor(task -> current.get().execute(task)));
    CompletableFuture<Integer> first = begin(shared, "k");
    Awaitility.await().until(() -> loads.get() == 1);
    current.set(callers);
    CompletableFuture<Integer> within =
        CompletableFuture.supplyAsync(
            () -> shared.getOrLoad("x", MINUTE, () -> shared.getOrLoad("k", MINUTE, () -> 9) + 1),
            single);
    Awaitility.await().until(() -> within.isDone() || Fixtures.waitingIn(Waits.class, "join") == 1);
    loading.complete(1);
    assertThat(get(first), is(1));
    assertThat(get(within), is(2));
  }

  @Test
  void aLoadThatIsOvertakenIsNotStored() throws Exception {
    CompletableFuture<Integer> overtaken = begin(cache, "k");
    Awaitility.await().until(() -> loads.get() == 1);
    otherJvm.set("k", 5);
    assertThat(get(begin(cache, "k")), is(5));
    loading.complete(1);
    assertThat(get(overtaken), is(1));
    assertThat(cache.get("k"), is(Optional.of(5)));
    assertThat(cache.stats().refusedFills(), is(1L));
  }

  @Test
  void aLoadThatFailsFailsForAllAndTheNextCallerLoads() throws Exception {
    CompletableFuture<Integer> first = begin(cache, "k");
    Awaitility.await().until(() -> loads.get() == 1);
    CompletableFuture<Integer> joined = begin(cache, "k");
    CompletableFuture<Integer> blocking =
        CompletableFuture.supplyAsync(() -> cache.getOrLoad("k", MINUTE, () -> 9), callers);
    Awaitility.await().until(() -> Fixtures.waitingIn(Waits.class, "join") == 1);
    assertThat(
        get(cache.getOrLoadAsync("x", MINUTE, () -> CompletableFuture.completedFuture(7))), is(7));
    IllegalStateException noDatabase = new IllegalStateException("no database");
    loading.completeExceptionally(noDatabase);
    assertThat(failure(first), is(sameInstance(noDatabase)));
    assertThat(failure(joined), is(sameInstance(noDatabase)));
    assertThat(failure(blocking), is(sameInstance(noDatabase)));
    assertThat(stored("k"), is(nullValue()));
    assertThat(cache.stats().loadFailures(), is(1L));
    assertThat(cache.getOrLoad("k", MINUTE, () -> 2), is(2));
  }

  @Test
  void whatALoaderThrowsOrEndsWithIsTheFailure() throws Exception {
    IOException checked = new IOException("no network");
    for (AsyncLoader<Integer> failing :
        List.<AsyncLoader<Integer>>of(
            () -> {
              throw checked;
            },
            () -> CompletableFuture.failedFuture(checked),
            () -> CompletableFuture.<Integer>failedFuture(checked).thenApply(i -> i + 1))) {
      assertThat(failure(cache.getOrLoadAsync("k", MINUTE, failing)), is(sameInstance(checked)));
    }
    CompletableFuture<Integer> cancelled = new CompletableFuture<>();
    cancelled.cancel(true);
    assertThrows(
        CancellationException.class, () -> get(cache.getOrLoadAsync("k", MINUTE, () -> cancelled)));
    AsyncLoader<Integer> nothing = () -> null;
    assertThat(
        failure(cache.getOrLoadAsync("k", MINUTE, nothing)),
        is(instanceOf(NullPointerException.class)));
    assertThat(stored("k"), is(nullValue()));
  }

  @Test
  void cancellingACallEndsOnlyThatCall() throws Exception {
    CompletableFuture<Integer> first = begin(cache, "k");
    Awaitility.await().until(() -> loads.get() == 1);
    CompletableFuture<Integer> joined = begin(cache, "k");
    CompletableFuture<Integer> elsewhere = begin(otherJvm, "k");
    assertThat(first.cancel(true), is(true));
    assertThat(loading.isDone(), is(false));
    loading.complete(1);
    assertThat(get(joined), is(1));
    assertThat(get(elsewhere), is(1));
    assertThat(stored("k"), is("1"));
  }

  @Test
  void whoTakesOverTheWaitingOfACallThatIsCancelled() throws Exception {
    CompletableFuture<Integer> first = begin(cache, "k");
    Awaitility.await().until(() -> loads.get() == 1);
    CompletableFuture<Integer> polling = begin(otherJvm, "k");
    CompletableFuture<Integer> joined = begin(otherJvm, "k");
    single.submit(() -> {}).get(1, TimeUnit.MINUTES); // so that both wait before the next one comes
    CompletableFuture<Integer> blocking =
        CompletableFuture.supplyAsync(() -> otherJvm.getOrLoad("k", MINUTE, () -> 9), callers);
    Awaitility.await().until(() -> Fixtures.waitingIn(Waits.class, "awaitEndOf") == 1);
    assertThat(polling.cancel(true), is(true));
    loading.complete(1);
    assertThat(get(first), is(1));
    assertThat(get(joined), is(1));
    assertThat(get(blocking), is(1));
  }

  @Test
  void aLoadThatNeverEndsIsGivenUpAndItsLeaseWithIt() throws Exception {
    TestTime time = new TestTime();
    CacheService.Builder<Integer> builder = builder().maxWait(MINUTE);
    builder.alarms = time.alarms();
    CacheService<Integer> impatient = opened(builder);
    CompletableFuture<Integer> first = begin(impatient, "k");
    CompletableFuture<Integer> joined = begin(impatient, "k");
    single.submit(() -> {}).get(1, TimeUnit.MINUTES); // has done what was given to it before
    assertThat(loads.get(), is(1));
    time.pass(MINUTE);
    assertThat(failure(first), is(instanceOf(CacheTimeoutException.class)));
    assertThat(failure(joined), is(instanceOf(CacheTimeoutException.class)));
    Awaitility.await().until(loading::isCancelled);
    assertThat(cache.getOrLoad("k", MINUTE, () -> 2), is(2));
    assertThat(impatient.stats().loadFailures(), is(1L));
  }

  @Test
  void waitingForAnotherJvmIsBoundedToo() {
    redis.admin().set(prefix + "k", Fixtures.lease(MINUTE), SetParams.setParams().px(60_000));
    CacheService<Integer> impatient = opened(builder().maxWait(Duration.ofMillis(300)));
    assertThat(failure(begin(impatient, "k")), is(instanceOf(CacheTimeoutException.class)));
    assertThat(failure(begin(impatient, "k")), is(instanceOf(CacheTimeoutException.class)));
    assertThat(loads.get(), is(0));
  }

  @Test
  void aLeaseOfAJvmThatEndedIsTakenOver() throws Exception {
    redis
        .admin()
        .set(
            prefix + "k", Fixtures.lease(Duration.ofMillis(300)), SetParams.setParams().px(60_000));
    CacheService<Integer> soon = opened(builder().lease(Duration.ofMillis(200)));
    loading.complete(1);
    assertThat(get(begin(soon, "k")), is(1));
    assertThat(stored("k"), is("1"));
  }

  @Test
  void whileAnUpdateHoldsTheKeyOneLoadAtATimeIsNotStored() throws Exception {
    CacheAside<String, Integer> rows = new CacheAside<>(cache, MINUTE, id -> id, id -> null);
    try (CacheUpdate update = rows.beginUpdate("k")) {
      CompletableFuture<Integer> first = begin(cache, "k");
      Awaitility.await().until(() -> loads.get() == 1);
      CompletableFuture<Integer> second =
          cache.getOrLoadAsync("k", MINUTE, () -> CompletableFuture.completedFuture(2));
      CompletableFuture<Integer> third =
          CompletableFuture.supplyAsync(() -> cache.getOrLoad("k", MINUTE, () -> 2), callers);
      assertThat(second.isDone(), is(false));
      loading.complete(1);
      assertThat(get(first), is(1));
      assertThat(get(second), is(2));
      assertThat(get(third), is(2));
      update.commit();
    }
    assertThat(cache.get("k"), is(Optional.empty()));
    assertThat(cache.stats().uncachedLoads(), is(lessThanOrEqualTo(3L)));
  }

  @Test
  void anExecutorThatRefusesFailsTheCallAndLeavesNoLease() throws Exception {
    ExecutorService ending = Executors.newSingleThreadExecutor();
    CacheService<Integer> refusing = opened(builder().executor(ending));
    CompletableFuture<Integer> first = begin(refusing, "k");
    Awaitility.await().until(() -> loads.get() == 1);
    ending.shutdown();
    assertThat(failure(begin(refusing, "k")), is(instanceOf(RejectedExecutionException.class)));
    loading.complete(1);
    assertThat(failure(first), is(instanceOf(RejectedExecutionException.class)));
    assertThat(cache.getOrLoad("k", MINUTE, () -> 2), is(2));
  }

  @Test
  void whereTheExecutorRefusesNothingIsReadAndTheLeaseGoesInTheBackground() throws Exception {
    ExecutorService ending = Executors.newSingleThreadExecutor();
    CacheService<Integer> refusing = opened(builder().executor(ending).staleIfError(MINUTE));
    refusing.set("k", 1, Duration.ofMillis(1));
    Awaitility.await().until(() -> refusing.ttl("k").isEmpty());
    CompletableFuture<Integer> first = begin(refusing, "k");
    Awaitility.await().until(() -> loads.get() == 1);
    CompletableFuture<Integer> blocking =
        CompletableFuture.supplyAsync(() -> refusing.getOrLoad("k", MINUTE, () -> 9), callers);
    Awaitility.await().until(() -> Fixtures.waitingIn(Waits.class, "join") == 1);
    ending.shutdown();
    loading.complete(2);
    // The entry past its time, which it would have to ask Redis for, is not returned.
    assertThat(failure(first), is(instanceOf(RejectedExecutionException.class)));
    assertThat(failure(blocking), is(instanceOf(RejectedExecutionException.class)));
    Awaitility.await().until(() -> !stored("k").startsWith("#lease:"));
    assertThat(refusing.getOrLoad("k", MINUTE, () -> 3), is(3));
  }

  @Test
  void anEntryPastItsTimeIsReturnedIfTheLoadFails() throws Exception {
    CacheService<Integer> stale = opened(builder().staleIfError(MINUTE));
    stale.set("k", 1, Duration.ofMillis(1));
    Awaitility.await().until(() -> stale.ttl("k").isEmpty());
    loading.completeExceptionally(new IllegalStateException("no database"));
    assertThat(get(begin(stale, "k")), is(1));
    assertThat(get(begin(stale, "k")), is(1));
    assertThat(loads.get(), is(1));
    assertThat(stale.stats().staleHits(), is(2L));
  }

  @Test
  void aRefreshBeforeTheEndUsesTheLoaderToo() throws Exception {
    CacheService<Integer> early = opened(builder().earlyRefresh(0.5, callers));
    early.set("k", 1, Duration.ofSeconds(20));
    loading.complete(2);
    Awaitility.await().until(() -> get(begin(early, "k")) == 2);
    assertThat(early.stats().earlyLoads(), is(1L));
  }

  @Test
  void aLoaderThatAsksForItsOwnKeyIsRefused() {
    AsyncLoader<Integer> circular = () -> cache.getOrLoadAsync("k", MINUTE, loader);
    assertThat(
        failure(cache.getOrLoadAsync("k", MINUTE, circular)),
        is(instanceOf(IllegalStateException.class)));
  }

  @Test
  void whatIsNoTextIsLoadedAndNotStored() throws Exception {
    redis.admin().lpush(prefix + "list", "not a text");
    loading.complete(3);
    assertThat(get(begin(cache, "list")), is(3));
    assertThat(cache.stats().uncachedLoads(), is(1L));
  }

  // Groups.

  private CompletableFuture<Integer> beginInGroup(CacheService<Integer> jvm) {
    return jvm.group("a", "b").getOrLoadAsync("k", MINUTE, loader);
  }

  @Test
  void anEntryOfAGroupIsLoadedOnceForAllWithoutAThreadThatWaits() throws Exception {
    List<CompletableFuture<Integer>> all = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      all.add(beginInGroup(cache));
      all.add(beginInGroup(otherJvm));
    }
    Awaitility.await().until(() -> loads.get() == 1);
    CompletableFuture<Integer> blocking =
        CompletableFuture.supplyAsync(
            () -> cache.group("b", "a").getOrLoad("k", MINUTE, () -> 9), callers);
    Awaitility.await().until(() -> Fixtures.waitingIn(Waits.class, "join") == 1);
    assertThat(
        get(
            cache
                .group("c")
                .getOrLoadAsync("k", MINUTE, () -> CompletableFuture.completedFuture(7))),
        is(7));
    loading.complete(1);
    for (CompletableFuture<Integer> one : all) {
      assertThat(get(one), is(1));
    }
    assertThat(get(blocking), is(1));
    assertThat(loads.get(), is(1));
    assertThat(otherJvm.group("a", "b").get("k"), is(Optional.of(1)));
    assertThat(get(beginInGroup(otherJvm)), is(1));
  }

  @Test
  void aLoadThatIsUnderWayWhenItsGroupIsInvalidatedIsNotFoundLater() throws Exception {
    CompletableFuture<Integer> before = beginInGroup(cache);
    Awaitility.await().until(() -> loads.get() == 1);
    otherJvm.invalidateGroup("b");
    CompletableFuture<Integer> after =
        cache
            .group("a", "b")
            .getOrLoadAsync("k", MINUTE, () -> CompletableFuture.completedFuture(2));
    assertThat(get(after), is(2));
    loading.complete(1);
    assertThat(get(before), is(1));
    assertThat(cache.group("a", "b").get("k"), is(Optional.of(2)));
  }

  @Test
  void whileAGroupIsUpdatedOneLoadAtATimeIsNotStored() throws Exception {
    try (CacheUpdate update = otherJvm.beginGroupUpdate("a")) {
      CompletableFuture<Integer> first = beginInGroup(cache);
      Awaitility.await().until(() -> loads.get() == 1);
      CompletableFuture<Integer> second =
          cache
              .group("a", "b")
              .getOrLoadAsync("k", MINUTE, () -> CompletableFuture.completedFuture(2));
      loading.complete(1);
      assertThat(get(first), is(1));
      assertThat(get(second), is(2));
      update.commit();
    }
    assertThat(cache.group("a", "b").get("k"), is(Optional.empty()));
    assertThat(cache.stats().uncachedLoads(), is(2L));
  }

  @Test
  void aLoaderOfAGroupThatAsksForItsOwnKeyIsRefused() {
    CacheGroup<Integer> group = cache.group("a");
    AsyncLoader<Integer> circular = () -> group.getOrLoadAsync("k", MINUTE, loader);
    assertThat(
        failure(group.getOrLoadAsync("k", MINUTE, circular)),
        is(instanceOf(IllegalStateException.class)));
    try (CacheUpdate update = cache.beginGroupUpdate("a")) {
      assertThat(
          failure(group.getOrLoadAsync("k", MINUTE, circular)),
          is(instanceOf(IllegalStateException.class)));
      update.commit();
    }
    assertThat(loads.get(), is(0));
  }

  @Test
  void withoutRedisGroupsAreLoadedApart() throws Exception {
    try (Outage down = new Outage(redis)) {
      CacheService<Integer> alone =
          Fixtures.builder(down.redis(), prefix, Integer.class).executor(single).build();
      CompletableFuture<Integer> first = alone.group("a").getOrLoadAsync("k", MINUTE, loader);
      CompletableFuture<Integer> second =
          alone.group("b").getOrLoadAsync("k", MINUTE, () -> CompletableFuture.completedFuture(2));
      assertThat(get(second), is(2));
      loading.complete(1);
      assertThat(get(first), is(1));
      alone.close();
    }
  }

  @Test
  void whatIsWrongIsRefusedAtOnce() {
    CacheGroup<Integer> group = cache.group("a");
    assertThrows(NullPointerException.class, () -> group.getOrLoadAsync(null, MINUTE, loader));
    assertThrows(IllegalArgumentException.class, () -> group.getOrLoadAsync("", MINUTE, loader));
    assertThrows(
        IllegalArgumentException.class, () -> group.getOrLoadAsync("k", Duration.ZERO, loader));
    assertThrows(NullPointerException.class, () -> group.getOrLoadAsync("k", MINUTE, null));
    CacheAside<String, Integer> rows = rows();
    assertThrows(NullPointerException.class, () -> rows.getAsync(null, id -> loading));
    assertThrows(NullPointerException.class, () -> rows.getAsync("k", null));
    assertThrows(IllegalArgumentException.class, () -> rows.getAsync("", id -> loading));
    assertThrows(NullPointerException.class, () -> rows.updateAsync("k", null));
    assertThrows(IllegalArgumentException.class, () -> rows.updateAsync(List.of(), () -> loading));
    assertThrows(IllegalArgumentException.class, () -> rows.updateAsync("", () -> loading));
    cache.close();
    assertThrows(IllegalStateException.class, () -> group.getOrLoadAsync("k", MINUTE, loader));
    assertThrows(IllegalStateException.class, () -> rows.getAsync("k", id -> loading));
    assertThrows(IllegalStateException.class, () -> rows.updateAsync("k", () -> loading));
    assertThat(loads.get(), is(0));
  }

  // Repositories.

  private CacheAside<String, Integer> rows() {
    return rows(cache);
  }

  private static CacheAside<String, Integer> rows(CacheService<Integer> jvm) {
    return new CacheAside<>(jvm, MINUTE, id -> id, id -> 9);
  }

  @Test
  void aRowIsReadOnceForCallersThatWaitAndThoseThatDoNot() throws Exception {
    CompletableFuture<Integer> first =
        rows()
            .getAsync(
                "k",
                id -> {
                  loads.incrementAndGet();
                  return loading;
                });
    Awaitility.await().until(() -> loads.get() == 1);
    CompletableFuture<Integer> blocking =
        CompletableFuture.supplyAsync(() -> rows().get("k"), callers);
    Awaitility.await().until(() -> Fixtures.waitingIn(Waits.class, "join") == 1);
    loading.complete(1);
    assertThat(get(first), is(1));
    assertThat(get(blocking), is(1));
    assertThat(rows(otherJvm).get("k"), is(1));
  }

  @Test
  void whileARowIsWrittenWithoutAThreadNothingOfItIsCached() throws Exception {
    cache.set("k", 1);
    cache.set("l", 1);
    CompletableFuture<Integer> read =
        otherJvm.getOrLoadAsync("m", MINUTE, loader); // is under way when the update begins
    Awaitility.await().until(() -> loads.get() == 1);
    CompletableFuture<String> written = new CompletableFuture<>();
    CompletableFuture<String> update = rows().updateAsync(List.of("k", "l", "m"), () -> written);
    for (String key : List.of("k", "l", "m")) {
      Awaitility.await().until(() -> stored(key).startsWith("#hold:"));
    }
    loading.complete(1);
    assertThat(get(read), is(1));
    // The only thread is free, and reads go to the database.
    assertThat(
        get(cache.getOrLoadAsync("k", MINUTE, () -> CompletableFuture.completedFuture(2))), is(2));
    assertThat(stored("k"), startsWith("#hold:"));
    assertThat(update.isDone(), is(false));
    written.complete("written");
    assertThat(get(update), is("written"));
    for (String key : List.of("k", "l", "m")) {
      assertThat(stored(key), is(nullValue()));
    }
    assertThat(rows(otherJvm).get("k"), is(9));
    assertThat(stored("k"), is("9"));
  }

  @Test
  void aWriteThatFailsReleasesItsKeys() throws Exception {
    IllegalStateException noDatabase = new IllegalStateException("no database");
    for (Callable<CompletionStage<Integer>> failing :
        List.<Callable<CompletionStage<Integer>>>of(
            () -> {
              throw noDatabase;
            },
            () -> CompletableFuture.failedFuture(noDatabase),
            () -> CompletableFuture.<Integer>failedFuture(noDatabase).thenApply(i -> i + 1))) {
      cache.set("k", 1);
      assertThat(failure(rows().updateAsync("k", failing)), is(sameInstance(noDatabase)));
      assertThat(stored("k"), is(nullValue()));
    }
    Callable<CompletionStage<Integer>> nothing = () -> null;
    assertThat(
        failure(rows().updateAsync("k", nothing)), is(instanceOf(NullPointerException.class)));
    assertThat(stored("k"), is(nullValue()));
  }

  @Test
  void cancellingAnUpdateEndsNeitherTheWriteNorTheHold() throws Exception {
    CompletableFuture<Integer> update = rows().updateAsync("k", () -> loading);
    Awaitility.await().until(() -> String.valueOf(stored("k")).startsWith("#hold:"));
    assertThat(update.cancel(true), is(true));
    assertThat(loading.isDone(), is(false));
    assertThat(stored("k"), startsWith("#hold:"));
    loading.complete(1);
    Awaitility.await().until(() -> stored("k") == null);
  }

  @Test
  void anExecutorThatRefusesTheEndOfAnUpdateSaysThatTheDatabaseWasWritten() throws Exception {
    ExecutorService ending = Executors.newSingleThreadExecutor();
    CacheAside<String, Integer> rows = rows(opened(builder().executor(ending)));
    CompletableFuture<Integer> update = rows.updateAsync("k", () -> loading);
    Awaitility.await().until(() -> String.valueOf(stored("k")).startsWith("#hold:"));
    ending.shutdown();
    loading.complete(5);
    CacheInvalidationException notReleased = (CacheInvalidationException) failure(update);
    assertThat(notReleased.result(), is(5));
    Awaitility.await().until(() -> stored("k") == null);
    AtomicInteger writes = new AtomicInteger();
    assertThat(
        failure(
            rows.updateAsync(
                "k", () -> CompletableFuture.completedFuture(writes.incrementAndGet()))),
        is(instanceOf(RejectedExecutionException.class)));
    assertThat(writes.get(), is(0));
  }

  @Test
  void anExecutorThatFailsInAWayOfItsOwnKeepsNoHoldForEver() throws Exception {
    AtomicReference<RuntimeException> failing = new AtomicReference<>();
    Executor executor =
        task -> {
          RuntimeException failure = failing.get();
          if (failure != null) {
            throw failure;
          }
          single.execute(task);
        };
    CacheAside<String, Integer> rows = rows(opened(builder().executor(executor)));
    CompletableFuture<Integer> update = rows.updateAsync("k", () -> loading);
    Awaitility.await().until(() -> String.valueOf(stored("k")).startsWith("#hold:"));
    failing.set(new IllegalStateException("on purpose"));
    loading.complete(5);
    CacheInvalidationException notReleased = (CacheInvalidationException) failure(update);
    assertThat(notReleased.result(), is(5));
    Awaitility.await().until(() -> stored("k") == null);
    assertThat(failure(rows.updateAsync("k", () -> loading)), is(sameInstance(failing.get())));
  }

  @Test
  void withoutRedisNothingIsWritten() throws Exception {
    try (Outage down = new Outage(redis)) {
      CacheService<Integer> alone =
          Fixtures.builder(down.redis(), prefix, Integer.class).executor(single).build();
      AtomicInteger writes = new AtomicInteger();
      assertThat(
          failure(
              rows(alone)
                  .updateAsync(
                      "k", () -> CompletableFuture.completedFuture(writes.incrementAndGet()))),
          is(instanceOf(JedisException.class)));
      assertThat(writes.get(), is(0));
      alone.close();
    }
  }
}
