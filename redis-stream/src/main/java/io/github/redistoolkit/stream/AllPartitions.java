package io.github.redistoolkit.stream;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.Outcome;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Keyed;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * What is asked of all partitions of a topic at once, and whether it has as many as its caller
 * thinks. Thread-safe.
 */
final class AllPartitions {

  private final RedisAccess redis;
  private final String topic;
  private final Partitions partitions;
  private volatile boolean counted;

  AllPartitions(RedisAccess redis, String topic, Partitions partitions) {
    this.redis = redis;
    this.topic = topic;
    this.partitions = partitions;
  }

  /**
   * Does something that takes the topic to have as many partitions as were given, which is asked of
   * Redis before. A topic without partitions is a stream and not a hash, so that Redis says so.
   */
  <R> R counted(Supplier<R> what) {
    if (!partitions.isOne() && !counted) {
      count();
      counted = true;
    }
    try {
      return what.get();
    } catch (JedisDataException e) {
      if (partitions.isOne() && Failures.code(e).equals("WRONGTYPE")) {
        count();
      }
      throw e;
    }
  }

  private void count() {
    long there =
        StreamReplies.number(
            StreamScripts.PARTITIONS.run(
                redis,
                List.of(partitions.whole().stream()),
                List.of(String.valueOf(partitions.count()))));
    if (there != partitions.count()) {
      throw new IllegalStateException(
          "topic "
              + EventLog.escape(topic)
              + " has "
              + there
              + (there == 1 ? " partition" : " partitions")
              + ", but partitions is "
              + partitions.count());
    }
  }

  /** Runs a script at each partition: one round trip. */
  @CanIgnoreReturnValue
  List<@Nullable Object> run(
      LuaScript script, Function<TopicKeys, List<String>> keys, List<String> args) {
    if (partitions.isOne()) {
      List<@Nullable Object> reply = new ArrayList<>();
      reply.add(script.run(redis, keys.apply(partitions.whole()), args));
      return reply;
    }
    List<LuaScript.Run> runs =
        partitions.parts().stream().map(each -> new LuaScript.Run(keys.apply(each), args)).toList();
    List<@Nullable Object> replies = new ArrayList<>();
    script.runAll(redis, runs).forEach(each -> replies.add(each.get()));
    return replies;
  }

  /** An entry and the id by which callers know it. */
  record Found(String id, Entry entry) {}

  /** Reads from a stream of each partition, and puts that in the order of ids. */
  List<Found> range(Function<TopicKeys, String> stream, IntFunction<String> start, int most) {
    List<Keyed<List<Object>>> commands = new ArrayList<>();
    for (int i = 0; i < partitions.count(); i++) {
      String key = stream.apply(partitions.parts().get(i));
      commands.add(
          new Keyed<>(
              key, redis.commands().xrange(utf8(key), utf8(start.apply(i)), utf8("+"), most)));
    }
    List<Outcome<List<Object>>> outcomes =
        commands.size() == 1
            ? List.of(new Outcome<>(redis.execute(commands.get(0).command()), null, true))
            : redis.executeAll(commands);
    List<Found> found = new ArrayList<>();
    for (int i = 0; i < outcomes.size(); i++) {
      for (Entry entry : StreamReplies.entries(outcomes.get(i).get())) {
        found.add(new Found(partitions.id(i, entry.id()), entry));
      }
    }
    if (!partitions.isOne()) {
      // Stable, so that those of one id stay in the order of their partitions.
      found.sort((a, b) -> StreamIds.compare(a.entry().id(), b.entry().id()));
    }
    return found.subList(0, Math.min(most, found.size()));
  }

  private static byte[] utf8(String text) {
    return text.getBytes(UTF_8);
  }
}
