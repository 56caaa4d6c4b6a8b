package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** A single server with AOF that is killed, or cuts everybody off, while all are at work. */
@EachClient
class DurableOutageIT extends StreamSuite {

  private static final int IN_FLIGHT = 32;

  /** So that an answer with some of them takes many reads, and most cuts are within one. */
  private static final int BYTES = 50_000;

  private final PrivateRedis servers;
  private final RedisServer server;
  private final List<Integer> handled = Collections.synchronizedList(new ArrayList<>());

  DurableOutageIT(TestRedis shared) {
    super(shared.privateServers("appendonly yes", "appendfsync always").redis());
    this.servers = shared.privateServers("appendonly yes", "appendfsync always");
    this.server = servers.servers().get(0);
  }

  /** A topic of large messages, each with its number in front. */
  private DurableTopic<byte[]> large() {
    return open(
        builder(redis, name, byte[].class)
            .prefix(redis.mark() + "s:")
            .lease(LEASE)
            .listener(heard));
  }

  private static byte[] message(int number, int bytes) {
    return ByteBuffer.allocate(bytes).putInt(number).array();
  }

  private void handle(DurableMessage<byte[]> message) throws InterruptedException {
    Thread.sleep(1);
    handled.add(ByteBuffer.wrap(message.body()).getInt());
  }

  private Set<Integer> distinct() {
    synchronized (handled) {
      return new HashSet<>(handled);
    }
  }

  /** Publishes until it is told to stop; remembers what it was answered an id for. */
  private static final class Publisher {

    private final AtomicBoolean enough = new AtomicBoolean();
    private final Set<Integer> published = Collections.synchronizedSet(new HashSet<>());
    private final Set<Integer> perhaps = Collections.synchronizedSet(new HashSet<>());
    private final Thread thread;

    Publisher(DurableTopic<byte[]> topic, int bytes) {
      thread = new Thread(() -> run(topic, bytes), "outage-publisher");
      thread.start();
    }

    private void run(DurableTopic<byte[]> topic, int bytes) {
      for (int i = 0; !enough.get(); i++) {
        try {
          topic.publish(message(i, bytes));
          published.add(i);
          Thread.sleep(1);
        } catch (JedisException e) {
          perhaps.add(i);
        } catch (InterruptedException e) {
          return;
        }
      }
    }

    void stop() throws InterruptedException {
      enough.set(true);
      thread.join();
    }
  }

  private void awaitMore(int before) {
    await("at work").until(handled::size, is(greaterThan(before + IN_FLIGHT)));
  }

  private void assertNothingLost(DurableTopic<byte[]> topic, Publisher publisher, int cuts) {
    await("all handled").until(() -> distinct().containsAll(publisher.published));
    awaitPending(topic, 0);
    Set<Integer> more = distinct();
    more.removeAll(publisher.published);
    assertThat(publisher.perhaps.containsAll(more), is(true));
    int twice = handled.size() - distinct().size();
    assertThat("delivered twice", twice, is(lessThanOrEqualTo(cuts * IN_FLIGHT)));
    assertThat(topic.deadLetters(GROUP, 1), is(empty()));
    assertThat(heard.of("lost"), is(empty()));
  }

  @Test
  @Proves("durable-topic.goes-on")
  void nothingIsLostWhenTheServerIsKilledAgainAndAgain() throws Exception {
    DurableTopic<byte[]> topic = large();
    topic.subscribe(GROUP, From.start(), this::handle);
    int kills = Matrix.size(2, 20);
    Publisher publisher = new Publisher(topic, 100);
    try {
      for (int i = 0; i < kills; i++) {
        awaitMore(handled.size());
        server.kill();
        server.start();
        servers.awaitWritable(name);
      }
      awaitMore(handled.size());
    } finally {
      publisher.stop();
    }
    assertNothingLost(topic, publisher, kills);
  }

  @Test
  @Proves("durable-topic.goes-on")
  void nothingIsLostWhenTheServerCutsEverybodyOffInTheMiddleOfItsAnswers() throws Exception {
    DurableTopic<byte[]> topic = large();
    int count = Matrix.size(400, 4_000);
    for (int i = 0; i < count; i++) {
      topic.publish(message(i, BYTES));
    }
    int cuts = Matrix.size(5, 20);
    topic.subscribe(GROUP, From.start(), this::handle);
    for (int i = 1; i <= cuts; i++) {
      int some = i * count / (2 * cuts);
      await("at work").until(handled::size, is(greaterThan(some)));
      assertThat(redis.killClients("normal"), is(greaterThan(0)));
    }
    await("all handled").until(() -> distinct().size(), is(count));
    // The pool may still have connections that were cut.
    await("acknowledged").until(() -> redis.admin().xpending(stream(), GROUP).getTotal(), is(0L));
    assertThat(handled.size() - count, is(lessThanOrEqualTo(cuts * IN_FLIGHT)));
    await("told that it was cut off").until(() -> heard.of("away").size(), is(greaterThan(0)));
    await("and came back").until(() -> heard.of("back").size() == heard.of("away").size());
    assertThat(heard.of("dead"), is(empty()));
  }

  @Test
  void nothingComesTwiceWhileNothingIsCut() {
    DurableTopic<byte[]> topic = large();
    int count = Matrix.size(1_000, 20_000);
    topic.subscribe(GROUP, From.start(), this::handle);
    for (int i = 0; i < count; i++) {
      topic.publish(message(i, 100));
    }
    await("all handled").until(() -> distinct().size(), is(count));
    awaitPending(topic, 0);
    assertThat(handled.size(), is(count));
    assertThat(heard.lines(), is(empty()));
  }
}
