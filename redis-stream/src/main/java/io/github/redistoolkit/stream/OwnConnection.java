package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Opened;
import java.util.List;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Connection;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisAskDataException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisMovedDataException;

/**
 * A connection of our own to wherever a key is, on which reads may block. Used by one thread, but
 * for {@link #cut}.
 *
 * <p>After any failure but an answer that says nothing about the way, it is closed, so that the
 * next command goes over a new one. So the caller only has to try again.
 */
final class OwnConnection implements ReadingLoop.Link {

  /** By how much an answer may come later than Redis should have given up: then it is gone. */
  private static final int PATIENCE_MILLIS = 2_000;

  private final RedisAccess redis;
  private final String key;

  private volatile @Nullable Opened opened;
  private volatile boolean cut;

  /** Where Redis has the key for the moment, while its slot moves. */
  private @Nullable HostAndPort asked;

  private boolean asking;

  OwnConnection(RedisAccess redis, String key) {
    this.redis = redis;
    this.key = key;
  }

  @Override
  public boolean isClosed() {
    return redis.isClosed();
  }

  /**
   * Sees to it that there is a connection.
   *
   * @return whether it is a new one
   * @throws JedisException if none can be had
   */
  @Override
  public boolean ready() {
    if (cut) {
      throw new JedisConnectionException("closed");
    }
    Opened here = opened;
    if (here != null && !asking && !(redis.isCurrent(here) && redis.isCurrentFor(here, key))) {
      drop();
      here = null;
    }
    if (here != null) {
      return authenticate(here);
    }
    HostAndPort target = asked;
    asked = null;
    Opened made =
        target == null
            ? redis.openFor(key, PATIENCE_MILLIS)
            : redis.openAt(target, PATIENCE_MILLIS);
    opened = made;
    asking = target != null;
    if (cut) {
      drop();
      throw new JedisConnectionException("closed");
    }
    return true;
  }

  private boolean authenticate(Opened here) {
    try {
      opened = redis.authenticated(here);
      return false;
    } catch (JedisException e) {
      drop();
      throw e;
    }
  }

  /** Runs a script there. */
  @CanIgnoreReturnValue
  @Nullable Object run(LuaScript script, List<String> keys, List<String> args) {
    return guarded(
        connection -> {
          connection.setSoTimeout(PATIENCE_MILLIS);
          ask(connection);
          return asking
              ? script.runSourceOn(redis, connection, keys, args)
              : script.runBinaryOn(redis, connection, keys, args);
        });
  }

  /**
   * Sends a command that may block. Jedis lifts the socket's timeout for those that it knows to
   * block, and would wait for ever for a server that has gone.
   */
  @Nullable Object call(CommandArguments command, long blockMillis) {
    return call(null, command, blockMillis);
  }

  /**
   * A command that is sent right ahead of another, without a round trip of its own.
   *
   * @param done what to do once it is answered
   * @param failed what to do if it is not, or with an error
   */
  record Ahead(CommandArguments command, Runnable done, Runnable failed) {}

  /** Sends a command that may block, and maybe one ahead of it. */
  @Nullable Object call(@Nullable Ahead ahead, CommandArguments command, long blockMillis) {
    boolean[] open = {ahead != null};
    try {
      return guarded(
          connection -> {
            connection.setSoTimeout(Math.toIntExact(blockMillis + PATIENCE_MILLIS));
            if (ahead != null && asking) {
              open[0] = false;
              ahead.failed.run(); // each would need a round trip to ask
            }
            ask(connection);
            if (ahead != null && open[0]) {
              send(connection, ahead.command);
            }
            send(connection, command);
            if (ahead != null && open[0]) {
              boolean done = isDone(connection);
              open[0] = false;
              (done ? ahead.done : ahead.failed).run();
            }
            return connection.getOne();
          });
    } finally {
      if (ahead != null && open[0]) {
        ahead.failed.run();
      }
    }
  }

  /**
   * Sends a command over this connection and no other: Jedis connects anew for one that was closed
   * meanwhile, where the answer would be taken for that to a command before.
   */
  private void send(Connection connection, CommandArguments command) {
    connection.sendCommand(command);
    if (cut) {
      throw new JedisConnectionException("closed");
    }
  }

  /** Reads the answer to the one ahead. If it is an error, the other answer is still to be read. */
  private static boolean isDone(Connection connection) {
    try {
      Object unused = connection.getOne();
      return true;
    } catch (JedisDataException e) {
      return false; // whoever sends it again hears why
    }
  }

  private void ask(Connection connection) {
    if (asking) {
      Object unused = connection.executeCommand(new CommandArguments(Command.ASKING));
    }
  }

  private interface Exchange {
    @Nullable Object on(Connection connection);
  }

  private @Nullable Object guarded(Exchange exchange) {
    Opened here = opened;
    if (here == null) {
      throw new JedisConnectionException("not connected");
    }
    boolean aligned = false;
    try {
      Object reply = exchange.on(here.connection());
      aligned = true;
      return reply;
    } catch (JedisMovedDataException e) {
      redis.learnNodes(here);
      throw e;
    } catch (JedisAskDataException e) {
      asked = e.getTargetNode();
      throw e;
    } catch (JedisDataException e) {
      String code = Failures.code(e);
      aligned = !asking && !code.equals("READONLY") && !code.equals("CLUSTERDOWN");
      throw redis.explained(e);
    } finally {
      if (!aligned) {
        drop();
      }
    }
  }

  @Override
  public void drop() {
    Opened here = opened;
    opened = null;
    asking = false;
    if (here != null) {
      here.disconnect();
    }
  }

  /** Ends whatever is under way, from another thread, and lets nothing begin. */
  void cut() {
    cut = true;
    Opened here = opened;
    if (here != null) {
      here.disconnect();
    }
  }
}
