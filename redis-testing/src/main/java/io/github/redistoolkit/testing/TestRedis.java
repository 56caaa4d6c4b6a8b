package io.github.redistoolkit.testing;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.DefaultRedisCredentials;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.HostAndPortMapper;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;
import redis.clients.jedis.util.SafeEncoder;

/**
 * A Redis for one test class, reached by one kind of client.
 *
 * <p>What is tested is built with {@link #over}, on the client of that kind; {@link #admin} looks
 * at the server behind its back.
 *
 * <p>A client of it has at most 64 connections, to each node of a Cluster, and a timeout of two
 * seconds; in a {@linkplain Child child JVM} 20 seconds. Methods that return another {@code
 * TestRedis} leave this one as it is. Thread-safe, but for {@link #privateServers} and {@link
 * #close}, which are for the test's own thread.
 */
public final class TestRedis implements AutoCloseable {

  /** Begins every name that this JVM makes, and is in no name that anyone else makes. */
  static final String MARK =
      "t" + Integer.toString(ThreadLocalRandom.current().nextInt(36 * 36 * 36 * 36), 36) + "-";

  /** Begins the names of the connections of what is tested. */
  private static final String NAME_PREFIX = "tested-" + MARK;

  private static final Protocol.Command CLIENT = Protocol.Command.CLIENT;
  private static final AtomicInteger NAMES = new AtomicInteger();

  private final ClientKind kind;
  private final Deployment deployment;
  private final Access access;
  private final String clientName;
  private final Client tested;
  private final Client admin;
  private final Map<List<String>, PrivateRedis> privates = new LinkedHashMap<>();
  private final Queue<TestRedis> variants = new ConcurrentLinkedQueue<>();

  /** Of all private servers that there have been. */
  private final Queue<TestRedis> ofPrivates = new ConcurrentLinkedQueue<>();

  private TestRedis(ClientKind kind, Deployment deployment, Access access) {
    this.kind = kind;
    this.deployment = deployment;
    this.access = access;
    String named = access.clientName();
    this.clientName = named == null ? NAME_PREFIX + NAMES.incrementAndGet() : named;
    DefaultJedisClientConfig.Builder config =
        deployment
            .config()
            .protocol(kind.protocol())
            .clientName(clientName)
            .hostAndPortMapper(access.route());
    access.settings().accept(config);
    this.tested = Client.of(kind, deployment, config.build(), access.limits());
    this.admin = Client.admin(deployment);
  }

  /**
   * In what way the servers are used.
   *
   * @param route where each address is really reached
   * @param limits how far the pool or client goes
   * @param settings what is set for each of its connections
   * @param user who uses them if the bed has made that user, else null
   * @param clientName what its connections are called; null for a name that nobody else has
   */
  private record Access(
      HostAndPortMapper route,
      Client.Limits limits,
      Consumer<DefaultJedisClientConfig.Builder> settings,
      @Nullable String user,
      @Nullable String clientName) {

    static final Access DIRECT =
        new Access(direct -> direct, new Client.Limits(64, null, null), config -> {}, null, null);

    /**
     * Patient, because several JVMs that have just started make a machine slow to answer. But a
     * Cluster's client rests between its attempts for some part of the time that it has for them,
     * which would grow with its patience.
     */
    static final Access OF_CHILD =
        DIRECT
            .with(new Client.Limits(64, null, Duration.ofSeconds(10)))
            .with(config -> config.timeoutMillis(20_000));

    Access withRoute(HostAndPortMapper other) {
      return new Access(other, limits, settings, user, clientName);
    }

    Access withMaxTotal(int other) {
      return with(new Client.Limits(other, limits.maxWait(), limits.retriesFor()));
    }

    Access withMaxWait(Duration other) {
      return with(new Client.Limits(limits.maxTotal(), other, limits.retriesFor()));
    }

    Access retryingFor(Duration other) {
      return with(new Client.Limits(limits.maxTotal(), limits.maxWait(), other));
    }

    private Access with(Client.Limits other) {
      return new Access(route, other, settings, user, clientName);
    }

    Access with(Consumer<DefaultJedisClientConfig.Builder> further) {
      return new Access(route, limits, settings.andThen(further), user, clientName);
    }

    /** Its password is its name. */
    Access as(String other) {
      DefaultRedisCredentials credentials = new DefaultRedisCredentials(other, other);
      return new Access(
          route,
          limits,
          settings.andThen(config -> config.credentials(credentials)),
          other,
          clientName);
    }

    Access named(String other) {
      return new Access(route, limits, settings, user, other);
    }
  }

  /**
   * The Redis that this run names, reached by the given kind of client.
   *
   * @param kind how it is reached
   * @return to be closed by the caller
   * @throws IllegalStateException if there is no server to be had
   */
  public static TestRedis of(ClientKind kind) {
    return of(kind, SharedRedis.of(kind.topology()));
  }

  /** One that the bed has started, for tests that may do to it what they like. */
  static TestRedis started(ClientKind kind) {
    return of(kind, SharedRedis.started(kind.topology()));
  }

  static TestRedis of(ClientKind kind, Deployment deployment) {
    return new TestRedis(kind, deployment, Access.DIRECT);
  }

  /**
   * What {@link #decode} makes the same of in another JVM, in one line. It may hold a password.
   *
   * @throws IllegalStateException if anything but {@link #withMaxTotal} is set
   */
  String encode() {
    int maxTotal = access.limits().maxTotal();
    if (!access.equals(Access.DIRECT.withMaxTotal(maxTotal))
        && !access.equals(Access.OF_CHILD.withMaxTotal(maxTotal))) {
      throw new IllegalStateException(
          "another JVM would reach "
              + kind
              + " by a client without what is set for this one: of the route, the limits and the"
              + " settings of its connections, only their number is passed on");
    }
    return kind + "|" + maxTotal + "|" + deployment.encode();
  }

  static TestRedis decode(String text) {
    String[] parts = text.split("\\|", 3);
    return new TestRedis(
        ClientKind.valueOf(parts[0]),
        Deployment.decode(parts[2]),
        Access.OF_CHILD.withMaxTotal(Integer.parseInt(parts[1])));
  }

  /**
   * The same servers through a client of the same kind with at most so many connections.
   *
   * @param connections how many, in a Cluster to each node; at least 1
   * @return closed with this one at the latest
   * @throws IllegalArgumentException if it is below 1
   */
  public TestRedis withMaxTotal(int connections) {
    if (connections < 1) {
      throw new IllegalArgumentException("connections must be at least 1, but is " + connections);
    }
    return variant(access.withMaxTotal(connections));
  }

  /**
   * The same kind of client, but if it sends a failed command again by itself, as that of a Cluster
   * does for ten seconds, then only for this time.
   *
   * @param time how long; has no effect on other kinds
   * @return closed with this one at the latest
   */
  public TestRedis retryingFor(Duration time) {
    return variant(access.retryingFor(time));
  }

  /**
   * The same kind of client, but giving up waiting, for a reply or a connection, after this time.
   *
   * @param patience at least 1 ms
   * @return closed with this one at the latest
   * @throws IllegalArgumentException if it is below 1 ms
   */
  public TestRedis impatient(Duration patience) {
    if (patience.toMillis() < 1) {
      throw new IllegalArgumentException("patience must be at least 1 ms, but is " + patience);
    }
    return variant(
        access
            .withMaxWait(patience)
            .with(config -> config.timeoutMillis(Math.toIntExact(patience.toMillis()))));
  }

  /**
   * The same kind of client, but connecting to another address, such as that of a proxy.
   *
   * @param other where it connects to
   * @return closed with this one at the latest
   * @throws IllegalStateException if there are several servers; see {@link #through}
   */
  public TestRedis at(HostAndPort other) {
    if (deployment.topology() != Topology.STANDALONE) {
      throw new IllegalStateException(kind + " connects to several servers; use through(proxy)");
    }
    return variant(access.withRoute(direct -> other));
  }

  /**
   * The same kind of client, but with a proxy before each server; see {@link #proxy}.
   *
   * @param proxy what stands before the servers
   * @return closed with this one at the latest
   */
  public TestRedis through(FaultProxy proxy) {
    return variant(access.withRoute(proxy::address));
  }

  /**
   * The same kind of client, but with something else set for its connections to the servers.
   *
   * @param settings what changes them, called once
   * @return closed with this one at the latest
   */
  public TestRedis with(Consumer<DefaultJedisClientConfig.Builder> settings) {
    return variant(access.with(settings));
  }

  /**
   * The same kind of client, but with this name for its connections, as an application gives them
   * one, instead of a name that no other client has.
   *
   * @param name what {@code CLIENT LIST} is to show
   * @return closed with this one at the latest
   * @throws IllegalArgumentException if Redis takes no such name: it has to be of one or more
   *     printable ASCII characters other than space
   */
  public TestRedis named(String name) {
    if (!name.matches("[!-~]+")) {
      throw new IllegalArgumentException(
          "name must be of printable ASCII characters without spaces, but is '" + name + "'");
    }
    return variant(access.named(name));
  }

  /**
   * A new proxy before every server that holds data, for {@link #through}.
   *
   * @return to be closed by the caller
   */
  public FaultProxy proxy() {
    return FaultProxy.before(deployment.nodes().toArray(HostAndPort[]::new));
  }

  /**
   * The same servers as a user who may do everything but these commands; the name of a subcommand
   * is written as in {@code script|flush}. The user stays until the servers end.
   *
   * @param commands their names
   * @return closed with this one at the latest
   * @throws IllegalStateException if the servers are someone else's
   */
  public TestRedis withoutCommands(String... commands) {
    List<String> rules = new ArrayList<>(List.of("~*"));
    rules.addAll(forbidding(commands));
    return asUser(rules);
  }

  /**
   * The same servers as a user who may do everything, but only with keys that match this pattern.
   * The user stays until the servers end.
   *
   * @param glob as {@code KEYS} takes it
   * @return closed with this one at the latest
   * @throws IllegalStateException if the servers are someone else's
   */
  public TestRedis withKeys(String glob) {
    return asUser(List.of("~" + glob));
  }

  private TestRedis asUser(List<String> restrictions) {
    List<String> rules = new ArrayList<>(List.of("&*", "+@all"));
    rules.addAll(restrictions);
    return as(rules);
  }

  /**
   * The same servers as a user who may do what these rules grant, as {@code +get}, {@code ~key*} or
   * {@code &channel*}, and nothing else. The user stays until the servers end.
   *
   * @param rules as {@code ACL SETUSER} takes them
   * @return closed with this one at the latest
   * @throws IllegalStateException if the servers are someone else's
   */
  public TestRedis as(List<String> rules) {
    if (!deployment.isOurs()) {
      throw new IllegalStateException("the server is external, so it gets no users");
    }
    String user = "restricted-" + NAMES.incrementAndGet();
    List<String> all = new ArrayList<>(List.of("reset", "on", ">" + user));
    all.addAll(rules);
    setUser(user, all);
    return variant(access.as(user));
  }

  /**
   * Forbids the user of {@link #withoutCommands} or {@link #withKeys} these commands too, from now
   * on; or all of them, as {@code @all}.
   *
   * @param commands their names
   * @throws IllegalStateException if this is not such a user
   */
  public void forbid(String... commands) {
    setUser(restrictedUser(), forbidding(commands));
  }

  /**
   * Allows the user of {@link #as} something more, from now on, as {@code &channel}.
   *
   * @param rules as {@code ACL SETUSER} takes them
   * @throws IllegalStateException if this is not such a user
   */
  public void allow(String... rules) {
    setUser(restrictedUser(), List.of(rules));
  }

  private String restrictedUser() {
    String user = access.user();
    if (user == null) {
      throw new IllegalStateException(kind + " is used without restrictions");
    }
    return user;
  }

  private static List<String> forbidding(String... commands) {
    return Arrays.stream(commands).map(command -> "-" + command).toList();
  }

  private void setUser(String user, List<String> rules) {
    for (HostAndPort node : deployment.nodes()) {
      try (Jedis jedis = deployment.open(node)) {
        jedis.aclSetUser(user, rules.toArray(String[]::new));
      }
    }
  }

  /**
   * Servers of the same topology that no other suite uses, so that they may be disturbed; started
   * when first asked for, kept for the class, and empty before each test.
   *
   * @param settings further lines for the configuration of each server that holds data
   * @return the same servers for the same settings, until they are replaced
   * @throws IllegalStateException if they cannot be started
   */
  public PrivateRedis privateServers(String... settings) {
    return privates.computeIfAbsent(List.of(settings), this::startPrivate);
  }

  private PrivateRedis startPrivate(List<String> settings) {
    PrivateRedis servers = PrivateRedis.start(kind, settings);
    ofPrivates.add(servers.redis());
    return servers;
  }

  /** The same, used in another way; closed with this at the latest. */
  private TestRedis variant(Access other) {
    TestRedis variant = new TestRedis(kind, deployment, other);
    variants.add(variant);
    return variant;
  }

  /**
   * These servers if the bed started them, otherwise {@link #privateServers}: for a suite that
   * changes settings, users or scripts, or empties databases, which a server that is someone else's
   * must be spared.
   *
   * @return this one or another
   */
  public TestRedis ours() {
    return deployment.isOurs() ? this : privateServers().redis();
  }

  /**
   * Empties the script cache of every primary, again and again.
   *
   * @param period from the end of one to the begin of the next
   * @return what ends it
   */
  public Disturbance flushScriptsEvery(Duration period) {
    return Disturbance.every(
        period,
        () -> {
          for (HostAndPort primary : deployment.primaries()) {
            try (Jedis jedis = deployment.open(primary)) {
              jedis.scriptFlush();
            }
          }
        });
  }

  /**
   * Lets the servers close the connections of what is tested, and of no one else.
   *
   * @param type {@code normal} or {@code pubsub}
   * @return how many there were
   */
  public int killClients(String type) {
    // All are looked up first: who is cut off from one node may be back at another at once.
    Map<HostAndPort, List<String>> ids = new LinkedHashMap<>();
    for (HostAndPort node : deployment.nodes()) {
      try (Jedis jedis = deployment.open(node)) {
        ids.put(node, clientIds(jedis, type));
      }
    }
    int killed = 0;
    for (Map.Entry<HostAndPort, List<String>> at : ids.entrySet()) {
      try (Jedis jedis = deployment.open(at.getKey())) {
        for (String id : at.getValue()) {
          // Gone meanwhile, if this answers 0.
          killed += Math.toIntExact((Long) jedis.sendCommand(CLIENT, "KILL", "ID", id));
        }
      }
    }
    Fault.CLIENT_KILL.happened(killed);
    return killed;
  }

  private List<String> clientIds(Jedis jedis, String type) {
    return SafeEncoder.encode((byte[]) jedis.sendCommand(CLIENT, "LIST", "TYPE", type))
        .lines()
        .filter(line -> line.contains(" name=" + clientName + " "))
        .map(line -> line.replaceAll("^id=(\\d+) .*", "$1"))
        .toList();
  }

  /**
   * Builds what is to be tested on the pool or the client, whichever this Redis is reached by.
   *
   * @param ofPool called with the pool
   * @param ofClient called with the client
   * @param <T> what is built
   * @return what the one that was called has returned
   */
  public <T> T over(Function<Pool<Jedis>, T> ofPool, Function<UnifiedJedis, T> ofClient) {
    Pool<Jedis> pool = tested.pool();
    return pool != null ? ofPool.apply(pool) : ofClient.apply(tested.client());
  }

  /**
   * The pool or client by the commands that both have.
   *
   * @return the client itself, or one that borrows from the pool for each command; not to be closed
   */
  public UnifiedJedis client() {
    return over(PoolClient::new, given -> given);
  }

  /**
   * A client for looking at the server, apart from what is tested.
   *
   * @return not to be closed
   */
  public UnifiedJedis admin() {
    return requireNonNull(admin.client());
  }

  /**
   * Where the server listens; through Sentinel the primary of this moment, in a Cluster one.
   *
   * @return where this client connects to, so the proxy's address if it goes through one
   */
  public HostAndPort address() {
    return access
        .route()
        .getHostAndPort(
            deployment.topology() == Topology.STANDALONE
                ? deployment.nodes().get(0)
                : deployment.primaries().get(0));
  }

  /**
   * Every server that takes writes at this moment.
   *
   * @return one, in a Cluster three
   */
  public List<HostAndPort> primaries() {
    return deployment.primaries();
  }

  /**
   * Every server that holds data, replicas included.
   *
   * @return the one that began as a primary first
   */
  public List<HostAndPort> nodes() {
    return deployment.nodes();
  }

  /**
   * Those that watch the primary, if any do.
   *
   * @return three, or none
   */
  public List<HostAndPort> sentinels() {
    return deployment.sentinels();
  }

  /**
   * What the sentinels call the primary.
   *
   * @return the name that a client of Sentinel asks for
   */
  public String primaryName() {
    return Deployment.PRIMARY_NAME;
  }

  /**
   * The name that the connections of what is tested have.
   *
   * @return as {@code CLIENT LIST} shows it
   */
  public String clientName() {
    return clientName;
  }

  /**
   * A connection to one server, to be closed by the caller.
   *
   * @param server where it listens
   * @return a connection that speaks RESP2 and has no name
   * @throws redis.clients.jedis.exceptions.JedisConnectionException if nobody listens there
   */
  public Jedis open(HostAndPort server) {
    return deployment.open(server);
  }

  /** The servers. */
  Deployment deployment() {
    return deployment;
  }

  /**
   * How the servers are laid out.
   *
   * @return that of the servers
   */
  public Topology topology() {
    return deployment.topology();
  }

  /**
   * How it is reached.
   *
   * @return that of the client
   */
  public ClientKind kind() {
    return kind;
  }

  /**
   * What all {@linkplain #unique unique names} begin with.
   *
   * @return the same for all names of this JVM, and for no other's
   */
  public String mark() {
    return MARK;
  }

  /**
   * A name that no other test uses, ending in the given text.
   *
   * @param text what tells it from others at a glance
   * @return the name
   */
  public String unique(String text) {
    return MARK + NAMES.incrementAndGet() + ":" + text;
  }

  /**
   * How many commands with this name the primaries have executed so far, as INFO commandstats says.
   *
   * @param command its name in lower case; a subcommand as in {@code client|list}
   * @return the sum of all primaries
   */
  public long calls(String command) {
    long calls = 0;
    for (HostAndPort primary : deployment.primaries()) {
      try (Jedis jedis = deployment.open(primary)) {
        calls +=
            jedis
                .info("commandstats")
                .lines()
                .filter(line -> line.startsWith("cmdstat_" + command + ":"))
                .mapToLong(line -> Long.parseLong(line.replaceAll(".*:calls=(\\d+),.*", "$1")))
                .sum();
      }
    }
    return calls;
  }

  /**
   * Connections that are borrowed at this moment from the pools of what is tested.
   *
   * @return the sum of all pools that the client has at this moment
   */
  public int borrowed() {
    return tested.borrowed();
  }

  /**
   * The same of all that was made from this: variants and private servers' clients, also those that
   * are closed, since what was borrowed before and is not given back yet still counts.
   */
  List<String> leftBorrowed() {
    List<String> left = new ArrayList<>();
    addBorrowed(left);
    return left;
  }

  private void addBorrowed(List<String> left) {
    if (borrowed() > 0) {
      left.add(borrowed() + " of " + this + " named " + clientName);
    }
    variants.forEach(variant -> variant.addBorrowed(left));
    ofPrivates.forEach(redis -> redis.addBorrowed(left));
  }

  /** Removes every key, or, from a server that is not ours, those that {@link #unique} named. */
  public void removeKeys() {
    deployment.removeKeys(MARK);
  }

  /** Makes everything as new for the next test. */
  void afterEach() {
    removeKeys();
    privates
        .values()
        .removeIf(
            servers -> {
              boolean reusable = servers.isReusable();
              if (!reusable) {
                servers.end();
              }
              return !reusable;
            });
  }

  /** The same after a test that failed, and may have left private servers in any state. */
  void afterFailed() {
    removeKeys();
    endPrivates();
  }

  /**
   * Closes everything, and fails if something was left behind that the suite should have closed.
   */
  void afterClass(LeakGuard guard) {
    try {
      guard.check();
    } finally {
      close();
    }
    guard.checkOpen(NAME_PREFIX);
    variants.stream()
        .map(TestRedis::clientName)
        .filter(name -> !name.startsWith(NAME_PREFIX))
        .forEach(guard::checkOpen);
  }

  @Override
  public void close() {
    variants.forEach(TestRedis::close);
    tested.close();
    admin.close();
    endPrivates();
  }

  private void endPrivates() {
    privates.values().forEach(PrivateRedis::end);
    privates.clear();
  }

  @Override
  public String toString() {
    return kind.toString();
  }
}
