package io.github.redistoolkit.pubsub;

/**
 * What became of messages, as of one moment: {@code received = handled + failed + dropped +
 * queued}.
 *
 * @param received how many arrived
 * @param handled how many a handler took without throwing
 * @param failed how many could not be decoded, or made the handler throw
 * @param dropped how many were dropped because the handler was too slow, or because the
 *     subscription was closed before their turn
 * @param queued how many are waiting or being handled
 * @param reconnects how often messages may have been lost between a lost connection and its return
 */
public record PubSubStats(
    long received, long handled, long failed, long dropped, long queued, long reconnects) {

  static final PubSubStats NONE = new PubSubStats(0, 0, 0, 0, 0, 0);

  /** Adds up what are counts of different messages. */
  PubSubStats plus(PubSubStats other) {
    return new PubSubStats(
        received + other.received,
        handled + other.handled,
        failed + other.failed,
        dropped + other.dropped,
        queued + other.queued,
        reconnects + other.reconnects);
  }
}
