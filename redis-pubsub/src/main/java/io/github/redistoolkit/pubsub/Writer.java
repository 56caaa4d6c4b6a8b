package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Sends what the reader awaits replies to, and keeps time, until closed. */
final class Writer implements Runnable {

  private static final long TICK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Link link;
  private final long heartbeatNanos;
  private final Ticker ticker;
  private long nextBeat;
  private long nextTick;

  Writer(Link link, Duration heartbeat, Ticker ticker) {
    this.link = link;
    this.heartbeatNanos = heartbeat.toNanos();
    this.ticker = ticker;
  }

  @Override
  public void run() {
    nextBeat = ticker.nanoTime() + heartbeatNanos;
    nextTick = ticker.nanoTime() + TICK_NANOS;
    while (link.awaitOutgoing(untilNext())) {
      try {
        sendAndKeepTime();
      } catch (Throwable t) { // without this thread nothing would be sent or noticed
        link.log().warn(t, "Failed to look after the subscriptions; trying again in a moment");
      }
    }
  }

  private long untilNext() {
    return (nextBeat - nextTick < 0 ? nextBeat : nextTick) - ticker.nanoTime();
  }

  private void sendAndKeepTime() {
    link.sendOutgoing();
    long now = ticker.nanoTime();
    if (now - nextBeat >= 0) {
      nextBeat = now + heartbeatNanos;
      link.beat();
    }
    if (now - nextTick >= 0) {
      nextTick = now + TICK_NANOS;
      link.tick();
    }
  }
}
