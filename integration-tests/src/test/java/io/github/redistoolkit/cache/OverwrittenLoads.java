package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.oneOf;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Races a load of an old state against a write of the new one, and counts reads that began after
 * the write returned and still saw the old state.
 */
final class OverwrittenLoads {

  interface ReadThrough {
    String get(String key, Loader<String> loader) throws Exception;
  }

  private final List<ReadThrough> jvms;
  private final CacheService<String> writer;
  private final ExecutorService threads;

  OverwrittenLoads(List<ReadThrough> jvms, CacheService<String> writer, ExecutorService threads) {
    this.jvms = jvms;
    this.writer = writer;
    this.threads = threads;
  }

  int staleResults(String key, int interleavings) throws Exception {
    int stale = 0;
    for (int i = 0; i < interleavings; i++) {
      stale += staleResults(key + ":" + i);
    }
    return stale;
  }

  private int staleResults(String key) throws Exception {
    AtomicInteger database = new AtomicInteger(1);
    CountDownLatch loaded = new CountDownLatch(1);
    CountDownLatch written = new CountDownLatch(1);
    boolean outlastTheWrite = ThreadLocalRandom.current().nextBoolean();
    Future<String> old =
        threads.submit(
            () ->
                jvms.get(0)
                    .get(
                        key,
                        () -> {
                          String state = String.valueOf(database.get());
                          loaded.countDown();
                          if (outlastTheWrite) {
                            written.await();
                          }
                          LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(300_000));
                          return state;
                        }));
    loaded.await();
    LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(300_000));
    database.set(2);
    if (ThreadLocalRandom.current().nextBoolean()) {
      writer.delete(key);
    } else {
      writer.set(key, "2");
    }
    written.countDown();
    List<Future<String>> reads = new ArrayList<>();
    for (ReadThrough jvm : jvms) {
      reads.add(threads.submit(() -> jvm.get(key, () -> String.valueOf(database.get()))));
    }
    int stale = 0;
    for (Future<String> read : reads) {
      stale += isOld(read.get(10, TimeUnit.SECONDS));
    }
    assertThat("what the load itself gave", old.get(10, TimeUnit.SECONDS), is(oneOf("1", "2")));
    for (ReadThrough jvm : jvms) {
      stale += isOld(jvm.get(key, () -> String.valueOf(database.get())));
    }
    return stale;
  }

  private static int isOld(String state) {
    assertThat(state, is(oneOf("1", "2")));
    return state.equals("1") ? 1 : 0;
  }
}
