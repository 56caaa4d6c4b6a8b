package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * One server process that the bed started and may stop, pause and start again.
 *
 * <p>It keeps nothing on disk unless told to, so it comes back empty. Stop, pause and start it from
 * one thread at a time.
 */
public final class RedisServer {

  private static final Duration START = Duration.ofSeconds(20);

  private final ServerHost host;
  private final HostAndPort address;
  private final List<String> settings;
  private final List<String> options;
  private boolean wasStarted;
  private ServerHost.Running running = () -> false;

  private RedisServer(ServerHost host, int port, List<String> settings, List<String> options) {
    this.host = host;
    this.address = new HostAndPort("127.0.0.1", port);
    this.settings = new ArrayList<>(settings);
    this.options = List.copyOf(options);
  }

  /** A server for data, not started yet. */
  static RedisServer data(ServerHost host, int port, List<String> settings) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "save \"\"",
                "enable-debug-command yes",
                "dbfilename " + port + ".rdb",
                "repl-diskless-sync-delay 0",
                // A replica counts as available in a cluster once it has heard of one write or
                // ping.
                "repl-ping-replica-period 1",
                "replica-announce-ip 127.0.0.1"));
    all.addAll(settings);
    return new RedisServer(host, port, all, List.of());
  }

  /** A node of a cluster, knowing no other yet. */
  static RedisServer cluster(ServerHost host, int port, List<String> settings) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "cluster-enabled yes",
                "cluster-config-file " + port + ".nodes",
                "cluster-announce-ip 127.0.0.1",
                "cluster-node-timeout 1000",
                "cluster-replica-validity-factor 0",
                "cluster-allow-replica-migration no"));
    all.addAll(settings);
    return data(host, port, all);
  }

  /** A sentinel that watches one primary. */
  static RedisServer sentinel(ServerHost host, int port, int primaryPort) {
    String name = Deployment.PRIMARY_NAME;
    return new RedisServer(
        host,
        port,
        List.of(
            "sentinel announce-ip 127.0.0.1",
            "sentinel announce-port " + port,
            "sentinel monitor " + name + " 127.0.0.1 " + primaryPort + " 2",
            "sentinel down-after-milliseconds " + name + " 3000",
            "sentinel failover-timeout " + name + " 5000"),
        List.of("--sentinel"));
  }

  /** Gives it a setting from its next start on, whatever it was started with. */
  void setFromNextStart(String setting) {
    settings.add(setting);
  }

  /**
   * Where it listens.
   *
   * @return an address on loopback, which stays the same
   */
  public HostAndPort address() {
    return address;
  }

  /**
   * Starts it, empty, and waits until it answers.
   *
   * @throws IllegalStateException if it ends at once, or does not answer within 20 s
   */
  public void start() {
    if (wasStarted) {
      host.run("rm -f " + file("rdb"));
    }
    start(List.of());
  }

  /** Starts it with what was saved, and waits until it answers, be it with an error. */
  void start(List<String> furtherSettings) {
    List<String> lines = new ArrayList<>(host.network());
    lines.add("port " + address.getPort());
    lines.add("dir " + host.directory());
    lines.add("pidfile " + file("pid"));
    lines.add("logfile " + file("log"));
    lines.addAll(settings);
    lines.addAll(furtherSettings);
    List<String> command = new ArrayList<>(List.of(host.executable(), file("conf")));
    command.addAll(options);
    wasStarted = true;
    running = host.launch(address.getPort() + ".conf", String.join("\n", lines) + "\n", command);
    awaitAnswer();
  }

  /** Lets it crash and starts it, empty. */
  public void restartEmpty() {
    kill();
    start();
  }

  /** Lets it save its data, crash and start with what it saved. */
  public void restartWithData() {
    save();
    kill();
    start(List.of());
  }

  /** Saves its data, which the next {@link #start(List)} finds. */
  void save() {
    try (Jedis jedis = new Jedis(address)) {
      jedis.save();
    }
  }

  /**
   * Whether its process has not ended.
   *
   * @return true while it is paused, too
   */
  public boolean isRunning() {
    return running.isRunning();
  }

  /**
   * Ends it as an administrator would, and waits until it has ended.
   *
   * @throws IllegalStateException if it has ended, or does not within 20 s
   */
  public void stop() {
    Fault.SERVER_STOP.happened();
    signal("TERM");
    awaitEnd();
  }

  /**
   * Ends it as a crash would, and waits until it has ended.
   *
   * @throws IllegalStateException if it has ended, or does not within 20 s
   */
  public void kill() {
    Fault.SERVER_KILL.happened();
    signal("KILL");
    awaitEnd();
  }

  /**
   * Makes it hang: its connections stay open, and new ones are accepted, but nothing is answered.
   *
   * @throws IllegalStateException if it has ended
   */
  public void pause() {
    Fault.SERVER_PAUSE.happened();
    host.run("p=$(cat " + file("pid") + "); " + Stopping.SCRIPT);
  }

  /**
   * Ends what {@link #pause} began.
   *
   * @throws IllegalStateException if it has ended
   */
  public void resume() {
    signal("CONT");
  }

  private void signal(String name) {
    host.run("kill -s " + name + " $(cat " + file("pid") + ")");
  }

  private void awaitEnd() {
    Await.that("the server at " + address + " ends")
        .every(Duration.ofMillis(10))
        .atMost(START)
        .until(() -> !running.isRunning());
  }

  private void awaitAnswer() {
    Await.that("the server at " + address + " answers")
        .atMost(START)
        .until(
            () -> {
              boolean answers = answers();
              if (!running.isRunning()) {
                throw new IllegalStateException(
                    "the server at " + address + " ended:\n" + host.run("cat " + file("log")));
              }
              return answers;
            });
  }

  private boolean answers() {
    try (Jedis jedis = new Jedis(address)) {
      return jedis.ping().equals("PONG");
    } catch (JedisDataException e) {
      return true; // it refuses, such as while it loads
    } catch (JedisConnectionException e) {
      return false; // not yet, or it ended, which the caller looks at
    }
  }

  private String file(String extension) {
    return host.directory() + "/" + address.getPort() + "." + extension;
  }

  @Override
  public String toString() {
    return address.toString();
  }
}
