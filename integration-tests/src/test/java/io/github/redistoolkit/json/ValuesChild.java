package io.github.redistoolkit.json;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.idempotency.Request;
import io.github.redistoolkit.idempotency.ResultNotRecordedException;
import io.github.redistoolkit.pubsub.PubSubListener;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;

/**
 * A JVM that stores all samples in all modules by all codecs, or reads them. It says of each, in a
 * line, what came of it: {@code cache DEFAULT text equal}.
 */
final class ValuesChild {

  static final String DONE = "done";

  private static final Duration TTL = Duration.ofMinutes(5);

  private final Child child;
  private final TestRedis redis;
  private final String prefix;
  private final AtomicInteger arrived = new AtomicInteger();
  private final Map<String, Object> messages = new ConcurrentHashMap<>();

  private ValuesChild(Child child, TestRedis redis, String prefix) {
    this.child = child;
    this.redis = redis;
    this.prefix = prefix;
  }

  public static void main(String[] args) throws Exception {
    Child child = Child.of(args);
    try (TestRedis redis = child.redis()) {
      ValuesChild values = new ValuesChild(child, redis, args[2]);
      switch (args[3]) {
        case "write" -> values.write();
        case "read" -> values.read();
        default -> throw new IllegalArgumentException(args[3]);
      }
    }
  }

  private void write() throws Exception {
    child.awaitStart();
    for (Codecs codec : Codecs.values()) {
      try (RedisPubSub pubSub = pubSub(codec)) {
        for (Sample<?> sample : Sample.all()) {
          writeOne(codec, pubSub, sample);
        }
      }
    }
    child.send(DONE);
  }

  private <T> void writeOne(Codecs codec, RedisPubSub pubSub, Sample<T> sample) {
    say("cache", codec, sample, () -> cache(codec, sample).set(sample.name(), sample.value(), TTL));
    IdempotencyService service = service(codec);
    say(
        "idempotency",
        codec,
        sample,
        () ->
            service.execute(
                Request.of(key(codec, sample)).fingerprint("the same"),
                sample.type(),
                claim -> sample.value()));
    say(
        "stored",
        codec,
        sample,
        () -> {
          boolean unused = service.storeRequest(key(codec, sample) + ":s", sample.value());
        });
    say("pubsub", codec, sample, () -> pubSub.publish(key(codec, sample), sample.value()));
  }

  private interface Step {
    void run() throws Exception;
  }

  private void say(String module, Codecs codec, Sample<?> sample, Step step) {
    String outcome;
    try {
      step.run();
      outcome = "accepted";
    } catch (IllegalArgumentException e) {
      outcome =
          e.getMessage().contains("at $") || e.getMessage().contains("surrogate")
              ? "refused"
              : "unsaid";
    } catch (ResultNotRecordedException e) {
      outcome = "refused";
    } catch (Exception e) {
      outcome = e.getClass().getSimpleName();
    }
    child.send(String.join(" ", module, codec.name(), sample.name(), outcome));
  }

  /** Listens, and, told how many messages are on their way, reads all. */
  private void read() throws Exception {
    List<RedisPubSub> listening = new ArrayList<>();
    try {
      for (Codecs codec : Codecs.values()) {
        RedisPubSub pubSub = pubSub(codec);
        listening.add(pubSub);
        for (Sample<?> sample : Sample.all()) {
          listen(codec, pubSub, sample);
        }
      }
      child.awaitStart();
      int expected = Integer.parseInt(child.receive());
      Awaitility.await().until(() -> arrived.get() >= expected);
      for (Codecs codec : Codecs.values()) {
        for (Sample<?> sample : Sample.all()) {
          readOne(codec, sample);
        }
      }
      child.send(DONE);
    } finally {
      listening.forEach(RedisPubSub::close);
    }
  }

  private <T> void listen(Codecs codec, RedisPubSub pubSub, Sample<T> sample) {
    try {
      pubSub.subscribe(
          key(codec, sample),
          sample.type(),
          message -> {
            messages.put(key(codec, sample), message.body());
            arrived.incrementAndGet();
          });
    } catch (IllegalArgumentException e) {
      // Of a type that can be known not to be readable there may be messages all the same.
      pubSub.subscribe(key(codec, sample), byte[].class, message -> arrived.incrementAndGet());
    }
  }

  private <T> void readOne(Codecs codec, Sample<T> sample) {
    say(codec, sample, "cache", () -> cache(codec, sample).get(sample.name()));
    say(
        codec,
        sample,
        "idempotency",
        () -> service(codec).getResult(key(codec, sample), sample.type()));
    say(
        codec,
        sample,
        "stored",
        () -> service(codec).getResult(key(codec, sample) + ":s", sample.type()));
    say(codec, sample, "pubsub", () -> Optional.ofNullable(messages.get(key(codec, sample))));
  }

  private interface Look {
    Optional<?> look() throws Exception;
  }

  private void say(Codecs codec, Sample<?> sample, String module, Look look) {
    String outcome;
    try {
      Optional<?> found = look.look();
      outcome =
          found.isEmpty() ? "absent" : found.get().equals(sample.value()) ? "equal" : "different";
    } catch (Exception e) {
      outcome = e.getClass().getSimpleName();
    }
    child.send(String.join(" ", module, codec.name(), sample.name(), outcome));
  }

  private <T> CacheService<T> cache(Codecs codec, Sample<T> sample) {
    return codec
        .inCache(
            redis.over(
                pool -> CacheService.builder(pool, prefix + codec, sample.type()),
                client -> CacheService.builder(client, prefix + codec, sample.type())))
        .build();
  }

  private IdempotencyService service(Codecs codec) {
    return codec
        .inIdempotency(
            redis.over(
                pool -> IdempotencyService.builder(pool, "values"),
                client -> IdempotencyService.builder(client, "values")))
        .ttl(TTL)
        .build();
  }

  private RedisPubSub pubSub(Codecs codec) {
    PubSubListener counting =
        new PubSubListener() {
          @Override
          public void onUndecodable(
              Subscription subscription, String channel, byte[] payload, Throwable error) {
            messages.put(channel, error.getClass().getSimpleName());
            arrived.incrementAndGet();
          }
        };
    return codec
        .inPubSub(redis.over(RedisPubSub::builder, RedisPubSub::builder))
        .listener(counting)
        .build();
  }

  private String key(Codecs codec, Sample<?> sample) {
    return prefix + codec + sample.name();
  }
}
