package io.github.redistoolkit.testing;

/** How the servers that tests use are laid out. */
public enum Topology {
  /** One server. */
  STANDALONE,
  /** A primary, a replica, and three sentinels that watch them. */
  SENTINEL,
  /** Three primaries with a third of the slots each, and a replica of each. */
  CLUSTER
}
