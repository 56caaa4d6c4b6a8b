package io.github.redistoolkit.core;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.WeakHashMap;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultRedisCredentialsProvider;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.RedisCredentials;
import redis.clients.jedis.RedisCredentialsProvider;
import redis.clients.jedis.authentication.AuthXManager;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * What a pool or client shows a server to be let in, and when that has changed.
 *
 * <p>Jedis asks a provider once for each new connection, and tells nobody when it has something
 * new. A token of Jedis's token-based authentication is looked at whenever it matters, as is a
 * {@link DefaultRedisCredentialsProvider}: both have it at hand. Any other provider may have to
 * fetch it. So that one is asked on a thread of its own, every {@value #PERIOD_SECONDS} seconds at
 * most, and only while somebody wants to know.
 *
 * <p>One for each pool or client, which it does not keep reachable. Thread-safe.
 */
final class Credentials {

  static final int PERIOD_SECONDS = 5;

  /** How often one is asked that gives others whenever it is asked. */
  private static final long RESTLESS_PERIOD_NANOS = TimeUnit.MINUTES.toNanos(1);

  /** So many answers in a row, each other than the one before, are taken for that. */
  private static final int RESTLESS_CHANGES = 5;

  private static final EventLog LOG = EventLog.shared(RedisAccess.class);
  private static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(PERIOD_SECONDS);
  private static final ThreadFactory THREADS = Daemons.named("redis-toolkit-credentials-");

  private static final Map<Object, Credentials> SHARED =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final ReentrantLock looking = new ReentrantLock();
  private volatile Known known = new Known(0, null);

  private final Object asking = new Object();

  @GuardedBy("asking")
  private boolean asked;

  private final Ticker ticker;
  private volatile long lookedNanos;

  /** Guarded by {@link #looking}. */
  private int changesInARow;

  private volatile boolean restless;

  /** Connections at which the server refused what they were to go on by. */
  private final Map<Connection, Refusal> refusals =
      Collections.synchronizedMap(new WeakHashMap<>());

  Credentials(Ticker ticker) {
    this.ticker = ticker;
    this.lookedNanos = ticker.nanoTime() - PERIOD_NANOS;
  }

  static Credentials of(Object owner) {
    return SHARED.computeIfAbsent(owner, unseen -> new Credentials(Ticker.system()));
  }

  private record Refusal(long number, long nanos) {}

  /** The n-th that were seen. The password is a copy: a provider may wipe its own. */
  private record Known(long number, @Nullable String user, @Nullable String password) {

    Known(long number, @Nullable RedisCredentials credentials) {
      this(
          number,
          credentials == null ? null : credentials.getUser(),
          credentials == null || credentials.getPassword() == null
              ? null
              : new String(credentials.getPassword()));
    }

    boolean isSame(Known other) {
      return Objects.equals(user, other.user) && Objects.equals(password, other.password);
    }

    /** Without what is secret. */
    @Override
    public String toString() {
      return "Known[number=" + number + "]";
    }
  }

  /**
   * The number of those that a connection made from now on gets, or of earlier ones; may ask the
   * provider.
   */
  long beforeConnecting(@Nullable JedisClientConfig config) {
    Supplier<RedisCredentials> provider = provider(config);
    if (provider == null) {
      return known.number();
    }
    if (isAtHand(provider)) {
      lookOnce(provider);
    } else if (isDue() && looking.tryLock()) { // else somebody may be waiting for it for long
      try {
        look(provider);
      } finally {
        looking.unlock();
      }
    }
    return known.number();
  }

  /** The number of the present ones, as far as known; no I/O. */
  long current(@Nullable JedisClientConfig config) {
    Supplier<RedisCredentials> provider = provider(config);
    if (provider == null) {
      return known.number();
    }
    if (isAtHand(provider)) {
      return beforeConnecting(config);
    }
    if (isDue()) {
      lookInBackground(provider);
    }
    return known.number();
  }

  private boolean isDue() {
    return ticker.nanoTime() - lookedNanos >= (restless ? RESTLESS_PERIOD_NANOS : PERIOD_NANOS);
  }

  /**
   * Sends the present ones, and returns their number. What the server refused there is not sent
   * again for {@value #PERIOD_SECONDS} seconds.
   *
   * @param letInBy the number of those that the connection goes by, which is returned then
   * @throws redis.clients.jedis.exceptions.JedisException if the server refuses them, or there is
   *     no answer
   */
  long authenticate(Connection connection, long letInBy) {
    Known now = known;
    if (wasRefused(now, connection)) {
      return letInBy;
    }
    if (now.password() != null) {
      CommandArguments auth = new CommandArguments(Command.AUTH);
      if (now.user() != null) {
        auth.add(now.user());
      }
      try {
        Object unused = connection.executeCommand(auth.add(now.password()));
      } catch (JedisDataException e) {
        refusals.put(connection, new Refusal(now.number(), ticker.nanoTime()));
        throw e;
      }
    }
    refusals.remove(connection);
    return now.number();
  }

  private boolean wasRefused(Known now, Connection connection) {
    Refusal refusal = refusals.get(connection);
    return refusal != null
        && refusal.number() == now.number()
        && ticker.nanoTime() - refusal.nanos() < PERIOD_NANOS;
  }

  private static @Nullable Supplier<RedisCredentials> provider(@Nullable JedisClientConfig config) {
    if (config == null) {
      return null; // from a factory of the user's own
    }
    AuthXManager manager = config.getAuthXManager();
    return manager != null ? manager : config.getCredentialsProvider();
  }

  private static boolean isAtHand(Supplier<RedisCredentials> provider) {
    return provider instanceof AuthXManager || provider instanceof DefaultRedisCredentialsProvider;
  }

  private void lookInBackground(Supplier<RedisCredentials> provider) {
    synchronized (asking) {
      if (asked) {
        return;
      }
      asked = true;
    }
    boolean started = false;
    try {
      THREADS
          .newThread(
              () -> {
                try {
                  lookOnce(provider);
                } finally {
                  answered();
                }
              })
          .start();
      started = true;
    } catch (OutOfMemoryError noThread) {
      LOG.warn(noThread, "No thread to ask a provider of credentials on; trying again later");
    } finally {
      if (!started) {
        answered();
      }
    }
  }

  private void lookOnce(Supplier<RedisCredentials> provider) {
    looking.lock();
    try {
      look(provider);
    } finally {
      looking.unlock();
    }
  }

  private void answered() {
    synchronized (asking) {
      asked = false;
    }
  }

  /** Asks a provider, as Jedis does for a connection. What fails leaves everything as it was. */
  private void look(Supplier<RedisCredentials> provider) {
    // Others after a long time are nothing strange.
    boolean mayBeRestless =
        !isAtHand(provider) && ticker.nanoTime() - lookedNanos < 2 * RESTLESS_PERIOD_NANOS;
    try {
      if (provider instanceof RedisCredentialsProvider preparing) {
        try {
          preparing.prepare();
          note(preparing.get(), mayBeRestless);
        } finally {
          preparing.cleanUp();
        }
      } else {
        note(provider.get(), mayBeRestless);
      }
    } catch (RuntimeException | Error e) {
      // Its message may quote what is secret.
      LOG.warn(
          "A provider of credentials failed ({}); connections of the toolkit's own keep those that"
              + " they have",
          EventLog.kind(e));
    } finally {
      lookedNanos = ticker.nanoTime();
    }
  }

  private void note(@Nullable RedisCredentials credentials, boolean mayBeRestless) {
    Known before = known;
    Known next = new Known(before.number() + 1, credentials);
    boolean isFirst = before.number() == 0;
    boolean changes = !isFirst && !before.isSame(next);
    if (isFirst || changes) {
      known = next;
    }
    changesInARow = changes && mayBeRestless ? Math.min(changesInARow + 1, RESTLESS_CHANGES) : 0;
    boolean isRestless = changesInARow == RESTLESS_CHANGES;
    if (isRestless && !restless) {
      LOG.warn(
          "A provider of credentials gives others each time that it is asked; it is asked once a"
              + " minute from now on, as each change costs new connections");
    }
    restless = isRestless;
  }
}
