package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.core.RedisAccess.Opened;
import io.github.redistoolkit.pubsub.Session.Request;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultJedisSocketFactory;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.JedisSocketFactory;

/**
 * A connection that dies while it is written to: Jedis would open another socket for the command,
 * on which nobody has given credentials or a name.
 */
@EachClient
class PubSubSessionIT extends PubSubSuite {

  PubSubSessionIT(TestRedis redis) {
    super(redis);
  }

  /** Counts its sockets, and stops before it writes. */
  private static final class Stopping extends Connection {

    private static final class Sockets implements JedisSocketFactory {
      final AtomicInteger made = new AtomicInteger();
      private final JedisSocketFactory real;

      Sockets(HostAndPort server) {
        this.real = new DefaultJedisSocketFactory(server);
      }

      @Override
      public Socket createSocket() {
        made.incrementAndGet();
        return real.createSocket();
      }
    }

    final Sockets sockets;
    final CountDownLatch writing = new CountDownLatch(1);
    final CountDownLatch goOn = new CountDownLatch(1);

    Stopping(Sockets sockets) {
      super(sockets);
      this.sockets = sockets;
      connect();
    }

    @Override
    public void sendCommand(CommandArguments args) {
      writing.countDown();
      try {
        goOn.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      super.sendCommand(args);
    }
  }

  @Test
  void opensNoOtherSocketWhenItDiesWhileItIsWrittenToAndTheWriterGetsOn() throws Exception {
    int inTime = 0;
    for (int round = 0; round < ROUNDS; round++) {
      Stopping connection = new Stopping(new Stopping.Sockets(redis.address()));
      Session session = new Session(new Opened(connection, ""));
      Future<?> write = threads.submit(() -> session.send(List.of(Request.PING)));
      connection.writing.await();
      long start = System.nanoTime();
      Thread dying = new Thread(() -> session.die(new IllegalStateException("on purpose")));
      dying.start();
      Wire.await("it has closed the socket, or waits for the writer")
          .until(() -> connection.isBroken() || dying.getState() == Thread.State.TIMED_WAITING);
      connection.goOn.countDown();
      write.get();
      Duration wrote = Duration.ofNanos(System.nanoTime() - start);
      dying.join();
      assertThat(connection.isConnected(), is(false));
      if (wrote.compareTo(Duration.ofMillis(Session.WAIT_FOR_WRITER_MILLIS)) < 0) {
        inTime++;
        assertThat("sockets", connection.sockets.made.get(), is(1));
      }
    }
    // It waits for the writer, but not for ever, and on a busy machine that may not get on.
    assertThat(inTime, is(greaterThan(0)));
  }
}
