package io.github.redistoolkit.pubsub;

/** Where in a Cluster something is subscribed. */
enum Reach {
  /** Where such messages come together: any node for channels, the owner for sharded ones. */
  USUAL,
  /** At each primary, since each tells only of itself. */
  EACH_PRIMARY
}
