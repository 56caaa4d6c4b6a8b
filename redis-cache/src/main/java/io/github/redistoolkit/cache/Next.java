package io.github.redistoolkit.cache;

/**
 * What a caller is to do after it has looked at a key.
 *
 * @param <V> the type of values
 */
sealed interface Next<V> {

  /** Return this. */
  record Hit<V>(Found.Value<V> found) implements Next<V> {}

  /** Return this, which is past its time, as a load has failed a moment ago. */
  record Past<V>(Found.Stale<V> found) implements Next<V> {}

  /** Load without Redis. */
  record Uncached<V>() implements Next<V> {}

  /** Load under this lease. */
  record Mine<V>(LeasedLoads.Load load) implements Next<V> {}

  /** Join this load of another caller. */
  record Theirs<V>(LeasedLoads.Load load) implements Next<V> {}

  /** Wait until this lease, of another JVM, is gone. */
  record Elsewhere<V>(Found.Lease<V> lease) implements Next<V> {}

  /** Look again. */
  record Again<V>() implements Next<V> {}
}
