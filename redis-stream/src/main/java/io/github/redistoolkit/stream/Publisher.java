package io.github.redistoolkit.stream;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.core.Outcome;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Keyed;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.params.XAddParams;

/**
 * Adds messages to a stream: by {@code XADD}, or by a script where it has a largest length. {@code
 * WAIT} goes right behind, over the same connection, since it waits for what that has written.
 * Thread-safe.
 *
 * @param maxLength how many entries the stream may have, 0 for any number
 * @param replicas how many replicas are to have a message, 0 if none is waited for
 */
record Publisher(
    RedisAccess redis,
    String topic,
    long maxLength,
    WhenFull whenFull,
    int replicas,
    Duration maxWait) {

  private static final byte[] MESSAGE = {'d'};

  /** Returns the id that Redis gave it. */
  String publish(TopicKeys keys, byte[] payload) {
    if (replicas > 0) {
      return publishAndWait(keys, payload);
    }
    Object id =
        maxLength == 0
            ? redis.execute(add(keys, payload))
            : StreamScripts.PUBLISH.runBinary(redis, scriptKeys(keys), scriptArgs(payload));
    return textOrFull(id);
  }

  private String publishAndWait(TopicKeys keys, byte[] payload) {
    CommandObject<Object> wait =
        new CommandObject<>(
            new CommandArguments(Command.WAIT).add(replicas).add(maxWait.toMillis()),
            BuilderFactory.RAW_OBJECT);
    List<Outcome<Object>> outcomes =
        maxLength == 0
            ? redis.executeAll(
                List.of(
                    new Keyed<>(keys.stream(), add(keys, payload)),
                    new Keyed<>(keys.stream(), wait)))
            : StreamScripts.PUBLISH.runBinaryThen(
                redis, scriptKeys(keys), scriptArgs(payload), wait);
    String id = textOrFull(outcomes.get(0).get());
    // What was redirected went over another connection than the wait behind it.
    long have = outcomes.get(0).direct() ? waited(id, outcomes.get(1)) : 0;
    if (have < replicas) {
      throw new TooFewReplicasException(topic, id, replicas, have);
    }
    return id;
  }

  private long waited(String id, Outcome<Object> outcome) {
    if (outcome.failure() != null) {
      throw new TooFewReplicasException(topic, id, replicas, outcome.failure());
    }
    return StreamReplies.number(outcome.get());
  }

  private CommandObject<Object> add(TopicKeys keys, byte[] payload) {
    CommandObject<?> command =
        redis
            .commands()
            .xadd(keys.stream().getBytes(UTF_8), XAddParams.xAddParams(), Map.of(MESSAGE, payload));
    return new CommandObject<>(command.getArguments(), BuilderFactory.RAW_OBJECT);
  }

  private static List<String> scriptKeys(TopicKeys keys) {
    return List.of(keys.stream(), keys.groups());
  }

  private List<byte[]> scriptArgs(byte[] payload) {
    return List.of(
        String.valueOf(maxLength).getBytes(UTF_8), whenFull.name().getBytes(UTF_8), payload);
  }

  private String textOrFull(@Nullable Object id) {
    if (id == null) {
      throw new TopicFullException(topic, maxLength);
    }
    return id instanceof byte[] bytes ? new String(bytes, UTF_8) : Objects.toString(id);
  }
}
