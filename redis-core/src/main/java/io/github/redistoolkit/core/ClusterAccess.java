package io.github.redistoolkit.core;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.ConnectionPool;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisRedirectionException;
import redis.clients.jedis.providers.ClusterConnectionProvider;
import redis.clients.jedis.util.JedisClusterCRC16;
import redis.clients.jedis.util.Pool;

/** Through a client of a Cluster. */
final class ClusterAccess extends ClientAccess {

  private static final EventLog LOG = EventLog.shared(ClusterAccess.class);

  private static final int SLOTS = 16_384;

  /** Pipelined rounds after which what is still redirected is run singly. */
  private static final int MOST_ROUNDS = 32;

  /**
   * For how long what was seen of the pools tells whether they were closed. Whatever works in the
   * background looks more often; in more time, all nodes may have been replaced and come back.
   */
  private static final long RECENT_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final ClusterConnectionProvider provider;
  private volatile Seen seen = new Seen(Map.of(), System.nanoTime());
  private volatile boolean closed;

  /**
   * Asks for the slots after a batch has found a node gone. Nothing else does so for a client that
   * runs batches alone: each would go to a primary that was replaced, for as long as it is away.
   */
  private final SlotLearner learner =
      new SlotLearner(Callbacks.shared()::run, this::isClosed, this::learnNodes, LOG);

  ClusterAccess(UnifiedJedis client, ClusterConnectionProvider provider) {
    super(client);
    this.provider = provider;
  }

  @Override
  Opened connect() {
    try {
      return connectToAny();
    } catch (JedisException e) {
      // All nodes may have new addresses. A client that runs no commands does not hear of them.
      provider.renewSlotCache();
      try {
        return connectToAny();
      } catch (JedisException again) {
        again.addSuppressed(e);
        throw again;
      }
    }
  }

  private Opened connectToAny() {
    List<Map.Entry<String, ConnectionPool>> nodes = new ArrayList<>(provider.getNodes().entrySet());
    Collections.shuffle(nodes);
    @Nullable JedisException failure = null;
    for (Map.Entry<String, ConnectionPool> node : nodes) {
      try {
        return new Opened(make(node.getValue().getFactory()), node.getKey());
      } catch (JedisException e) {
        if (failure != null) {
          e.addSuppressed(failure);
        }
        failure = e;
      }
    }
    throw failure != null
        ? failure
        : new JedisConnectionException("The cluster client knows no node");
  }

  @Override
  Opened connectFor(String prefixedKey) {
    try {
      return connectToOwner(prefixedKey);
    } catch (JedisException e) {
      learnNodes();
      try {
        return connectToOwner(prefixedKey);
      } catch (JedisException again) {
        again.addSuppressed(e);
        throw again;
      }
    }
  }

  /** Asks any node that answers, over a connection of our own: the pools may give none. */
  private void learnNodes() {
    Opened any;
    try {
      any = connectToAny();
    } catch (JedisException e) {
      provider.renewSlotCache(); // from the addresses that the client began with
      return;
    }
    try {
      learnNodes(any);
    } finally {
      any.disconnect();
    }
  }

  @Override
  public void learnNodes(Opened opened) {
    provider.renewSlotCache(opened.connection());
  }

  @Override
  Opened connectAt(HostAndPort node) {
    return connectTo(node.toString());
  }

  @Override
  public String nodeFor(String key) {
    return String.valueOf(nodeOf(key(key)));
  }

  private Opened connectToOwner(String prefixedKey) {
    HostAndPort node = nodeOf(prefixedKey);
    ConnectionPool pool = node == null ? null : provider.getNodes().get(node.toString());
    if (pool == null) {
      throw new JedisConnectionException("The cluster client knows no node for the slot");
    }
    return new Opened(make(pool.getFactory()), String.valueOf(node));
  }

  @Override
  Opened connectTo(String node) {
    ConnectionPool pool = provider.getNodes().get(node);
    if (pool == null) {
      throw new JedisConnectionException("The cluster client does not know node " + node + " yet");
    }
    return new Opened(make(pool.getFactory()), node);
  }

  @Override
  @SuppressWarnings("deprecation") // what routes by a key that is no argument, in every version
  public long publish(ProtocolCommand command, byte[] channel, byte[] message) {
    try {
      return (Long) client.sendCommand(channel, command, channel, message);
    } catch (JedisException e) {
      keepInterrupt(e);
      throw explained(e);
    }
  }

  @Override
  public @Nullable String nodeForChannel(String channel) {
    HostAndPort node = nodeOf(channel);
    return node == null ? null : node.toString();
  }

  @Override
  public Set<String> primaries() {
    Set<String> owners = new HashSet<>();
    for (int slot = 0; slot < SLOTS; slot++) {
      HostAndPort node = provider.getNode(slot);
      if (node != null) {
        owners.add(node.toString());
      }
    }
    return owners;
  }

  @Override
  public void refresh() {
    learnNodes();
  }

  private @Nullable HostAndPort nodeOf(String prefixedKey) {
    return provider.getNode(JedisClusterCRC16.getSlot(prefixedKey));
  }

  @Override
  public <T> List<Outcome<T>> executeAll(List<Keyed<T>> commands) {
    Map<Integer, Outcome<T>> outcomes = new HashMap<>();
    List<Integer> rest =
        runOnNodes(IntStream.range(0, commands.size()).boxed(), commands, outcomes);
    for (int round = 1; !rest.isEmpty(); round++) {
      // By running one singly Jedis learns where its slot went.
      int first = rest.get(0);
      outcomes.put(first, runSingly(commands.get(first)));
      List<Integer> others = rest.subList(1, rest.size());
      if (round < MOST_ROUNDS) {
        others.forEach(outcomes::remove);
        rest = runOnNodes(others.stream(), commands, outcomes);
        others.forEach(i -> outcomes.computeIfPresent(i, (same, outcome) -> outcome.redirected()));
      } else {
        rest = others;
      }
    }
    return explained(
        IntStream.range(0, commands.size())
            .mapToObj(i -> Objects.requireNonNull(outcomes.get(i)))
            .collect(Collectors.toList()));
  }

  /** Returns which commands were redirected. */
  private <T> List<Integer> runOnNodes(
      Stream<Integer> which, List<Keyed<T>> commands, Map<Integer, Outcome<T>> outcomes) {
    Map<String, List<Integer>> byNode =
        which.collect(
            Collectors.groupingBy(
                i -> nodeFor(commands.get(i).key()), TreeMap::new, Collectors.toList()));
    List<NodeRun<T>> runs = new ArrayList<>();
    try {
      byNode.forEach(
          (node, mine) -> {
            NodeRun<T> run = new NodeRun<>(mine, commands, outcomes);
            runs.add(run);
            run.send(provider.getNodes().get(node));
          });
      runs.forEach(NodeRun::receive);
    } finally {
      runs.forEach(NodeRun::giveBack);
    }
    if (runs.stream().anyMatch(run -> run.lost)) {
      learner.learnSoon();
    }
    return byNode.values().stream()
        .flatMap(List::stream)
        .filter(i -> isRedirected(outcomes.get(i)))
        .sorted()
        .toList();
  }

  private static boolean isRedirected(@Nullable Outcome<?> outcome) {
    return outcome != null && outcome.failure() instanceof JedisRedirectionException;
  }

  private <T> Outcome<T> runSingly(Keyed<T> keyed) {
    try {
      return new Outcome<>(execute(keyed.command()), null, false);
    } catch (JedisException e) {
      return new Outcome<>(null, e, false);
    }
  }

  /** The part of many commands that goes to one node. */
  private static final class NodeRun<T> {

    private final List<Integer> mine;
    private final List<Keyed<T>> commands;
    private final Map<Integer, Outcome<T>> outcomes;
    private @Nullable Loan loan;
    private boolean aligned = true;

    /** Whether the node did not answer, or could not be reached. */
    private boolean lost;

    NodeRun(List<Integer> mine, List<Keyed<T>> commands, Map<Integer, Outcome<T>> outcomes) {
      this.mine = mine;
      this.commands = commands;
      this.outcomes = outcomes;
    }

    void send(@Nullable ConnectionPool pool) {
      try {
        if (pool == null) {
          throw new JedisConnectionException("The cluster client knows no node for the slot");
        }
        Connection borrowed = pool.getResource();
        loan = new ClientLoan(borrowed);
        aligned = false;
        for (int i : mine) {
          borrowed.sendCommand(commands.get(i).command().getArguments());
        }
        List<Object> none = borrowed.getMany(0); // which sends what is still buffered
        assert none.isEmpty();
      } catch (JedisException e) {
        keepInterrupt(e);
        fail(e);
      }
    }

    void receive() {
      if (loan == null || loan.connection().isBroken()) {
        return;
      }
      Connection asked = loan.connection();
      try {
        for (int i : mine) {
          outcomes.put(i, read(asked, commands.get(i).command()));
        }
        aligned = true;
      } catch (JedisException e) {
        fail(e);
      }
    }

    private static <T> Outcome<T> read(Connection asked, CommandObject<T> command) {
      try {
        return new Outcome<>(command.getBuilder().build(asked.getOne()), null, true);
      } catch (JedisDataException e) {
        return Outcome.failed(e);
      }
    }

    /** What has no reply yet has failed with this. */
    private void fail(JedisException e) {
      lost |= e instanceof JedisConnectionException;
      mine.forEach(i -> outcomes.putIfAbsent(i, Outcome.failed(e)));
    }

    void giveBack() {
      if (loan != null && aligned) {
        loan.giveBack();
      } else if (loan != null) {
        loan.discard(); // replies may still come
      }
    }
  }

  @Override
  public boolean isCurrent(Opened opened) {
    return provider.getNodes().containsKey(opened.node());
  }

  @Override
  public boolean isCurrentFor(Opened opened, String key) {
    return opened.node().equals(String.valueOf(nodeOf(key(key))));
  }

  /**
   * A client that was closed has no pools. But a command that was under way then is tried again,
   * and makes new ones, which nobody closes. A client that is open keeps a node's pool as long as
   * it knows the node: so it was closed if all pools that there were a moment ago are, and one of
   * their nodes has another.
   */
  @Override
  public boolean isClosed() {
    if (closed) {
      return true;
    }
    Map<String, ConnectionPool> nodes = provider.getNodes();
    if (nodes.values().stream().allMatch(Pool::isClosed)) {
      return true;
    }
    Seen before = seen;
    if (before.isRecent() && before.wasClosed() && before.isNodeOf(nodes)) {
      closed = true;
      return true;
    }
    seen = new Seen(nodes, System.nanoTime());
    return false;
  }

  /** The pools that there were at a time. */
  private record Seen(Map<String, ConnectionPool> nodes, long nanos) {

    boolean isRecent() {
      return System.nanoTime() - nanos < RECENT_NANOS;
    }

    boolean wasClosed() {
      return !nodes.isEmpty() && nodes.values().stream().allMatch(Pool::isClosed);
    }

    boolean isNodeOf(Map<String, ConnectionPool> later) {
      return nodes.keySet().stream().anyMatch(later::containsKey);
    }
  }

  @Override
  public boolean followsFailover() {
    return false; // it is the Cluster that fails over
  }

  @Override
  public boolean spreadsKeys() {
    return true;
  }

  @Override
  public Collection<? extends Pool<?>> pools() {
    return provider.getNodes().values();
  }

  @Override
  Collection<Scanner> scanners() {
    provider.renewSlotCache();
    // Jedis's own list of primaries keeps those that were demoted.
    Map<String, ConnectionPool> nodes = new HashMap<>(provider.getNodes());
    nodes.keySet().retainAll(primaries());
    return nodes.values().stream().map(ClusterAccess::scanner).toList();
  }

  private static Scanner scanner(ConnectionPool node) {
    return command -> {
      try (Connection connection = node.getResource()) {
        return connection.executeCommand(command);
      }
    };
  }
}
