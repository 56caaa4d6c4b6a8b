package io.github.redistoolkit.soak;

import io.github.redistoolkit.pubsub.PubSubListener;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;

/** Publishes numbers on a channel, and listens to it by another way. */
final class PubSubActor implements Actor {

  private final RedisPubSub publisher;
  private final RedisPubSub subscriber;
  private final String channel;
  private final AtomicLong next = new AtomicLong();
  private final AtomicLong latest = new AtomicLong();
  private final Recorder recorder;

  PubSubActor(Access publishing, Access listening, String channel, Recorder recorder) {
    this.channel = channel;
    this.recorder = recorder;
    this.publisher = publishing.over(RedisPubSub::new, RedisPubSub::new);
    this.subscriber =
        listening
            .over(RedisPubSub::builder, RedisPubSub::builder)
            .heartbeat(Duration.ofMillis(500))
            .maxWait(Duration.ofSeconds(60))
            .listener(new Gaps())
            .build();
    Subscription subscription =
        subscriber.subscribe(channel, Long.class, message -> hear(message.body()));
    if (!subscription.isActive()) {
      throw new IllegalStateException("a subscription that was returned is not active");
    }
  }

  private void hear(long number) {
    long now = System.nanoTime();
    latest.set(number);
    recorder.add(GapTold.HEARD, channel, String.valueOf(number), now, now);
  }

  private final class Gaps implements PubSubListener {

    @Override
    public void onReconnected(List<Subscription> subscriptions, Duration gap) {
      long now = System.nanoTime();
      recorder.add(GapTold.GAP, channel, gap.toString(), now - gap.toNanos(), now);
    }
  }

  @Override
  public void act(SplittableRandom random) throws InterruptedException {
    publish();
  }

  private long publish() throws InterruptedException {
    long number = next.incrementAndGet();
    long asked = System.nanoTime();
    Optional<Long> receivers = recorder.call("publish", () -> publisher.publish(channel, number));
    if (receivers.isPresent()) {
      recorder.add(GapTold.PUBLISHED, channel, String.valueOf(number), asked, System.nanoTime());
    }
    return number;
  }

  /** Whether what is published now comes; whatever came before it has come then. */
  boolean arrives() throws InterruptedException {
    long number = publish();
    long begin = System.nanoTime();
    while (latest.get() < number && System.nanoTime() - begin < 1_000_000_000) {
      Thread.sleep(5);
    }
    return latest.get() >= number;
  }

  @Override
  public void close() {
    subscriber.close();
    publisher.close();
  }
}
