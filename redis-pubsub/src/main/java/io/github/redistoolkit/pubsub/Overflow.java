package io.github.redistoolkit.pubsub;

/**
 * What happens to a message that arrives while the queue of a subscription is full because its
 * handler is slower than its publishers.
 */
public enum Overflow {
  /** The oldest queued messages give way to the new one. */
  DROP_OLDEST,

  /** The new message is dropped. */
  DROP_NEWEST,

  /**
   * Nothing more is read from Redis until there is room, for <em>any</em> subscription of the
   * {@link RedisPubSub}. Messages then pile up in Redis, which cuts the connection at its {@code
   * client-output-buffer-limit pubsub} (by default 32 MiB, or 8 MiB for 60 s); what it held is lost
   * and reported as a disconnection, within a few heartbeats. While stalled, a server that just
   * falls silent is not noticed, and no other thread can subscribe; the handler that stalls can:
   * meanwhile its queue may grow beyond the bound. Only for handlers that are slow for moments.
   */
  BLOCK
}
