package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.core.RedisAccess.Opened;
import io.github.redistoolkit.core.Ticker;
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
import redis.clients.jedis.exceptions.JedisDataException;

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

  private static final Session.Events NO_EVENTS =
      new Session.Events() {
        @Override
        public void onMessage(
            Session at, Topic.Kind kind, String topic, String channel, byte[] payload) {}

        @Override
        public void onReply(Session.Verb verb, Topic topic) {}

        @Override
        public void onError(Session.Verb verb, Topic topic, JedisDataException error) {}

        @Override
        public void onEnd(Topic.Kind kind, String topic) {}

        @Override
        public void onPong(long sentNanos) {}

        @Override
        public void onDeath() {}
      };

  /** Ends a session whose writer stands still in the middle of a write. */
  private Stopping dieInTheMiddleOfAWrite(Duration waitForWriter) throws Exception {
    Stopping connection = new Stopping(new Stopping.Sockets(redis.address()));
    Session session =
        new Session(new Opened(connection, ""), NO_EVENTS, Ticker.system(), waitForWriter);
    Future<?> write = threads.submit(() -> session.send(List.of(Request.PING)));
    connection.writing.await();
    Thread dying = new Thread(() -> session.die(new IllegalStateException("on purpose")));
    dying.start();
    if (waitForWriter.isZero()) {
      dying.join();
    } else {
      Wire.await("it waits for the writer")
          .until(() -> dying.getState() == Thread.State.TIMED_WAITING);
    }
    connection.goOn.countDown();
    write.get();
    dying.join();
    return connection;
  }

  @Test
  void opensNoOtherSocketWhenItDiesWhileItIsWrittenToAndTheWriterGetsOn() throws Exception {
    Stopping connection = dieInTheMiddleOfAWrite(Duration.ofMinutes(10));
    assertThat(connection.isConnected(), is(false));
    assertThat("sockets", connection.sockets.made.get(), is(1));
  }

  /** Then Jedis may open another one, which is not to stay. */
  @Test
  void leavesNoSocketOpenWhenItDoesNotWaitForTheWriter() throws Exception {
    Stopping connection = dieInTheMiddleOfAWrite(Duration.ZERO);
    assertThat(connection.isConnected(), is(false));
    assertThat("sockets", connection.sockets.made.get(), is(2));
  }
}
