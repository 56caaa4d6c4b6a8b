package io.github.redistoolkit.lock;

/** A store that checks tokens, as one should that must not be written by a stale holder. */
final class FencedStore {

  private long greatest;

  /** Writes if nobody with a greater token has; tells whether it did. */
  synchronized boolean write(long token) {
    if (token < greatest) {
      return false;
    }
    greatest = token;
    return true;
  }
}
