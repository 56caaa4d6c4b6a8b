package io.github.redistoolkit.benchmark;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * How long each row is measured, as JMH's options say; harnesses heed it too.
 *
 * @param warmUp what is not counted
 * @param measurement what is counted
 */
record Pace(Duration warmUp, Duration measurement) {

  /** All iterations of one round together. */
  static Pace of(Options options) {
    return new Pace(
        total(options.getWarmupIterations().get(), options.getWarmupTime().get()),
        total(options.getMeasurementIterations().get(), options.getMeasurementTime().get()));
  }

  /** For what has many points. */
  Pace quarter() {
    return new Pace(warmUp.dividedBy(4), measurement.dividedBy(4));
  }

  private static Duration total(int iterations, TimeValue time) {
    return Duration.ofNanos(time.convertTo(TimeUnit.NANOSECONDS)).multipliedBy(iterations);
  }
}
