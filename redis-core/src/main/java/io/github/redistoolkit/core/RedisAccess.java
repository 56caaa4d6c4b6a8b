package io.github.redistoolkit.core;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.commons.pool2.PooledObjectFactory;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandKeyArgumentPreProcessor;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.CommandObjects;
import redis.clients.jedis.Connection;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.Response;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.ScanParams;
import redis.clients.jedis.providers.ClusterConnectionProvider;
import redis.clients.jedis.providers.ConnectionProvider;
import redis.clients.jedis.providers.PooledConnectionProvider;
import redis.clients.jedis.providers.SentineledConnectionProvider;
import redis.clients.jedis.resps.ScanResult;
import redis.clients.jedis.util.Pool;

/**
 * The way to Redis through any pool or client of Jedis 7.0 to 8: the only place that knows them.
 *
 * <p>A command is made by {@link #commands}, so with the key prefix, protocol and topology of the
 * client that it goes through, and run by {@link #execute}, which borrows a connection for the time
 * of that command alone. Whatever must keep a connection for long {@linkplain #open opens} one of
 * its own.
 *
 * <p>Interrupts: a thread that is interrupted while it waits for a connection gets a {@link
 * JedisException}, and its interrupt flag is set. Where a failover closes the pool that a thread
 * waits for, commons-pool interrupts that thread too; such a call goes on with the new pool, and
 * neither throws nor leaves the flag set.
 *
 * <p>Nothing is sent at construction. Neither the pool nor the client is ever closed here.
 * Thread-safe.
 */
public abstract sealed class RedisAccess permits PoolAccess, ClientAccess, LayeredAccess {

  private static final EventLog LOG = EventLog.shared(RedisAccess.class);

  /** The clients of Jedis that are known, whichever of them this version of it has. */
  private static final Set<String> CLIENTS =
      Set.of(
          "RedisClient",
          "RedisSentinelClient",
          "RedisClusterClient",
          "JedisPooled",
          "JedisSentineled",
          "JedisCluster");

  private static final String JEDIS_PACKAGE = "redis.clients.jedis.";

  private final CommandObjects commands;

  /** Who uses it; set before anybody else knows of this. */
  private String module = "the toolkit";

  RedisAccess(CommandObjects commands) {
    this.commands = commands;
  }

  /**
   * A connection of our own and where it went.
   *
   * @param connection handshake done, speaking RESP2; to be ended by its owner
   * @param node the node's address in a Cluster; else it only tells one server from another, as
   *     before and after a failover, and is empty where there is only one
   * @param credentials the number of those that it was let in by
   */
  public record Opened(Connection connection, String node, long credentials) {

    /**
     * A connection that was let in by the first credentials, or without any.
     *
     * @param connection the connection
     * @param node where it went
     */
    public Opened(Connection connection, String node) {
      this(connection, node, 0);
    }

    /**
     * Turns to RESP3, in which messages and invalidations are pushed between replies. From then on
     * only {@link #read} is to read. One round trip.
     *
     * @throws JedisException if the server cannot, or does not answer
     */
    public void turnToPushes() {
      Object unused = connection.executeCommand(new CommandArguments(Command.HELLO).add("3"));
    }

    /**
     * Reads what comes next, a reply or, in RESP3, a push, which is a list. Sends nothing.
     *
     * @return what was read
     * @throws JedisDataException if it is an error
     * @throws JedisConnectionException if nothing comes in time, or the connection ended
     */
    public @Nullable Object read() {
      return JedisInternals.read(connection);
    }

    /** Ends the connection without waiting for anything that is under way on it. */
    public void disconnect() {
      RedisAccess.disconnect(connection);
    }
  }

  /**
   * Returns the way through a pool.
   *
   * @param pool where connections come from, such as a {@code JedisPool} or {@code
   *     JedisSentinelPool}
   * @return the way through it
   * @throws NullPointerException if {@code pool} is null
   * @throws IllegalStateException if Jedis is older than 7.0
   */
  public static RedisAccess of(Pool<Jedis> pool) {
    Objects.requireNonNull(pool, "pool");
    JedisInternals.requireSupportedVersion();
    return PoolAccess.over(pool);
  }

  /**
   * Returns a module's way through a pool.
   *
   * @param pool as for {@link #of(Pool)}
   * @param module the name of the module, for messages
   * @return the way through it
   */
  public static RedisAccess of(Pool<Jedis> pool, String module) {
    RedisAccess redis = of(pool);
    redis.module = module;
    return redis;
  }

  /**
   * Returns a module's way through a client.
   *
   * @param client as for {@link #of(UnifiedJedis)}
   * @param module the name of the module, for messages
   * @return the way through it
   */
  public static RedisAccess of(UnifiedJedis client, String module) {
    RedisAccess redis = of(client);
    redis.module = module;
    return redis;
  }

  /**
   * Returns the way through a client.
   *
   * @param client a {@code RedisClient}, {@code RedisSentinelClient} or {@code RedisClusterClient},
   *     or what they were called before Jedis 8: {@code JedisPooled}, {@code JedisSentineled} and
   *     {@code JedisCluster}
   * @return the way through it
   * @throws NullPointerException if {@code client} is null
   * @throws IllegalArgumentException if it is another kind of client, or one whose connections come
   *     from a provider that is none of Jedis's own
   * @throws IllegalStateException if Jedis is older than 7.0
   */
  public static RedisAccess of(UnifiedJedis client) {
    Objects.requireNonNull(client, "client");
    JedisInternals.requireSupportedVersion();
    if (client instanceof LayeredClient layered) {
      return new LayeredAccess(layered);
    }
    if (!isKnown(client)) {
      throw unknown(client, "");
    }
    ConnectionProvider provider = JedisInternals.provider(client);
    if (provider instanceof PooledConnectionProvider pooled) {
      return new ServerAccess(client, pooled);
    }
    if (provider instanceof SentineledConnectionProvider sentinel) {
      return new SentinelAccess(client, sentinel);
    }
    if (provider instanceof ClusterConnectionProvider cluster) {
      return new ClusterAccess(client, cluster);
    }
    throw unknown(
        client, " with connections from " + (provider == null ? null : provider.getClass()));
  }

  private static boolean isKnown(UnifiedJedis client) {
    if (client.getClass() == UnifiedJedis.class) {
      return true; // known by its provider
    }
    for (Class<?> type = client.getClass(); type != null; type = type.getSuperclass()) {
      if (type.getName().startsWith(JEDIS_PACKAGE)
          && CLIENTS.contains(type.getName().substring(JEDIS_PACKAGE.length()))) {
        return true;
      }
    }
    return false;
  }

  private static IllegalArgumentException unknown(UnifiedJedis client, String detail) {
    return new IllegalArgumentException(
        "client must be a RedisClient, RedisSentinelClient or RedisClusterClient (before Jedis 8"
            + " also JedisPooled, JedisSentineled or JedisCluster) with a connection provider of"
            + " Jedis's own, but is a "
            + client.getClass().getName()
            + detail);
  }

  /**
   * Returns what makes the commands for {@link #execute}. Keys are given as the caller knows them:
   * the client's key prefix is put before them there.
   *
   * @return a maker of commands
   */
  public final CommandObjects commands() {
    return commands;
  }

  final String module() {
    return module;
  }

  /**
   * Returns a failure that names the module, if it is a refusal for want of a permission.
   *
   * @param failure what Jedis threw
   * @return the same, or one that says the same and more
   */
  public final JedisException explained(JedisException failure) {
    return Permissions.named(failure, module);
  }

  /**
   * The same of an error that the server answered.
   *
   * @param error what Jedis threw
   * @return the same, or one that says the same and more
   */
  public final JedisDataException explained(JedisDataException error) {
    return (JedisDataException) Permissions.named(error, module);
  }

  /** The same of what became of many commands. */
  final <T> List<Outcome<T>> explained(List<Outcome<T>> outcomes) {
    for (int i = 0; i < outcomes.size(); i++) {
      JedisException failure = outcomes.get(i).failure();
      if (failure != null && explained(failure) != failure) {
        outcomes.set(i, Outcome.failed(explained(failure)));
      }
    }
    return outcomes;
  }

  /**
   * Runs a command. One round trip, plus whatever the client sends again by itself.
   *
   * @param command made by {@link #commands}
   * @param <T> what it answers
   * @return the reply, null included
   * @throws JedisException as Jedis throws it
   */
  @CanIgnoreReturnValue
  public abstract <T> T execute(CommandObject<T> command);

  /**
   * Opens a pipeline on a borrowed connection, in a Cluster on one per node, until it is closed.
   * Keys are given to it as the caller knows them.
   *
   * @return the pipeline, to be closed
   * @throws JedisException if there is no connection to be had
   */
  public abstract AbstractPipeline pipelined();

  /**
   * Borrows a connection, in a Cluster to a node of the client's choosing. An interrupt while the
   * caller waits for one is thrown, and the flag is set, as {@link #execute} does.
   *
   * @return the connection, to be given back or discarded
   * @throws JedisException if there is none to be had
   */
  public abstract Loan borrow();

  /** Borrows a connection that goes back when it is closed. */
  abstract Connection lend();

  /** What lends connections, by any names, as Jedis's iterations over keys want it. */
  abstract Map<?, ?> lenders();

  /** Which protocol borrowed connections speak. Borrows one if it is not known. */
  abstract RedisProtocol protocol();

  /**
   * Returns how long a caller waits for a connection, as the pool is configured.
   *
   * @return the longest wait; empty if there is no bound, or the pool does not make callers wait
   */
  public final Optional<Duration> maxWait() {
    Pool<?> pool = pools().iterator().next();
    Duration bound = pool.getMaxWaitDuration();
    return pool.getBlockWhenExhausted() && bound.compareTo(Duration.ZERO) > 0
        ? Optional.of(bound)
        : Optional.empty();
  }

  /**
   * A command and where it goes.
   *
   * @param key a key of it as the caller knows it, which decides on the node
   * @param command made by {@link #commands}
   * @param <T> what it answers
   */
  public record Keyed<T>(String key, CommandObject<T> command) {}

  /**
   * Runs many commands: they are all sent before the first reply is awaited. One round trip, in a
   * Cluster one to all nodes at the same time, and more for keys that have moved.
   *
   * <p>Borrows one connection, in a Cluster one for each node, always in the order of their
   * addresses: so no two callers wait for connections of each other. Runs on the caller's thread.
   * An interrupt has no effect while replies are awaited.
   *
   * @param commands the commands; how much they send and answer is the caller's concern
   * @param <T> what each answers
   * @return what became of each, in their order; where a connection fails all of its commands that
   *     have no reply yet have failed
   */
  public <T> List<Outcome<T>> executeAll(List<Keyed<T>> commands) {
    List<Response<T>> responses = new ArrayList<>();
    @Nullable JedisException broken = null;
    try (AbstractPipeline pipeline = pipelined()) {
      for (Keyed<T> keyed : commands) {
        responses.add(pipeline.executeCommand(keyed.command()));
      }
      pipeline.sync();
    } catch (JedisException e) {
      broken = e;
    }
    List<Outcome<T>> outcomes = new ArrayList<>();
    for (int i = 0; i < commands.size(); i++) {
      outcomes.add(outcome(i < responses.size() ? responses.get(i) : null, broken));
    }
    return explained(outcomes);
  }

  private static <T> Outcome<T> outcome(
      @Nullable Response<T> response, @Nullable JedisException broken) {
    try {
      if (response != null) {
        return new Outcome<>(response.get(), null, true);
      }
    } catch (JedisException e) {
      return Outcome.failed(e);
    } catch (IllegalStateException unset) {
      // Jedis's way to say that the connection ended before this reply.
    }
    return Outcome.failed(
        broken != null ? broken : new JedisConnectionException("no reply to this command"));
  }

  /**
   * Returns a key as the server knows it, for what is sent over a connection of our own.
   *
   * @param key the key as the caller knows it
   * @return the key with the client's prefix, if it has one
   */
  public final String key(String key) {
    CommandKeyArgumentPreProcessor prefix = JedisInternals.keyPrefix(commands);
    if (prefix == null) {
      return key;
    }
    Object actual = prefix.actualKey(key);
    return actual instanceof byte[] bytes
        ? new String(bytes, StandardCharsets.UTF_8)
        : String.valueOf(actual);
  }

  /**
   * Opens a connection of our own. It carries the address, credentials, TLS, client name, database
   * and timeouts that the caller gave to the pool or client, takes no slot of its pool, and speaks
   * RESP2 whatever they speak. Through Sentinel it goes to the primary of that moment, in a Cluster
   * to any node that answers, if need be after the nodes were asked for anew.
   *
   * <p>May take as long as the connect and read timeouts that the caller gave, in a Cluster as
   * often as there are nodes.
   *
   * @param silenceMillis the read timeout from then on: more than 0
   * @return the connection, ready for commands
   * @throws JedisException if no connection can be had
   */
  public final Opened open(int silenceMillis) {
    return ready(() -> connect(), silenceMillis);
  }

  /**
   * Opens a connection of our own to the node that has a key. The same as {@link #open(int)} where
   * there is one server.
   *
   * @param key the key as the caller knows it
   * @param silenceMillis the read timeout from then on: more than 0
   * @return the connection, ready for commands
   * @throws JedisException if no connection can be had
   */
  public final Opened openFor(String key, int silenceMillis) {
    return ready(() -> connectFor(key(key)), silenceMillis);
  }

  /**
   * Opens a connection of our own to a node of a Cluster that a redirection named.
   *
   * @param node the node's address, as the redirection has it
   * @param silenceMillis the read timeout from then on: more than 0
   * @return the connection, ready for commands
   * @throws JedisException if no connection can be had, as to a node that is not known yet
   */
  public final Opened openAt(HostAndPort node, int silenceMillis) {
    return ready(() -> connectAt(node), silenceMillis);
  }

  /**
   * Opens a connection of our own to a node, as {@link #nodeForChannel} or {@link #primaries} call
   * it. The same as {@link #open(int)} where there is one server.
   *
   * @param node the node
   * @param silenceMillis the read timeout from then on: more than 0
   * @return the connection, ready for commands
   * @throws JedisException if no connection can be had, or the client knows no such node
   */
  public final Opened openTo(String node, int silenceMillis) {
    return ready(() -> connectTo(node), silenceMillis);
  }

  private Opened ready(Supplier<Opened> way, int silenceMillis) {
    // First: should they change meanwhile, they are taken for older than they are, and sent again.
    long letInBy = credentials().beforeConnecting(config());
    Opened opened = way.get();
    Connection connection = opened.connection();
    boolean ready = false;
    try {
      if (connection.getRedisProtocol() == RedisProtocol.RESP3) {
        // Pushes would be mixed with replies, and only Jedis's own loops tell them apart.
        Object unused = connection.executeCommand(new CommandArguments(Command.HELLO).add("2"));
      }
      connection.setSoTimeout(silenceMillis);
      ready = true;
      return new Opened(connection, opened.node(), letInBy);
    } finally {
      if (!ready) {
        opened.disconnect();
      }
    }
  }

  /**
   * Tells whether a connection of our own was let in by the credentials that the pool or client
   * gives to new connections. Redis may cut it at any time after they have changed.
   *
   * @param opened the connection
   * @return false from when it is known that they have changed, which may take some seconds; no I/O
   */
  public final boolean hasCurrentCredentials(Opened opened) {
    return opened.credentials() == credentials().current(config());
  }

  /**
   * Lets a connection of our own go on by the present credentials if they have changed: one round
   * trip then, else none. It must not be subscribed to anything, nor wait for a reply. If the
   * server refuses them, that is logged, and it goes on by those that it has; they are sent again
   * after some seconds at the soonest.
   *
   * @param opened the connection
   * @return the same connection, which takes the place of the one given
   * @throws JedisException if there is no answer; the connection is of no use then
   */
  public final Opened authenticated(Opened opened) {
    if (hasCurrentCredentials(opened)) {
      return opened;
    }
    try {
      long number = credentials().authenticate(opened.connection(), opened.credentials());
      return new Opened(opened.connection(), opened.node(), number);
    } catch (JedisDataException e) {
      LOG.warn(e, "{} is refused new credentials; the connection keeps those that it has", module);
      return opened;
    }
  }

  private Credentials credentials() {
    return Credentials.of(owner());
  }

  /** What connections are set up by; null if it is not known, as with a factory of somebody's. */
  private @Nullable JedisClientConfig config() {
    Pool<?> any = pools().stream().findFirst().orElse(null);
    return any == null ? null : JedisInternals.config(any.getFactory());
  }

  abstract Opened connect();

  /** Connects to where a key is, given with the client's prefix. */
  Opened connectFor(String prefixedKey) {
    return connect();
  }

  /** Connects to a node of a Cluster, or the one server. */
  Opened connectTo(String node) {
    return connect();
  }

  /**
   * Publishes a message, in a Cluster by the owner of the channel's slot, so that the messages of
   * one publisher to one channel take one way. Channels have no key prefix.
   *
   * @param command {@code PUBLISH} or {@code SPUBLISH}
   * @param channel where to
   * @param message what
   * @return to how many subscribers the node handed it
   * @throws JedisException as Jedis throws it
   */
  public long publish(ProtocolCommand command, byte[] channel, byte[] message) {
    return execute(
        new CommandObject<>(
            new CommandArguments(command).add(channel).add(message), BuilderFactory.LONG));
  }

  /**
   * Returns the node of a Cluster that has a channel's slot, as far as the client knows.
   *
   * @param channel the channel, which has no key prefix
   * @return the node; null if the client knows none, and empty where there is one server
   */
  public @Nullable String nodeForChannel(String channel) {
    return "";
  }

  /** Connects to a node that a redirection named. */
  Opened connectAt(HostAndPort node) {
    throw new JedisConnectionException("There are no other nodes than the one server");
  }

  /**
   * Tells which keys are at the same node.
   *
   * @param key the key as the caller knows it
   * @return the {@link Opened#node} of a connection that {@link #openFor} would open in a Cluster,
   *     as far as this client knows; else always the same; no I/O
   */
  public String nodeFor(String key) {
    return "";
  }

  /**
   * Learns which node has which keys after one of them has answered {@code MOVED}. Takes no
   * connection of the pool as long as that node answers. Does nothing where there is one server.
   *
   * @param opened a connection to the node that said so
   */
  public void learnNodes(Opened opened) {}

  /**
   * Returns the nodes of a Cluster that have slots, as far as the client knows.
   *
   * @return the nodes; one that is empty where there is one server
   */
  public Set<String> primaries() {
    return Set.of("");
  }

  /**
   * Asks a Cluster anew which node has what. A client hears of changes only from the answers to its
   * commands. Takes no connection of the pool. Does nothing where there is one server.
   *
   * @throws JedisException if no node answers
   */
  public void refresh() {}

  /**
   * Tells whether a connection opened now could go to the same node. False after a failover, when
   * the demoted primary may still be answering.
   *
   * @param opened an earlier connection
   * @return whether its node is still the right one; no I/O
   */
  public abstract boolean isCurrent(Opened opened);

  /**
   * Tells whether a connection opened earlier leads to the node that a key is at now, as far as
   * this client knows.
   *
   * @param opened an earlier connection
   * @param key the key as the caller knows it
   * @return whether {@link #openFor} would go to the same node; no I/O
   */
  public boolean isCurrentFor(Opened opened, String key) {
    return isCurrent(opened);
  }

  /**
   * Tells whether the caller has closed the pool or client. {@link #open} may still work then.
   *
   * @return whether it is closed; no I/O
   */
  public abstract boolean isClosed();

  /**
   * Tells whether a command may be sent again by the client itself, without a word, after its reply
   * was lost.
   *
   * @return true for a Cluster, and for a client with an executor other than Jedis's simplest
   */
  public abstract boolean resends();

  /**
   * Tells whether the server may be replaced by another through Sentinel.
   *
   * @return whether this leads to Sentinel's current primary
   */
  public abstract boolean followsFailover();

  /**
   * Tells whether keys are on several nodes.
   *
   * @return whether this leads to a Cluster
   */
  public abstract boolean spreadsKeys();

  /**
   * Tells whether Jedis's own client-side cache may answer reads without the server.
   *
   * @return whether the client has a cache
   */
  public boolean cachesReads() {
    return false;
  }

  /**
   * Tells whether commands go through an executor of the toolkit.
   *
   * @return whether the client is a {@link LayeredClient}
   */
  public boolean isLayered() {
    return false;
  }

  /**
   * Returns what two of these have in common if they lead through the same pool or client.
   *
   * @return the pool or client, to be compared by identity and held weakly
   */
  public abstract Object owner();

  /**
   * Returns the pools that connections are borrowed from, in a Cluster those of all known nodes.
   *
   * @return the pools of this moment
   */
  public abstract Collection<? extends Pool<?>> pools();

  /**
   * Finds the keys that begin with a text, on all primaries of a Cluster, whose nodes are asked for
   * first. Keys that are there from beginning to end are found, some perhaps twice; others may be
   * found or not, and so may keys of slots that move meanwhile.
   *
   * @param start what the keys begin with, as the caller knows them
   * @param count about how many to look at in one step
   * @param found called with the keys of each step, as the caller knows them
   * @throws IllegalStateException if the client changes keys otherwise than by a prefix
   * @throws JedisException as Jedis throws it
   */
  public final void scan(String start, int count, Consumer<List<String>> found) {
    String prefix = key("");
    if (!key(start).equals(prefix + start)) {
      throw new IllegalStateException(
          "Keys cannot be found through a client whose key pre-processor does more than to put a"
              + " prefix before them");
    }
    String pattern = (prefix + start).replaceAll("[\\\\*?\\[\\]]", "\\\\$0") + "*";
    ScanParams params = new ScanParams().match(pattern).count(count);
    for (Scanner scanner : scanners()) {
      String cursor = ScanParams.SCAN_POINTER_START;
      do {
        ScanResult<String> page =
            page(
                scanner,
                new CommandObject<>(
                    new CommandArguments(Command.SCAN).add(cursor).addParams(params),
                    BuilderFactory.SCAN_RESPONSE));
        found.accept(page.getResult().stream().map(key -> key.substring(prefix.length())).toList());
        cursor = page.getCursor();
      } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
    }
  }

  private ScanResult<String> page(Scanner scanner, CommandObject<ScanResult<String>> command) {
    try {
      return scanner.scan(command);
    } catch (JedisException e) {
      throw explained(e);
    }
  }

  /** One that runs a step of a scan on one server. */
  @FunctionalInterface
  interface Scanner {
    ScanResult<String> scan(CommandObject<ScanResult<String>> command);
  }

  /** One for each server that has keys. */
  Collection<Scanner> scanners() {
    return List.of(this::execute);
  }

  /** Makes a connection as a pool does, outside the pool. */
  static <T> T make(PooledObjectFactory<T> factory) {
    try {
      return factory.makeObject().getObject();
    } catch (JedisException e) {
      throw e;
    } catch (Exception e) {
      throw new JedisConnectionException("Could not open a connection", e);
    }
  }

  static void disconnect(Connection connection) {
    try {
      connection.forceDisconnect();
    } catch (IOException e) {
      LOG.debug(e, "A connection could not be closed");
    }
  }

  /**
   * Sets the interrupt flag again of a thread that was interrupted while it waited for a
   * connection: the pool has cleared it.
   */
  static void keepInterrupt(JedisException failure) {
    if (Failures.isInterrupt(failure)) {
      Thread.currentThread().interrupt();
    }
  }
}
