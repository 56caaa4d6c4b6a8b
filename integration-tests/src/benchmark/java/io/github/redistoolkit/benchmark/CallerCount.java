package io.github.redistoolkit.benchmark;

import java.util.LongSummaryStatistics;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** How often one of the calling threads was served in an iteration; JMH knows of all together. */
@State(Scope.Thread)
public class CallerCount {

  private static final Queue<CallerCount> ALL = new ConcurrentLinkedQueue<>();

  private long served;

  @Setup(Level.Trial)
  public void join() {
    ALL.add(this);
  }

  @Setup(Level.Iteration)
  public void begin() {
    served = 0;
  }

  @TearDown(Level.Trial)
  public void leave() {
    boolean unused = ALL.remove(this);
  }

  void served() {
    served++;
  }

  /**
   * What the slowest thread had of a fair part, in the iteration that has just ended. NaN if the
   * benchmark does not count.
   */
  static double slowestByMean() {
    LongSummaryStatistics each =
        ALL.stream().mapToLong(caller -> caller.served).summaryStatistics();
    return each.getSum() == 0 ? Double.NaN : each.getMin() / each.getAverage();
  }
}
