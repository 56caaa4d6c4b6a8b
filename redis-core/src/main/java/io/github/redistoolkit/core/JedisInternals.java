package io.github.redistoolkit.core;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.commons.pool2.PooledObjectFactory;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandKeyArgumentPreProcessor;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.CommandObjects;
import redis.clients.jedis.Connection;
import redis.clients.jedis.ConnectionFactory;
import redis.clients.jedis.ConnectionPool;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.executors.CommandExecutor;
import redis.clients.jedis.json.JsonObjectMapper;
import redis.clients.jedis.providers.ConnectionProvider;
import redis.clients.jedis.providers.SentineledConnectionProvider;
import redis.clients.jedis.util.RedisInputStream;

/**
 * What Jedis 7.0 to 8 have in common but do not show, and what differs between them.
 *
 * <p>The client classes changed their names and their methods from version to version, while the
 * fields read here have kept theirs.
 */
final class JedisInternals {

  private static final String OLDEST = "7.0.0";

  private static final Field PROVIDER = field(UnifiedJedis.class, "provider");
  private static final Field EXECUTOR = field(UnifiedJedis.class, "executor");
  private static final Field COMMANDS = field(UnifiedJedis.class, "commandObjects");
  private static final Field KEY_PREFIX = field(CommandObjects.class, "keyPreProcessor");
  private static final Field INPUT = field(Connection.class, "inputStream");
  private static final Field CONNECTION_CONFIG = field(ConnectionFactory.class, "clientConfig");
  private static final Field POOLED_CONFIG = pooledConfig();
  private static final Field PROTOCOL = field(CommandObjects.class, "protocol");
  private static final Field JSON_MAPPER = field(CommandObjects.class, "jsonObjectMapper");
  private static final Field SEARCH_DIALECT = field(CommandObjects.class, "searchDialect");
  private static final @Nullable Field HOOKS = optional(CommandObject.class, "preProcessHooks");
  private static final Field SENTINEL_POOL = field(SentineledConnectionProvider.class, "pool");

  private JedisInternals() {}

  /**
   * Refuses a Jedis that is too old, before anything touches what it lacks.
   *
   * @throws IllegalStateException if Jedis is older than 7.0
   */
  static void requireSupportedVersion() {
    requireSupported(version());
  }

  static void requireSupported(String version) {
    int dot = version.indexOf('.');
    boolean tooOld = dot > 0 && version.substring(0, dot).matches("[1-6]");
    if (tooOld) {
      throw new IllegalStateException(
          "Jedis " + version + " is on the class path, but " + OLDEST + " or later is needed");
    }
  }

  /** Jedis's version, or "unknown" where its jar was repackaged without it. */
  private static String version() {
    try (InputStream file =
        UnifiedJedis.class.getResourceAsStream("/redis/clients/jedis/pom.properties")) {
      Properties properties = new Properties();
      if (file != null) {
        properties.load(file);
      }
      return properties.getProperty("version", "unknown");
    } catch (IOException e) {
      return "unknown";
    }
  }

  static @Nullable ConnectionProvider provider(UnifiedJedis client) {
    return (ConnectionProvider) get(PROVIDER, client);
  }

  static CommandExecutor executor(UnifiedJedis client) {
    return (CommandExecutor) require(get(EXECUTOR, client));
  }

  /** How a client makes its commands: for its protocol and topology, and with its key prefix. */
  static CommandObjects commands(UnifiedJedis client) {
    return (CommandObjects) require(get(COMMANDS, client));
  }

  static @Nullable CommandKeyArgumentPreProcessor keyPrefix(CommandObjects commands) {
    return (CommandKeyArgumentPreProcessor) get(KEY_PREFIX, commands);
  }

  /** Which protocol replies are decoded as. */
  static RedisProtocol protocol(CommandObjects commands) {
    Object protocol = get(PROTOCOL, commands); // null: none was asked for, before Jedis 8
    return protocol == RedisProtocol.RESP3 ? RedisProtocol.RESP3 : RedisProtocol.RESP2;
  }

  /** Has commands made with the key prefix, JSON mapper and search dialect of others. */
  static void makeAlike(CommandObjects commands, CommandObjects model) {
    CommandKeyArgumentPreProcessor prefix = keyPrefix(model);
    if (prefix != null) {
      commands.setKeyArgumentPreProcessor(prefix);
    }
    if (get(JSON_MAPPER, model) instanceof JsonObjectMapper mapper) {
      commands.setJsonObjectMapper(mapper);
    }
    // 0 stands for Jedis's own default, and cannot be set.
    if (get(SEARCH_DIALECT, model) instanceof AtomicInteger dialect && dialect.get() != 0) {
      commands.setDefaultSearchDialect(dialect.get());
    }
  }

  /** Whether a command has something to do to its connection first, which it can since Jedis 8. */
  static boolean hasHooks(CommandObject<?> command) {
    return HOOKS != null && get(HOOKS, command) instanceof List<?> hooks && !hooks.isEmpty();
  }

  /** The pool of the primary of this moment. */
  static ConnectionPool pool(SentineledConnectionProvider provider) {
    return (ConnectionPool) require(get(SENTINEL_POOL, provider));
  }

  /**
   * Reads what comes next, a reply or a push. From Jedis 8 on, what a connection itself reads
   * leaves out the pushes that Jedis has no use for, those of tracking among them.
   */
  @SuppressWarnings("deprecation") // what reads everything, in every version
  static @Nullable Object read(Connection connection) {
    RedisInputStream input = (RedisInputStream) get(INPUT, connection);
    if (input == null) {
      throw new JedisConnectionException("The connection is not open");
    }
    return Protocol.read(input);
  }

  /** What the connections of a factory are set up by; null if the factory is none of Jedis's. */
  static @Nullable JedisClientConfig config(PooledObjectFactory<?> factory) {
    if (factory instanceof ConnectionFactory) {
      return (JedisClientConfig) get(CONNECTION_CONFIG, factory);
    }
    return POOLED_CONFIG.getDeclaringClass().isInstance(factory)
        ? (JedisClientConfig) get(POOLED_CONFIG, factory)
        : null;
  }

  @SuppressWarnings("deprecation") // goes with JedisPool, which is what most code holds
  private static Field pooledConfig() {
    return field(redis.clients.jedis.JedisFactory.class, "clientConfig");
  }

  /** How to make commands for a server that answers in RESP2, without a key prefix. */
  static CommandObjects newCommands() {
    try {
      for (Constructor<?> constructor : CommandObjects.class.getConstructors()) {
        if (constructor.getParameterCount() == 1) { // since Jedis 8
          return (CommandObjects) constructor.newInstance(RedisProtocol.RESP2);
        }
      }
      return CommandObjects.class.getConstructor().newInstance();
    } catch (ReflectiveOperationException e) {
      throw unsupported(e);
    }
  }

  private static Field field(Class<?> owner, String name) {
    try {
      Field field = owner.getDeclaredField(name);
      field.setAccessible(true);
      return field;
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw unsupported(e);
    }
  }

  private static @Nullable Field optional(Class<?> owner, String name) {
    boolean isThere =
        Arrays.stream(owner.getDeclaredFields()).anyMatch(found -> found.getName().equals(name));
    return isThere ? field(owner, name) : null;
  }

  private static @Nullable Object get(Field field, Object owner) {
    try {
      return field.get(owner);
    } catch (IllegalAccessException e) {
      throw unsupported(e);
    }
  }

  private static Object require(@Nullable Object value) {
    if (value == null) {
      throw new IllegalArgumentException("client has no executor or connections of its own");
    }
    return value;
  }

  private static IllegalStateException unsupported(Exception cause) {
    return new IllegalStateException(
        "Jedis " + version() + " is not laid out as Jedis " + OLDEST + " to 8 are", cause);
  }
}
