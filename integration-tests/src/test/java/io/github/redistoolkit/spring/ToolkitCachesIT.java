package io.github.redistoolkit.spring;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.cache.Cache;
import org.springframework.cache.CacheManager;
import org.springframework.cache.annotation.CacheEvict;
import org.springframework.cache.annotation.CachePut;
import org.springframework.cache.annotation.Cacheable;
import org.springframework.cache.annotation.EnableCaching;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Configuration;

/** Spring's annotations over typed caches in a real Redis; each context is a JVM of its own. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class ToolkitCachesIT {

  private static final Duration TTL = Duration.ofMinutes(10);

  /** What is cached. */
  record User(String id, String name) {}

  private final TestRedis redis;
  private final String id;
  private final Database database = new Database();
  private final List<AnnotationConfigApplicationContext> contexts = new ArrayList<>();

  ToolkitCachesIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("id");
  }

  @AfterEach
  void close() {
    contexts.forEach(AnnotationConfigApplicationContext::close);
  }

  /** Counts what is read. */
  static final class Database {

    final AtomicInteger reads = new AtomicInteger();
    volatile String name = "Jane";
    volatile CountDownLatch go = new CountDownLatch(0);
    final CountDownLatch reading = new CountDownLatch(1);

    User read(String id) throws InterruptedException {
      reads.incrementAndGet();
      String found = name;
      reading.countDown();
      assertThat(go.await(1, TimeUnit.MINUTES), is(true));
      return found == null ? null : new User(id, found);
    }
  }

  /** A service as applications have it. */
  static class Users {

    private final Database database;

    Users(Database database) {
      this.database = database;
    }

    @Cacheable(cacheNames = "users", sync = true)
    public User find(String id) throws InterruptedException {
      return database.read(id);
    }

    @Cacheable(cacheNames = "users")
    public User findAlone(String id) throws InterruptedException {
      return database.read(id);
    }

    @CacheEvict(cacheNames = "users", key = "#id")
    public void rename(String id, String name) {
      database.name = name;
    }

    @CachePut(cacheNames = "users", key = "#user.id()")
    public User save(User user) {
      database.name = user.name();
      return user;
    }

    @Cacheable(cacheNames = "users", sync = true)
    public User failing(String id) throws java.io.IOException {
      throw new java.io.IOException("no database for " + id);
    }

    @Cacheable(cacheNames = "users", sync = true)
    public User byTwo(String id, int part) {
      throw new AssertionError("not reached");
    }
  }

  /** Turns the annotations on. */
  @Configuration(proxyBeanMethods = false)
  @EnableCaching
  static class Caching {}

  private ToolkitCaches caches() {
    return redis
        .over(ToolkitCaches::builder, ToolkitCaches::builder)
        .cache("users", User.class, TTL)
        .cache("names", new TypeToken<List<String>>() {}, TTL, settings -> settings.nullTtl(TTL))
        .build();
  }

  private Users users() {
    AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext();
    contexts.add(context);
    context.register(Caching.class);
    context.registerBean(CacheManager.class, this::caches);
    context.registerBean(Users.class, () -> new Users(database));
    context.refresh();
    return context.getBean(Users.class);
  }

  @Test
  void manyWhoWantAValueAtOnceCauseOneLoadInAllContexts() throws Exception {
    List<Users> fleet = List.of(users(), users());
    database.go = new CountDownLatch(1);
    int callers = 10;
    ExecutorService executor = Executors.newFixedThreadPool(2 * callers);
    try {
      List<Future<User>> found = new ArrayList<>();
      for (int i = 0; i < callers; i++) {
        fleet.forEach(users -> found.add(executor.submit(() -> users.find(id))));
      }
      assertThat(database.reading.await(1, TimeUnit.MINUTES), is(true));
      database.go.countDown();
      for (Future<User> each : found) {
        assertThat(each.get(), is(new User(id, "Jane")));
      }
    } finally {
      executor.shutdownNow();
    }
    assertThat(database.reads.get(), is(1));
  }

  @Test
  void aLoadThatBeganBeforeAnEvictionIsNotStored() throws Exception {
    Users slow = users();
    Users other = users();
    database.go = new CountDownLatch(1);
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try {
      Future<User> old = executor.submit(() -> slow.find(id));
      assertThat(database.reading.await(1, TimeUnit.MINUTES), is(true));
      other.rename(id, "Joan");
      database.go.countDown();
      assertThat(old.get().name(), is("Jane"));
    } finally {
      executor.shutdownNow();
    }
    assertThat(slow.find(id).name(), is("Joan"));
    assertThat(other.findAlone(id).name(), is("Joan"));
    assertThat(database.reads.get(), is(2));
  }

  @Test
  void whatWasPutIsFoundByAll() throws Exception {
    assertThat(users().save(new User(id, "June")).name(), is("June"));
    assertThat(users().find(id).name(), is("June"));
    assertThat(users().findAlone(id).name(), is("June"));
    assertThat(database.reads.get(), is(0));
    assertThat(
        redis.admin().get("cache:users:" + id),
        is("{\"id\":\"%s\",\"name\":\"June\"}".formatted(id)));
  }

  @Test
  void aNullIsLoadedAnew() throws Exception {
    database.name = null;
    Users users = users();
    assertThat(users.find(id), is(nullValue()));
    assertThat(users.findAlone(id), is(nullValue()));
    assertThat(database.reads.get(), is(2));
  }

  @Test
  void whatAMethodThrowsComesAsItIs() {
    java.io.IOException e = assertThrows(java.io.IOException.class, () -> users().failing(id));
    assertThat(e.getMessage(), is("no database for " + id));
  }

  @Test
  void aKeyOfSeveralParametersIsRefused() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> users().byTwo(id, 1));
    assertThat(e.getMessage(), containsString("cache users"));
    assertThat(e.getMessage(), containsString("name one with key = "));
  }

  @Test
  void cachesAreTypedAndKnownByName() {
    ToolkitCaches caches = caches();
    assertThat(caches.getCacheNames(), containsInAnyOrder("users", "names"));
    assertThat(caches.getCache("misspelt"), is(nullValue()));
    Cache names = caches.getCache("names");
    names.put(id, List.of("a", "b"));
    assertThat(names.get(id, List.class), is(List.of("a", "b")));
    assertThat(names.putIfAbsent(id, List.of("c")).get(), is(List.of("a", "b")));
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> names.put(id, "text"));
    assertThat(
        e.getMessage(), is("cache names has values of java.util.List, not of java.lang.String"));
    assertThrows(IllegalStateException.class, () -> names.get(id, String.class));
    names.put(id, null);
    assertThat(names.get(id), is(nullValue()));
    names.put(7L, List.of("seven"));
    assertThat(names.get("7").get(), is(List.of("seven")));
    assertThat(names.evictIfPresent(7L), is(true));
    names.put("x", List.of());
    names.clear();
    assertThat(names.get("x"), is(nullValue()));
    caches.close();
  }
}
