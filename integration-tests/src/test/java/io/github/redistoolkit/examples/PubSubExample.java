package io.github.redistoolkit.examples;

import io.github.redistoolkit.pubsub.PubSubListener;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.args.ClientType;
import redis.clients.jedis.params.ClientKillParams;
import redis.clients.jedis.util.Pool;

/** A subscription outlives its connection, and the application is told what it may have missed. */
public final class PubSubExample {

  /** What is published as JSON. */
  record UserEvent(String kind, String user) {}

  private PubSubExample() {}

  /** Runs it on a Redis of the test bed. */
  public static void main(String[] args) throws InterruptedException {
    try (Bed bed = Bed.open()) {
      run(bed.pool(), bed.prefix(), System.out);
    }
  }

  static void run(Pool<Jedis> pool, String prefix, PrintStream out) throws InterruptedException {
    BlockingQueue<UserEvent> handled = new LinkedBlockingQueue<>();
    CountDownLatch back = new CountDownLatch(1);
    PubSubListener listener =
        new PubSubListener() {
          @Override
          public void onReconnected(List<Subscription> subscriptions, Duration gap) {
            back.countDown();
          }
        };
    String channel = prefix + "events:user";
    try (RedisPubSub pubsub = RedisPubSub.builder(pool).listener(listener).build()) {
      Subscription subscription =
          pubsub.subscribe(channel, UserEvent.class, message -> handled.add(message.body()));
      pubsub.publish(channel, new UserEvent("user_created", "123"));
      out.println("handled " + handled.poll(10, TimeUnit.SECONDS));

      cut(pool);
      out.println("came back and said so: " + back.await(30, TimeUnit.SECONDS));
      pubsub.publish(channel, new UserEvent("user_deleted", "123"));
      out.println("handled " + handled.poll(10, TimeUnit.SECONDS));
      subscription.close();
    }
  }

  /** As a firewall would, or an administrator. */
  private static void cut(Pool<Jedis> pool) {
    try (Jedis jedis = pool.getResource()) {
      String ours = " name=" + jedis.clientGetname() + " "; // as the server may be somebody's
      jedis
          .clientList(ClientType.PUBSUB)
          .lines()
          .filter(client -> client.contains(ours))
          .map(client -> client.replaceAll("^id=(\\d+) .*", "$1"))
          .forEach(id -> jedis.clientKill(ClientKillParams.clientKillParams().id(id)));
    }
  }
}
