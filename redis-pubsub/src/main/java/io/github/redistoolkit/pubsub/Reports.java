package io.github.redistoolkit.pubsub;

import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells the listener, never on a thread that reads or writes, and in order where order matters.
 * Thread-safe.
 */
final class Reports implements SerialTask.Work {

  private static final Logger LOG = LoggerFactory.getLogger(RedisPubSub.class);

  /** What listens if nobody else does. */
  static final PubSubListener TO_LOG =
      new PubSubListener() {
        @Override
        public void onDisconnected(Throwable cause) {
          LOG.warn("Lost the connection of the subscriptions; reconnecting", cause);
        }

        @Override
        public void onReconnected(Duration gap) {
          LOG.warn("All subscriptions are confirmed again; messages of the last {} are lost", gap);
        }

        @Override
        public void onError(
            Subscription subscription, String channel, byte[] payload, Throwable error) {
          if (error instanceof Payloads.UndecodableException undecodable) {
            undecodable(subscription, channel, undecodable);
            return;
          }
          LOG.warn(
              "Failed on {} bytes from channel {}, subscribed as {}",
              payload.length,
              channel,
              subscription.topic(),
              error);
        }

        /** Once per type, and without the cause, which may quote the message. */
        private void undecodable(
            Subscription subscription, String channel, Payloads.UndecodableException error) {
          if (error.isFirst()) {
            LOG.warn(
                "A message from channel {}, subscribed as {}, {}; further ones are only counted",
                channel,
                subscription.topic(),
                error.getMessage());
          }
        }

        @Override
        public void onDropped(Subscription subscription, long count) {
          LOG.warn("The handler of {} is too slow: dropped {}", subscription.topic(), count);
        }
      };

  private final PubSubListener listener;
  private final Queue<Runnable> queue = new ConcurrentLinkedQueue<>();
  private final SerialTask task;

  Reports(PubSubListener listener, Executor executor) {
    this.listener = listener;
    this.task = new SerialTask(executor, this);
  }

  void disconnected(Throwable cause) {
    queue.add(() -> listener.onDisconnected(cause));
  }

  void reconnected(Duration gap) {
    queue.add(() -> listener.onReconnected(gap));
  }

  void refused(Subscription subscription, Throwable error) {
    queue.add(() -> listener.onError(subscription, subscription.topic(), new byte[0], error));
  }

  void dropped(Subscription subscription, long count) {
    queue.add(() -> listener.onDropped(subscription, count));
  }

  /** To be called on the executor already. */
  void failed(Subscription subscription, String channel, byte[] payload, Throwable error) {
    guarded(() -> listener.onError(subscription, channel, payload.clone(), error));
  }

  /** Has the executor make the calls that were queued. Not to be called under a lock. */
  void wake() {
    task.wake();
  }

  @Override
  public boolean doNext() {
    Runnable report = queue.poll();
    if (report == null) {
      return false;
    }
    guarded(report);
    return true;
  }

  @Override
  public boolean isEmpty() {
    return queue.isEmpty();
  }

  private static void guarded(Runnable report) {
    try {
      report.run();
    } catch (Throwable t) {
      LOG.warn("The listener threw", t);
    }
  }
}
