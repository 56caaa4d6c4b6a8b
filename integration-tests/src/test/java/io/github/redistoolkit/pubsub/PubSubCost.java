package io.github.redistoolkit.pubsub;

import com.google.gson.Gson;
import io.github.redistoolkit.core.Json;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.LongConsumer;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.RedisClient;

/**
 * Compares what a message costs here and with {@link JedisPubSub}, both decoding the same JSON.
 *
 * <p>Run it with {@code host port} of a Redis that has nothing else to do; it prints the median and
 * the 99th percentile of the time from {@code publish} to the handler, and messages per second. The
 * two take turns, so that a busy machine harms both alike.
 */
final class PubSubCost {

  private static final int TURNS = 10;
  private static final int PINGS = 5_000;
  private static final int FLOOD = 100_000;
  private static final String CHANNEL = "cost";

  record Event(long sentNanos, String name, int amount) {}

  private final HostAndPort address;
  private final Gson gson = Json.defaultGson();

  private PubSubCost(HostAndPort address) {
    this.address = address;
  }

  /** Calls back with the time at which each message was sent. */
  private interface Way {
    AutoCloseable subscribe(LongConsumer onSent) throws Exception;
  }

  private AutoCloseable raw(LongConsumer onSent) throws InterruptedException {
    Semaphore subscribed = new Semaphore(0);
    JedisPubSub subscriber =
        new JedisPubSub() {
          @Override
          public void onSubscribe(String channel, int count) {
            subscribed.release();
          }

          @Override
          public void onMessage(String channel, String message) {
            onSent.accept(gson.fromJson(message, Event.class).sentNanos());
          }
        };
    Jedis jedis = new Jedis(address);
    Thread thread = new Thread(() -> jedis.subscribe(subscriber, CHANNEL));
    thread.start();
    subscribed.acquire();
    return () -> {
      subscriber.unsubscribe();
      thread.join();
      jedis.close();
    };
  }

  private AutoCloseable toolkit(LongConsumer onSent) {
    RedisClient client = RedisClient.builder().hostAndPort(address).build();
    RedisPubSub pubSub = new RedisPubSub(client);
    pubSub.subscribe(CHANNEL, Event.class, message -> onSent.accept(message.body().sentNanos()));
    return () -> {
      pubSub.close();
      client.close();
    };
  }

  private String event() {
    return gson.toJson(new Event(System.nanoTime(), "disbursed", 10_000));
  }

  private long[] latencies(Way way) throws Exception {
    long[] nanos = new long[PINGS];
    int[] next = {0};
    Semaphore received = new Semaphore(0);
    LongConsumer onSent =
        sent -> {
          nanos[next[0]++] = System.nanoTime() - sent;
          received.release();
        };
    try (AutoCloseable subscription = way.subscribe(onSent);
        Jedis publisher = new Jedis(address)) {
      for (int i = 0; i < PINGS; i++) {
        publisher.publish(CHANNEL, event());
        received.acquire();
      }
      assert subscription != null;
    }
    return nanos;
  }

  private double perSecond(Way way) throws Exception {
    Semaphore received = new Semaphore(0);
    try (AutoCloseable subscription = way.subscribe(sent -> received.release());
        Jedis publisher = new Jedis(address);
        Pipeline pipeline = publisher.pipelined()) {
      long start = System.nanoTime();
      for (int i = 1; i <= FLOOD; i++) {
        pipeline.publish(CHANNEL, event());
        if (i % 1000 == 0) {
          pipeline.sync();
        }
      }
      received.acquire(FLOOD);
      assert subscription != null;
      return FLOOD * 1e9 / (System.nanoTime() - start);
    }
  }

  private void compare(String what, List<Way> ways, String unit) throws Exception {
    List<List<double[]>> results = List.of(new ArrayList<>(), new ArrayList<>());
    for (int turn = 0; turn < TURNS; turn++) {
      for (int w = 0; w < 2; w++) {
        if (unit.equals("us")) {
          long[] sorted = latencies(ways.get(w));
          Arrays.sort(sorted);
          results
              .get(w)
              .add(new double[] {sorted[PINGS / 2] / 1e3, sorted[PINGS * 99 / 100] / 1e3});
        } else {
          results.get(w).add(new double[] {perSecond(ways.get(w))});
        }
      }
    }
    for (int column = 0; column < results.get(0).get(0).length; column++) {
      double raw = median(results.get(0), column);
      double ours = median(results.get(1), column);
      System.out.printf(
          "%s[%d]: JedisPubSub %.1f %s, RedisPubSub %.1f %s, ratio %.2f%n",
          what, column, raw, unit, ours, unit, ours / raw);
    }
  }

  /** The median of all turns but the first two, which warm up. */
  private static double median(List<double[]> turns, int column) {
    double[] sorted = turns.stream().skip(2).mapToDouble(turn -> turn[column]).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  public static void main(String[] args) throws Exception {
    PubSubCost cost = new PubSubCost(new HostAndPort(args[0], Integer.parseInt(args[1])));
    List<Way> ways = List.of(cost::raw, cost::toolkit);
    cost.compare("latency (p50, p99)", ways, "us");
    cost.compare("throughput", ways, "messages/s");
  }
}
