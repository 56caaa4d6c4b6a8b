package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.util.MultisetStatistics;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/**
 * One lock that 10 clients with 5 threads each want all the time, and release as soon as they have
 * it.
 *
 * <p>The limit is a baton: an element of a list that is taken with {@code BLPOP} and put back with
 * {@code LPUSH}. It is no lock, since it is gone with a holder that dies.
 */
final class LockHandOver implements Harness {

  private static final int CLIENTS = 10;
  private static final int THREADS = 5;
  private static final long WARM_UP_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long NANOS = TimeUnit.SECONDS.toNanos(4);
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Map<Through, Figures> rows = new EnumMap<>(Through.class);

  /** What a contender does with its turn. */
  private interface Baton {
    void take() throws InterruptedException;

    void giveBack();
  }

  /** One thread's turn, on the clock of {@link System#nanoTime}. */
  private record Turn(long asked, long had, long givingBack) {}

  @Override
  public void run() throws InterruptedException {
    for (Through through : Through.values()) {
      measure(through, rows.computeIfAbsent(through, unused -> new Figures()));
    }
  }

  private static void measure(Through through, Figures figures) throws InterruptedException {
    List<Access> clients = new ArrayList<>();
    try {
      for (int i = 0; i < CLIENTS; i++) {
        clients.add(Access.by(through));
      }
      Access first = clients.get(0);
      if (first.isRaw()) {
        first.admin().lpush(first.name(), "baton");
      }
      long start = System.nanoTime() + WARM_UP_NANOS;
      ServerWork before = ServerWork.soFar(first.admin());
      List<Turn> turns = contend(clients, first.name(), start + NANOS);
      ServerWork work = ServerWork.soFar(first.admin()).since(before);
      figures.add(turns, start, work);
    } finally {
      clients.forEach(Access::close);
    }
  }

  private static List<Turn> contend(List<Access> clients, String name, long end)
      throws InterruptedException {
    ExecutorService threads = Executors.newFixedThreadPool(CLIENTS * THREADS);
    try {
      List<Callable<List<Turn>>> contenders = new ArrayList<>();
      for (Access client : clients) {
        List<Baton> batons = batons(client, name);
        batons.forEach(baton -> contenders.add(() -> turns(baton, end)));
      }
      List<Turn> turns = new ArrayList<>();
      for (Future<List<Turn>> contender : threads.invokeAll(contenders)) {
        turns.addAll(contender.get());
      }
      return turns;
    } catch (ExecutionException e) {
      throw new IllegalStateException("a contender failed", e);
    } finally {
      threads.shutdown();
    }
  }

  private static List<Turn> turns(Baton baton, long end) throws InterruptedException {
    List<Turn> turns = new ArrayList<>();
    while (System.nanoTime() - end < 0) {
      long asked = System.nanoTime();
      baton.take();
      long had = System.nanoTime();
      turns.add(new Turn(asked, had, System.nanoTime()));
      baton.giveBack();
    }
    return turns;
  }

  /** One for each thread of a client; the threads share its lock, as threads of a JVM should. */
  private static List<Baton> batons(Access client, String name) {
    List<Baton> batons = new ArrayList<>();
    RedisLock lock =
        client.isRaw()
            ? null
            : client.over(
                pool -> new RedisLock(pool, name, PATIENCE),
                redis -> new RedisLock(redis, name, PATIENCE));
    for (int i = 0; i < THREADS; i++) {
      batons.add(lock == null ? new RawBaton(client.pool(), name) : new LockBaton(lock));
    }
    return batons;
  }

  private static final class LockBaton implements Baton {

    private final RedisLock lock;
    private Lease lease;

    LockBaton(RedisLock lock) {
      this.lock = lock;
    }

    @Override
    public void take() throws InterruptedException {
      lease = lock.acquire(PATIENCE);
    }

    @Override
    public void giveBack() {
      lease.close();
    }
  }

  private record RawBaton(Pool<Jedis> pool, String list) implements Baton {

    @Override
    public void take() {
      try (Jedis jedis = pool.getResource()) {
        if (jedis.blpop((int) PATIENCE.toSeconds(), list) == null) {
          throw new IllegalStateException("the baton was lost");
        }
      }
    }

    @Override
    public void giveBack() {
      try (Jedis jedis = pool.getResource()) {
        jedis.lpush(list, "baton");
      }
    }
  }

  @Override
  public String table() {
    MarkdownTable table =
        new MarkdownTable(
            "Lock, handed over among " + CLIENTS + " clients × " + THREADS + " threads",
            "operation",
            "through",
            "ops/s",
            "× raw",
            "hand-over p50 ms",
            "p99 ms",
            "wait p50 ms",
            "p99 ms",
            "worst ms",
            "worst ÷ fair share",
            "round trips/op",
            "commands/op",
            "script µs");
    rows.forEach((through, figures) -> figures.addTo(table, through, rows.get(Through.RAW)));
    return table.toString();
  }

  private static final class Figures {

    private final MultisetStatistics handOverMillis = new MultisetStatistics();
    private final MultisetStatistics waitMillis = new MultisetStatistics();
    private final MultisetStatistics roundTrips = new MultisetStatistics();
    private final MultisetStatistics commands = new MultisetStatistics();
    private final MultisetStatistics scriptMicros = new MultisetStatistics();
    private long turns;
    private long nanos;

    /** Adds those turns that were asked for after the warm-up. */
    void add(List<Turn> all, long start, ServerWork work) {
      List<Turn> ordered =
          all.stream().sorted(Comparator.comparingLong(turn -> turn.had - start)).toList();
      for (int i = 1; i < ordered.size(); i++) {
        Turn turn = ordered.get(i);
        if (turn.asked - start >= 0) {
          turns++;
          waitMillis.addValue((turn.had - turn.asked) / 1e6, 1);
          handOverMillis.addValue((turn.had - ordered.get(i - 1).givingBack) / 1e6, 1);
        }
      }
      nanos += NANOS;
      roundTrips.addValue((double) work.reads() / all.size(), 1);
      commands.addValue((double) work.commands() / all.size(), 1);
      scriptMicros.addValue(work.microsPerScript(), 1);
    }

    double perSecond() {
      return turns * 1e9 / nanos;
    }

    void addTo(MarkdownTable table, Through through, Figures raw) {
      // Everyone's turn once: what a wait takes if the queue is fair.
      double fairMillis = CLIENTS * THREADS / perSecond() * 1e3;
      table.row(
          "acquire and release",
          through.label(),
          number(perSecond()),
          number(perSecond() / raw.perSecond()),
          number(handOverMillis.getPercentile(50)),
          number(handOverMillis.getPercentile(99)),
          number(waitMillis.getPercentile(50)),
          number(waitMillis.getPercentile(99)),
          number(waitMillis.getMax()),
          number(waitMillis.getMax() / fairMillis),
          number(roundTrips.getMean()),
          number(commands.getMean()),
          number(scriptMicros.getMean()));
    }
  }
}
