package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;

/** A single server with AOF that is killed and comes back, or is full. */
@EachClient
class DurableServerIT extends StreamSuite {

  private final PrivateRedis servers;
  private final RedisServer server;

  DurableServerIT(TestRedis shared) {
    super(shared.privateServers("appendonly yes", "appendfsync always").redis());
    this.servers = shared.privateServers("appendonly yes", "appendfsync always");
    this.server = servers.servers().get(0);
  }

  @Test
  @Proves("durable-topic.goes-on")
  void goesOnWhereItWasAfterTheServerWasKilledAndCameBackWithItsAof() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take);
    publish(topic, 0, 200);
    server.kill();
    assertThrows(JedisConnectionException.class, () -> topic.publish(-1));
    await("noticed").until(() -> heard.lines(), hasItem("away"));
    // Its append-only file is all that is left.
    server.start();
    servers.awaitWritable(name);
    publish(topic, 200, 400);
    await("back").until(() -> heard.lines(), hasItem("back"));
    HashSet<Integer> all = new HashSet<>();
    while (all.size() < 400) {
      all.add(next().body());
    }
    assertThat(all, is(new HashSet<>(numbers(0, 400))));
    awaitPending(topic, 0);
    assertThat(heard.of("lost"), is(empty()));
    assertThat(topic.deadLetters(GROUP, 1), is(empty()));
  }

  @Test
  void acknowledgesAndBuriesWhileMemoryIsShort() throws Exception {
    DurableTopic<Integer> topic = open(builder().maxDeliveries(2));
    CountDownLatch full = new CountDownLatch(1);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          full.await();
          if (message.body() == 1) {
            throw new Exception("always");
          }
          take(message);
        });
    publish(topic, 0, 3);
    await("read").until(() -> state(topic).pending(), is(3L));
    servers.exhaustMemory();
    try {
      JedisDataException refused = assertThrows(JedisDataException.class, () -> topic.publish(3));
      assertThat(refused.getMessage().startsWith("OOM"), is(true));
      full.countDown();
      assertThat(next(2), is(List.of(0, 2)));
      await("buried").until(() -> heard.of("dead"), is(not(empty())));
      awaitPending(topic, 0);
    } finally {
      servers.restoreMemory();
    }
    assertThat(topic.deadLetters(GROUP, 10), hasSize(1));
    topic.publish(3);
    assertThat(next(1), is(List.of(3)));
  }

  @Test
  void whatDidNotArriveIsReadAlsoIfTheServerRefusesAtFirst() throws Exception {
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy);
        DurableTopic<Integer> consuming =
            builder(faulty, name, Integer.class)
                .prefix(redis.mark() + "s:")
                .lease(LEASE)
                .listener(heard)
                .build()) {
      DurableTopic<Integer> topic = open();
      consuming.subscribe(GROUP, From.start(), this::take);
      topic.publish(0);
      assertThat(next(1), is(List.of(0)));
      awaitPending(topic, 0);
      proxy.blackHole(FaultProxy.Direction.TO_CLIENT);
      topic.publish(1);
      awaitPending(topic, 1);
      servers.exhaustMemory();
      try {
        proxy.cut();
        proxy.heal();
        await("refused").until(() -> heard.of("away"), is(not(empty())));
        // And again, over a connection that is not the first any more.
        Thread.sleep(3_000);
      } finally {
        servers.restoreMemory();
      }
      assertThat(next(1), is(List.of(1)));
      awaitPending(topic, 0);
    }
  }
}
