package io.github.redistoolkit.json;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.idempotency.StoredResultException;
import io.github.redistoolkit.pubsub.PubSubListener;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.awaitility.Awaitility;

/**
 * A JVM that has one version of the classes {@code evolving.*}. It stores what their {@code
 * example()} makes, or reads what another version has stored, and says what it sees.
 */
final class EvolvingChild {

  private static final Duration TTL = Duration.ofMinutes(5);

  private final Child child;
  private final TestRedis redis;
  private final String prefix;

  private EvolvingChild(Child child, TestRedis redis, String prefix) {
    this.child = child;
    this.redis = redis;
    this.prefix = prefix;
  }

  public static void main(String[] args) throws Exception {
    Child child = Child.of(args);
    List<Class<?>> types = new ArrayList<>();
    for (String name : Arrays.asList(args).subList(4, args.length)) {
      types.add(Class.forName("evolving." + name));
    }
    try (TestRedis redis = child.redis()) {
      EvolvingChild evolving = new EvolvingChild(child, redis, args[2]);
      if (args[3].equals("write")) {
        evolving.write(types);
      } else {
        evolving.read(types);
      }
    }
  }

  private void write(List<Class<?>> types) throws Exception {
    try (RedisPubSub pubSub = redis.over(RedisPubSub::new, RedisPubSub::new)) {
      child.awaitStart();
      for (Class<?> type : types) {
        writeOne(pubSub, type);
      }
    }
  }

  private <T> void writeOne(RedisPubSub pubSub, Class<T> type) throws Exception {
    T value = type.cast(type.getMethod("example").invoke(null));
    cache(type).set("v", value, TTL);
    T stored = service().execute(prefix + type.getName(), type, claim -> value);
    pubSub.publish(prefix + type.getName(), stored);
  }

  private void read(List<Class<?>> types) throws Exception {
    Map<String, String> heard = new ConcurrentHashMap<>();
    PubSubListener listener =
        new PubSubListener() {
          @Override
          public void onUndecodable(
              Subscription subscription, String channel, byte[] payload, Throwable error) {
            heard.put(channel, "undecodable, counted " + subscription.undecodable());
          }
        };
    try (RedisPubSub pubSub =
        redis.over(RedisPubSub::builder, RedisPubSub::builder).listener(listener).build()) {
      for (Class<?> type : types) {
        pubSub.subscribe(
            prefix + type.getName(),
            type,
            message -> heard.put(message.channel(), message.body().toString()));
      }
      child.awaitStart();
      child.receive();
      Awaitility.await().until(() -> heard.size() == types.size());
      for (Class<?> type : types) {
        say(type, "cache", readCache(type));
        say(type, "idempotency", readResult(type));
        say(type, "pubsub", heard.get(prefix + type.getName()));
      }
    }
  }

  private void say(Class<?> type, String module, String seen) {
    child.send(type.getSimpleName() + " " + module + ": " + seen);
  }

  private <T> String readCache(Class<T> type) {
    try (CacheService<T> cache = cache(type)) {
      String found = cache.get("v").map(Object::toString).orElse("absent");
      return found + ", undecodable " + cache.stats().undecodable();
    }
  }

  private <T> String readResult(Class<T> type) {
    try {
      return service()
          .execute(
              prefix + type.getName(),
              type,
              claim -> {
                throw new IllegalStateException("the work ran again");
              })
          .toString();
    } catch (StoredResultException e) {
      return "stored, but not readable";
    }
  }

  private <T> CacheService<T> cache(Class<T> type) {
    String start = prefix + type.getName() + ":";
    return redis
        .over(
            pool -> CacheService.builder(pool, start, type),
            client -> CacheService.builder(client, start, type))
        .build();
  }

  private IdempotencyService service() {
    return redis
        .over(
            pool -> IdempotencyService.builder(pool, "values"),
            client -> IdempotencyService.builder(client, "values"))
        .ttl(TTL)
        .build();
  }
}
