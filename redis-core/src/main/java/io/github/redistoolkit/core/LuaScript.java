package io.github.redistoolkit.core;

import io.github.redistoolkit.core.RedisAccess.Keyed;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisNoScriptException;

/**
 * A Lua script with its SHA-1, made once when the class that uses it is loaded.
 *
 * <p>A run is one round trip ({@code EVALSHA}). Only if the server answers {@code NOSCRIPT}, which
 * it does before executing anything, the source is sent with one {@code EVAL}, which also loads it.
 * No other failure leads to a second run.
 *
 * <p>Immutable and thread-safe.
 */
public final class LuaScript {

  /** On the first line, so that the server's own messages name the lines as they are here. */
  private static final String REQUIRE_VERSION =
      "if not redis.acl_check_cmd then return redis.error_reply("
          + "'UNSUPPORTED the toolkit needs Redis 7.0 or later, or Valkey') end ";

  private final String source;
  private final String sha1;
  private final byte[] sha1Bytes;
  private final Set<String> commands;

  private LuaScript(String source) {
    this.source = REQUIRE_VERSION + source;
    this.sha1 = Digests.hex("SHA-1", this.source);
    this.sha1Bytes = utf8(sha1);
    this.commands = Permissions.calledBy(source);
  }

  /**
   * Returns a script.
   *
   * @param source Lua, taking all its data through {@code KEYS} and {@code ARGV}
   * @return the script
   */
  public static LuaScript of(String source) {
    return new LuaScript(source);
  }

  /**
   * Runs the script.
   *
   * @param redis where to run it
   * @param keys every key that the script touches, all in one Cluster slot
   * @param args what the script finds in {@code ARGV}
   * @return the reply: {@code Long}, {@code String}, a list of these, or null
   * @throws redis.clients.jedis.exceptions.JedisException as Jedis throws it
   */
  public @Nullable Object run(RedisAccess redis, List<String> keys, List<String> args) {
    try {
      return redis.execute(bySha1(redis, keys, args));
    } catch (JedisNoScriptException e) {
      return explaining(redis, keys, bySource(redis, keys, args));
    } catch (JedisDataException e) {
      throw explained(e, redis, keys);
    }
  }

  private @Nullable Object explaining(
      RedisAccess redis, List<String> keys, CommandObject<Object> command) {
    try {
      return redis.execute(command);
    } catch (JedisDataException e) {
      throw explained(e, redis, keys);
    }
  }

  /** Names the command that the user may not run, which the server does not. */
  private JedisException explained(JedisException failure, RedisAccess redis, List<String> keys) {
    return Permissions.isWithinScript(failure)
        ? Permissions.with(failure, Permissions.lackOf(redis, keys.subList(0, 1), commands))
        : failure;
  }

  /** Names all that may be lacking, where to ask which it is would take too long. */
  JedisException explainedUnasked(JedisDataException failure, RedisAccess redis) {
    return Permissions.isWithinScript(failure)
        ? Permissions.with(failure, Permissions.lackOf(redis, commands))
        : redis.explained(failure);
  }

  /**
   * Runs the script with arguments, and for a reply, that are no text.
   *
   * @param redis where to run it
   * @param keys every key that the script touches, all in one Cluster slot
   * @param args what the script finds in {@code ARGV}
   * @return the reply: {@code Long}, {@code byte[]}, a list of these, or null
   * @throws redis.clients.jedis.exceptions.JedisException as Jedis throws it
   */
  public @Nullable Object runBinary(RedisAccess redis, List<String> keys, List<byte[]> args) {
    List<byte[]> names = new ArrayList<>(keys.size());
    for (String key : keys) {
      names.add(utf8(key));
    }
    try {
      return redis.execute(redis.commands().evalsha(sha1Bytes, names, args));
    } catch (JedisNoScriptException e) {
      return explaining(redis, keys, redis.commands().eval(utf8(source), names, args));
    } catch (JedisDataException e) {
      throw explained(e, redis, keys);
    }
  }

  /**
   * Runs the script as {@link #runBinary} does, and then a command over the same connection,
   * without waiting for the first reply. The command is executed also if the script fails, and
   * twice if the server does not know the script yet.
   *
   * @param redis where to run it
   * @param keys every key that the script touches, all in one Cluster slot
   * @param args what the script finds in {@code ARGV}
   * @param next the command
   * @return what became of the script and of the command
   */
  public List<Outcome<Object>> runBinaryThen(
      RedisAccess redis, List<String> keys, List<byte[]> args, CommandObject<Object> next) {
    List<byte[]> names = keys.stream().map(LuaScript::utf8).toList();
    Keyed<Object> second = new Keyed<>(keys.get(0), next);
    CommandObject<Object> first = redis.commands().evalsha(sha1Bytes, names, args);
    List<Outcome<Object>> outcomes =
        redis.executeAll(List.of(new Keyed<>(keys.get(0), first), second));
    if (outcomes.get(0).failure() instanceof JedisNoScriptException) {
      first = redis.commands().eval(utf8(source), names, args);
      outcomes = redis.executeAll(List.of(new Keyed<>(keys.get(0), first), second));
    }
    List<Outcome<Object>> explained = new ArrayList<>(outcomes);
    JedisException failure = outcomes.get(0).failure();
    if (failure != null) {
      explained.set(0, Outcome.failed(explained(failure, redis, keys)));
    }
    return explained;
  }

  /**
   * Runs the script over a connection of our own, with a reply that is no text.
   *
   * @param redis the way that the connection was opened
   * @param connection where to run it; no other reply may be awaited on it
   * @param keys every key that the script touches, all in one Cluster slot
   * @param args what the script finds in {@code ARGV}
   * @return the reply: {@code Long}, {@code byte[]}, a list of these, or null
   * @throws redis.clients.jedis.exceptions.JedisException as Jedis throws it, redirections too
   */
  public @Nullable Object runBinaryOn(
      RedisAccess redis, Connection connection, List<String> keys, List<String> args) {
    List<byte[]> names = keys.stream().map(LuaScript::utf8).toList();
    List<byte[]> values = args.stream().map(LuaScript::utf8).toList();
    try {
      return connection.executeCommand(redis.commands().evalsha(sha1Bytes, names, values));
    } catch (JedisNoScriptException e) {
      return explainingOn(redis, connection, names, values, keys);
    } catch (JedisDataException e) {
      throw explained(e, redis, keys);
    }
  }

  /**
   * The same where the server may not know the script, and is not to be asked twice: one round trip
   * that sends the source. Right behind {@code ASKING}, which counts for one command only.
   *
   * @param redis whose connection it is
   * @param connection where to run it
   * @param keys every key that the script touches, all in one Cluster slot
   * @param args what the script finds in {@code ARGV}
   * @return the reply: {@code Long}, {@code byte[]}, a list of these, or null
   * @throws redis.clients.jedis.exceptions.JedisException as Jedis throws it
   */
  public @Nullable Object runSourceOn(
      RedisAccess redis, Connection connection, List<String> keys, List<String> args) {
    List<byte[]> names = keys.stream().map(LuaScript::utf8).toList();
    List<byte[]> values = args.stream().map(LuaScript::utf8).toList();
    return explainingOn(redis, connection, names, values, keys);
  }

  private @Nullable Object explainingOn(
      RedisAccess redis,
      Connection connection,
      List<byte[]> names,
      List<byte[]> values,
      List<String> keys) {
    try {
      return connection.executeCommand(redis.commands().eval(utf8(source), names, values));
    } catch (JedisDataException e) {
      throw explained(e, redis, keys);
    }
  }

  /**
   * Runs the script and counts how often it is sent. The script finds that number in {@code ARGV}
   * after its arguments.
   *
   * @param redis where to run it
   * @param keys every key that the script touches, all in one Cluster slot
   * @param args what the script finds in {@code ARGV}
   * @param sends what counts
   * @return the reply: {@code Long}, {@code String}, a list of these, or null
   * @throws redis.clients.jedis.exceptions.JedisException as Jedis throws it
   */
  public @Nullable Object run(
      RedisAccess redis, List<String> keys, List<String> args, Sends sends) {
    try {
      return counted(redis, bySha1(redis, keys, args), sends);
    } catch (JedisNoScriptException e) {
      return countedSource(redis, keys, args, sends);
    } catch (JedisDataException e) {
      throw explained(e, redis, keys);
    }
  }

  private @Nullable Object countedSource(
      RedisAccess redis, List<String> keys, List<String> args, Sends sends) {
    try {
      return counted(redis, bySource(redis, keys, args), sends);
    } catch (JedisDataException e) {
      throw explained(e, redis, keys);
    }
  }

  private static @Nullable Object counted(
      RedisAccess redis, CommandObject<Object> command, Sends sends) {
    var unused = command.getArguments().add(sends);
    try {
      Object reply = redis.execute(command);
      sends.answer();
      return reply;
    } catch (JedisDataException e) {
      sends.answer();
      throw e;
    }
  }

  /**
   * One of many runs.
   *
   * @param keys every key that the run touches, all in one Cluster slot; at least one
   * @param args what the script finds in {@code ARGV}
   */
  public record Run(List<String> keys, List<String> args) {}

  /**
   * Runs the script many times, as {@link RedisAccess#executeAll} runs commands. What a server that
   * does not know the script has refused is sent once more with the source, all together.
   *
   * @param redis where to run it
   * @param runs the keys and arguments of each run
   * @return what became of each, in their order
   */
  public List<Outcome<Object>> runAll(RedisAccess redis, List<Run> runs) {
    List<Outcome<Object>> outcomes =
        new ArrayList<>(redis.executeAll(all(redis, runs, this::bySha1)));
    List<Integer> unknown =
        IntStream.range(0, runs.size())
            .filter(i -> outcomes.get(i).failure() instanceof JedisNoScriptException)
            .boxed()
            .toList();
    if (!unknown.isEmpty()) {
      List<Outcome<Object>> second =
          redis.executeAll(all(redis, unknown.stream().map(runs::get).toList(), this::bySource));
      for (int i = 0; i < unknown.size(); i++) {
        outcomes.set(unknown.get(i), second.get(i));
      }
    }
    explainAll(outcomes, redis, runs);
    return outcomes;
  }

  /** Asks once, since the user is the same for all. */
  private void explainAll(List<Outcome<Object>> outcomes, RedisAccess redis, List<Run> runs) {
    String lack = null;
    for (int i = 0; i < outcomes.size(); i++) {
      JedisException failure = outcomes.get(i).failure();
      if (failure != null && Permissions.isWithinScript(failure)) {
        if (lack == null) {
          lack = Permissions.lackOf(redis, runs.get(i).keys().subList(0, 1), commands);
        }
        outcomes.set(i, Outcome.failed(Permissions.with(failure, lack)));
      }
    }
  }

  private static List<Keyed<Object>> all(RedisAccess redis, List<Run> runs, Sending sending) {
    return runs.stream()
        .map(run -> new Keyed<>(run.keys().get(0), sending.command(redis, run.keys(), run.args())))
        .toList();
  }

  @FunctionalInterface
  private interface Sending {
    CommandObject<Object> command(RedisAccess redis, List<String> keys, List<String> args);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Returns the command for a server that knows the script. */
  CommandObject<Object> bySha1(RedisAccess redis, List<String> keys, List<String> args) {
    return redis.commands().evalsha(sha1, keys, args);
  }

  /** Returns the command for a server that does not know the script, and then does. */
  CommandObject<Object> bySource(RedisAccess redis, List<String> keys, List<String> args) {
    return redis.commands().eval(source, keys, args);
  }

  /**
   * Returns the name by which the server knows the script.
   *
   * @return 40 lower-case hexadecimal digits
   */
  public String sha1() {
    return sha1;
  }
}
