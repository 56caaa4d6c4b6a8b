package io.github.redistoolkit.stream;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import redis.clients.jedis.UnifiedJedis;

/**
 * What handlers of a topic with partitions did, in the order in which one list in Redis got it,
 * from whatever process. A message is a number: its key, and which of its key it is.
 */
final class PartitionHistory {

  private static final int PER_KEY = 100_000;

  private final UnifiedJedis redis;
  private final String list;

  PartitionHistory(UnifiedJedis redis, String list) {
    this.redis = redis;
    this.list = list;
  }

  static int message(int key, int number) {
    return key * PER_KEY + number;
  }

  static String key(int message) {
    return "key-" + message / PER_KEY;
  }

  private record Event(String what, String partition, long fence, int message) {

    static Event of(String line) {
      String[] parts = line.split(" ", -1);
      return new Event(parts[0], parts[1], Long.parseLong(parts[2]), Integer.parseInt(parts[3]));
    }
  }

  private void record(String what, DurableMessage<Integer> message) {
    String id = message.id();
    redis.rpush(
        list,
        String.join(
            " ",
            what,
            id.substring(id.indexOf('@') + 1),
            String.valueOf(message.fence().orElse(0)),
            String.valueOf(message.body())));
  }

  /** A handler that says when it begins and when it is done, and fails now and then. */
  DurableHandler<Integer> handler(int failuresOfHundred, Duration longest) {
    return message -> {
      record("begin", message);
      ThreadLocalRandom random = ThreadLocalRandom.current();
      Thread.sleep(random.nextLong(longest.toMillis() + 1));
      if (message.delivery() < 4 && random.nextInt(100) < failuresOfHundred) {
        record("failed", message);
        throw new IllegalStateException("on purpose");
      }
      record("done", message);
    };
  }

  /** A handler that says when it begins, and ends once a key is there. */
  DurableHandler<Integer> handlerBehind(String gate) {
    return message -> {
      record("begin", message);
      while (!redis.exists(gate)) {
        Thread.sleep(10);
      }
      record("done", message);
    };
  }

  private List<Event> events() {
    return redis.lrange(list, 0, -1).stream().map(Event::of).toList();
  }

  Set<Integer> done() {
    Set<Integer> done = new HashSet<>();
    events().stream()
        .filter(each -> each.what().equals("done"))
        .forEach(e -> done.add(e.message()));
    return done;
  }

  int timesDone() {
    return times("done");
  }

  int timesBegun() {
    return times("begin");
  }

  private int times(String what) {
    return (int) events().stream().filter(each -> each.what().equals(what)).count();
  }

  /** In how many partitions something was done. */
  int partitionsDone() {
    return (int)
        events().stream()
            .filter(each -> each.what().equals("done"))
            .map(Event::partition)
            .distinct()
            .count();
  }

  /** Those that began before all of the same key that were published before were done. */
  List<String> outOfOrder() {
    List<String> found = new ArrayList<>();
    Map<Integer, Integer> next = new HashMap<>();
    for (Event each : events()) {
      int key = each.message() / PER_KEY;
      int number = each.message() % PER_KEY;
      int expected = next.getOrDefault(key, 0);
      if (each.what().equals("begin") && number > expected) {
        found.add(each + " before " + expected);
      }
      if (each.what().equals("done") && number == expected) {
        next.put(key, expected + 1);
      }
    }
    return found;
  }

  /** Those that began in a partition though a consumer with a larger number had it already. */
  List<String> ofFormerOwners() {
    List<String> found = new ArrayList<>();
    Map<String, Long> largest = new HashMap<>();
    for (Event each : events()) {
      long last = largest.getOrDefault(each.partition(), 0L);
      if (each.what().equals("begin") && each.fence() < last) {
        found.add(each + " after " + last);
      }
      largest.put(each.partition(), Math.max(last, each.fence()));
    }
    return found;
  }

  /** Those that began in a partition while another handler ran in it. */
  List<String> overlapping() {
    List<String> found = new ArrayList<>();
    Map<String, Event> running = new HashMap<>();
    for (Event each : events()) {
      if (each.what().equals("begin")) {
        Event before = running.put(each.partition(), each);
        if (before != null) {
          found.add(each + " while " + before);
        }
      } else {
        running.remove(each.partition());
      }
    }
    return found;
  }
}
