package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Protocol.Command;

/** Sentinel names another primary while connections to the old one, which lives on, are out. */
@EachClient(topologies = Topology.SENTINEL)
class SwitchedPrimaryIT {

  private static final int BORROWED = 4;

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final String key;

  SwitchedPrimaryIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.key = shared.unique("key");
  }

  @Test
  void connectionsBorrowedAcrossTheSwitchAreNotUsedAgain() {
    servers.awaitWritable(key);
    RedisAccess access = CoreAccess.of(redis);
    RedisAccess.Opened own = access.open(1000);
    List<AbstractPipeline> borrowed = Stream.generate(access::pipelined).limit(BORROWED).toList();
    servers.failOver(key);
    Awaitility.await("the client hears of it").until(() -> !access.isCurrent(own));
    own.disconnect();

    borrowed.forEach(AbstractPipeline::close);

    List<Integer> ports = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      ports.add(portOfServer(access));
    }
    int primary = servers.primaryOf(key).address().getPort();
    assertThat(ports, everyItem(is(primary)));
  }

  /** As application code may that holds connections of the same pool. */
  @Test
  void norAreThoseThatOthersGiveBackToThePool() {
    servers.awaitWritable(key);
    RedisAccess access = CoreAccess.of(redis);
    RedisAccess.Opened own = access.open(1000);
    List<AutoCloseable> borrowed =
        Stream.generate(() -> borrowAsOthersDo(redis)).limit(BORROWED).toList();
    servers.failOver(key);
    Awaitility.await("the client hears of it").until(() -> !access.isCurrent(own));
    own.disconnect();

    borrowed.forEach(SwitchedPrimaryIT::close);

    List<Integer> ports = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      ports.add(portOfServer(access));
    }
    int primary = servers.primaryOf(key).address().getPort();
    assertThat(ports, everyItem(is(primary)));
  }

  @Test
  void whoWaitsForAConnectionDuringTheSwitchIsNotInterrupted() throws Exception {
    servers.awaitWritable(key);
    ExecutorService threads = Executors.newFixedThreadPool(BORROWED);
    try (TestRedis single = redis.withMaxTotal(1)) {
      RedisAccess access = CoreAccess.of(single);
      AbstractPipeline only = access.pipelined();
      List<Future<Boolean>> waiting =
          Stream.generate(
                  () ->
                      threads.submit(
                          () -> {
                            access.execute(access.commands().ping());
                            return Thread.currentThread().isInterrupted();
                          }))
              .limit(BORROWED)
              .toList();
      RedisAccess.Opened own = access.open(1000);
      servers.failOver(key);
      Awaitility.await("the client hears of it").until(() -> !access.isCurrent(own));
      own.disconnect();
      only.close();
      for (Future<Boolean> call : waiting) {
        assertThat("interrupted", call.get(30, TimeUnit.SECONDS), is(false));
      }
    } finally {
      threads.shutdown();
    }
  }

  private static AutoCloseable borrowAsOthersDo(TestRedis redis) {
    return redis.over(pool -> pool.getResource(), client -> client.pipelined());
  }

  private static void close(AutoCloseable borrowed) {
    try {
      borrowed.close();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static int portOfServer(RedisAccess access) {
    String info =
        access.execute(
            new CommandObject<>(
                new CommandArguments(Command.INFO).add("server"), BuilderFactory.STRING));
    return info.lines()
        .filter(line -> line.startsWith("tcp_port:"))
        .mapToInt(line -> Integer.parseInt(line.substring("tcp_port:".length())))
        .findFirst()
        .orElseThrow();
  }
}
