package io.github.redistoolkit.idempotency;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A claim that found the work done. */
record ReplayedClaim<T>(@Nullable T result, int attempt) implements Claim<T> {

  @Override
  public boolean replayed() {
    return true;
  }

  @Override
  public void complete(@Nullable T other) {
    throw new IllegalStateException("a replay cannot be completed: the work was done before");
  }

  @Override
  public boolean extend(Duration lease) {
    Durations.requireLease(lease, "lease");
    return false;
  }

  @Override
  public boolean fail(Throwable failure) {
    throw new IllegalStateException("a replay cannot fail: the work was done before");
  }

  @Override
  public boolean keepOpen() {
    throw new IllegalStateException("a replay has no open outcome: the work was done before");
  }

  @Override
  public void abandon() {}

  @Override
  public void close() {}

  @Override
  public String toString() {
    return "Claim[replay of attempt " + attempt + "]";
  }
}
