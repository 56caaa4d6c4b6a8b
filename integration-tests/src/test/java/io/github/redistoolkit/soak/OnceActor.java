package io.github.redistoolkit.soak;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.Execution;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.idempotency.Request;
import java.time.Duration;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Runs the work of requests that others run too, and come again. */
final class OnceActor implements Actor {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);
  private static final Duration LEASE = Duration.ofSeconds(2);

  /** All callers take a new key about so often; those before it come again. */
  private static final long KEY_NANOS = TimeUnit.MILLISECONDS.toNanos(150);

  private static final AtomicInteger RESULTS = new AtomicInteger();

  private final IdempotencyService service;
  private final String prefix;
  private final String who;
  private final Recorder recorder;

  OnceActor(Access access, String prefix, String who, Recorder recorder) {
    this.service =
        access
            .over(
                pool -> IdempotencyService.builder(pool, "soak"),
                client -> IdempotencyService.builder(client, "soak"))
            .ttl(Duration.ofMinutes(10))
            .lease(LEASE)
            .build();
    this.prefix = prefix;
    this.who = who;
    this.recorder = recorder;
  }

  @Override
  public void act(SplittableRandom random) throws InterruptedException {
    long age = random.nextInt(3) == 0 ? random.nextInt(40) : random.nextInt(3);
    String key = prefix + "-" + (System.nanoTime() / KEY_NANOS - age);
    String result = who + "-" + RESULTS.incrementAndGet();
    long work = random.nextInt(30) == 0 ? random.nextInt(500, 4000) : random.nextInt(30);
    boolean fails = random.nextInt(15) == 0;
    Request request =
        random.nextBoolean()
            ? Request.of(key).maxWait(Duration.ofMillis(random.nextInt(1, 1000)))
            : Request.of(key);
    if (random.nextInt(3) == 0) {
      request = request.keepAlive(Duration.ofSeconds(20));
    }
    Request asking = request;
    long asked = System.nanoTime();
    Optional<Execution<String>> execution =
        recorder.call(
            "idempotency execute",
            () -> {
              try {
                return service.executeChecked(
                    asking,
                    TEXT,
                    claim -> {
                      long begin = System.nanoTime();
                      TimeUnit.MILLISECONDS.sleep(work);
                      if (fails) {
                        throw new WorkFailedException();
                      }
                      long end = System.nanoTime();
                      long sure = asked + LEASE.toNanos();
                      recorder.add(OneOwner.OWNED, key, result, begin, end - sure < 0 ? end : sure);
                      recorder.add(
                          EffectOnce.EFFECT, key, claim.attempt() + " " + result, begin, end);
                      return result;
                    });
              } catch (WorkFailedException e) {
                return null;
              }
            });
    if (execution.isPresent()) {
      recorder.add(
          execution.get().replayed() ? EffectOnce.REPLAYED : EffectOnce.KEPT,
          key,
          execution.get().result(),
          asked,
          System.nanoTime());
    }
  }

  /** The work failed, and had no effect. */
  private static final class WorkFailedException extends Exception {
    private static final long serialVersionUID = 1L;
  }
}
