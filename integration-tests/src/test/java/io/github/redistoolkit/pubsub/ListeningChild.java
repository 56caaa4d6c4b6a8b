package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.List;

/**
 * A JVM of several, which is subscribed to a channel until it is killed. It sends each number that
 * it receives, and when its connection was lost and is back.
 */
final class ListeningChild {

  static final String LOST = "lost";
  static final String BACK = "back";

  private ListeningChild() {}

  static String[] arguments(String channel, Duration heartbeat) {
    return new String[] {channel, String.valueOf(heartbeat.toMillis())};
  }

  public static void main(String[] args) throws Exception {
    Child child = Child.of(args);
    String channel = args[2];
    Duration heartbeat = Duration.ofMillis(Long.parseLong(args[3]));
    try (TestRedis redis = child.redis();
        RedisPubSub pubSub =
            redis
                .<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
                .heartbeat(heartbeat)
                .listener(new Telling(child))
                .build()) {
      pubSub.subscribe(
          channel, Integer.class, message -> child.send(String.valueOf(message.body())));
      child.awaitStart();
      String unused = child.receive();
    }
  }

  private record Telling(Child child) implements PubSubListener {

    @Override
    public void onDisconnected(List<Subscription> subscriptions, Throwable cause) {
      child.send(LOST);
    }

    @Override
    public void onReconnected(List<Subscription> subscriptions, Duration gap) {
      child.send(BACK);
    }
  }
}
