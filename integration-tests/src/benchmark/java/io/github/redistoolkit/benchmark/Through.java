package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.testing.ClientKind;

/** The rows of a table: by what the same work is done. */
public enum Through {
  /** The limit: raw Jedis commands on a pool, with nothing of the toolkit. */
  RAW("raw Jedis", ClientKind.POOL),
  /** The toolkit over a {@code JedisPool}. */
  POOL("JedisPool", ClientKind.POOL),
  /** The toolkit over a {@code RedisClient}. */
  CLIENT("RedisClient", ClientKind.CLIENT);

  private final String label;
  private final ClientKind kind;

  Through(String label, ClientKind kind) {
    this.label = label;
    this.kind = kind;
  }

  /** How tables call it. */
  String label() {
    return label;
  }

  /** The client that Redis is reached by. */
  ClientKind kind() {
    return kind;
  }
}
