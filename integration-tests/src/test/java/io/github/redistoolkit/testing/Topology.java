package io.github.redistoolkit.testing;

/** How the servers that tests use are laid out. */
public enum Topology {
  /** One server. */
  STANDALONE
}
