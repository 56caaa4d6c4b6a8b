package io.github.redistoolkit.benchmark;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.openjdk.jmh.util.MultisetStatistics;

/**
 * One lock that all threads of some clients want all the time, and release as soon as they have it.
 *
 * @param clients each with connections of its own, as if it were a JVM
 * @param threads of each client
 * @param warmUp what is not counted
 * @param time what is counted
 */
record Contention(int clients, int threads, Duration warmUp, Duration time) {

  private static final String CONTENDER = "contender";

  /** One thread's turn, on the clock of {@link System#nanoTime}. */
  private record Turn(long asked, long had, long givingBack) {}

  /** Measures a row, and adds to what was measured of it before. */
  void measure(Through through, Figures figures) throws InterruptedException {
    List<Access> opened = new ArrayList<>();
    try {
      for (int i = 0; i < clients; i++) {
        opened.add(Access.by(through));
      }
      Access first = opened.get(0);
      if (first.isRaw()) {
        Baton.putDown(first.admin(), first.name());
      }
      List<Mutex> mutexes = new ArrayList<>();
      for (Access client : opened) {
        Function<String, Mutex> mutex =
            client.isRaw() ? Baton.client(client.pool()) : Mutex.client(client);
        for (int i = 0; i < threads; i++) {
          mutexes.add(mutex.apply(first.name()));
        }
      }
      long start = System.nanoTime() + warmUp.toNanos();
      ServerWork before = ServerWork.soFar(Access.onlooker());
      List<Turn> turns = contend(mutexes, start + time.toNanos());
      figures.add(turns, start, time, ServerWork.soFar(Access.onlooker()).since(before));
      figures.add(Access.held(CONTENDER));
    } finally {
      opened.forEach(Access::close);
    }
  }

  private static List<Turn> contend(List<Mutex> mutexes, long end) throws InterruptedException {
    ExecutorService threads =
        Executors.newFixedThreadPool(mutexes.size(), task -> new Thread(task, CONTENDER));
    try {
      List<Callable<List<Turn>>> contenders = new ArrayList<>();
      mutexes.forEach(mutex -> contenders.add(() -> turns(mutex, end)));
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

  private static List<Turn> turns(Mutex mutex, long end) throws InterruptedException {
    List<Turn> turns = new ArrayList<>();
    while (System.nanoTime() - end < 0) {
      long asked = System.nanoTime();
      mutex.acquire();
      long had = System.nanoTime();
      turns.add(new Turn(asked, had, System.nanoTime()));
      mutex.release();
    }
    return turns;
  }

  /** What was measured of a row. */
  static final class Figures {

    final MultisetStatistics handOverMillis = new MultisetStatistics();
    final MultisetStatistics waitMillis = new MultisetStatistics();
    final MultisetStatistics waitTurns = new MultisetStatistics();
    final MultisetStatistics roundTrips = new MultisetStatistics();
    final MultisetStatistics commands = new MultisetStatistics();
    final MultisetStatistics scriptMicros = new MultisetStatistics();
    final MultisetStatistics threads = new MultisetStatistics();
    final MultisetStatistics connections = new MultisetStatistics();
    private long turns;
    private long nanos;

    /** Adds those turns that were asked for after the warm-up. */
    private void add(List<Turn> all, long start, Duration time, ServerWork work) {
      List<Turn> ordered =
          all.stream().sorted(Comparator.comparingLong(turn -> turn.had - start)).toList();
      NavigableMap<Long, Integer> taken = new TreeMap<>();
      for (int i = 1; i < ordered.size(); i++) {
        Turn turn = ordered.get(i);
        taken.put(turn.had - start, i);
        if (turn.asked - start >= 0) {
          turns++;
          waitMillis.addValue((turn.had - turn.asked) / 1e6, 1);
          waitTurns.addValue(i - taken.ceilingEntry(turn.asked - start).getValue(), 1);
          handOverMillis.addValue((turn.had - ordered.get(i - 1).givingBack) / 1e6, 1);
        }
      }
      nanos += time.toNanos();
      roundTrips.addValue((double) work.reads() / all.size(), 1);
      commands.addValue((double) work.commands() / all.size(), 1);
      scriptMicros.addValue(work.microsPerScript(), 1);
    }

    private void add(Holdings held) {
      threads.addValue(held.threads(), 1);
      connections.addValue(held.connections(), 1);
    }

    double perSecond() {
      return turns * 1e9 / nanos;
    }
  }
}
