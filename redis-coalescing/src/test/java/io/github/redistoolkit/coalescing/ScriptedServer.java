package io.github.redistoolkit.coalescing;

import io.github.redistoolkit.core.Loan;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.Supplier;
import redis.clients.jedis.Connection;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Connections to a server that exists only here: {@code INCR}, {@code ECHO}, and whatever a rule
 * makes of a command. It runs a flush when it is written.
 */
final class ScriptedServer implements Connections {

  /** What becomes of a command. */
  enum Fate {
    ANSWERED,
    ERROR,
    /** Neither it nor what was written with it after it runs. The connection is lost. */
    LOST_BEFORE,
    /** It runs, and then the connection is lost. */
    LOST_AFTER,
    /** It runs. No reply comes in time. */
    SILENT,
    /** It runs. Reading its reply is more than the heap holds. */
    TOO_LARGE
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Map<String, Integer> counters = new ConcurrentHashMap<>();
  private final List<List<List<String>>> flushes = new CopyOnWriteArrayList<>();
  private final Set<Connection> open = ConcurrentHashMap.newKeySet();
  private final AtomicInteger borrowed = new AtomicInteger();
  private final AtomicInteger borrowings = new AtomicInteger();
  private final AtomicInteger most = new AtomicInteger();
  private final AtomicInteger discarded = new AtomicInteger();

  volatile Function<List<String>, Fate> rule = command -> Fate.ANSWERED;
  volatile Runnable beforeBorrowing = () -> {};
  volatile Runnable beforeMaxWait = () -> {};

  /** Called by whoever reads, before it gets the replies to a flush. */
  volatile Runnable beforeReplies = () -> {};

  /** What reading {@link Fate#TOO_LARGE} throws. */
  volatile Supplier<Error> onTooLarge = () -> new OutOfMemoryError("too large a reply");

  volatile String errorText = "-WRONGTYPE not this\r\n";
  volatile Optional<Duration> maxWait = Optional.empty();

  @Override
  public Optional<Duration> maxWait() {
    beforeMaxWait.run();
    return maxWait;
  }

  @Override
  public Loan borrow() {
    beforeBorrowing.run();
    borrowings.incrementAndGet();
    int now = borrowed.incrementAndGet();
    most.accumulateAndGet(now, Math::max);
    Connection connection = new Connection(Wire::new);
    open.add(connection);
    return new Loan() {
      @Override
      public Connection connection() {
        return connection;
      }

      @Override
      public void giveBack() {
        end();
      }

      @Override
      public void discard() {
        discarded.incrementAndGet();
        end();
      }

      private void end() {
        if (!open.remove(connection)) {
          throw new AssertionError("ended twice");
        }
        borrowed.decrementAndGet();
      }
    };
  }

  int executed(String key) {
    return counters.getOrDefault(key, 0);
  }

  /** The commands of each flush. */
  List<List<List<String>>> flushes() {
    return flushes;
  }

  List<Integer> flushSizes() {
    return flushes.stream().map(List::size).toList();
  }

  int borrowedNow() {
    return borrowed.get();
  }

  int borrowedAtMost() {
    return most.get();
  }

  int borrowings() {
    return borrowings.get();
  }

  int discarded() {
    return discarded.get();
  }

  /** Holds those who read until it is opened. */
  static final class Gate implements Runnable {
    private final Semaphore arrived = new Semaphore(0);
    private final Semaphore passes = new Semaphore(0);

    @Override
    public void run() {
      arrived.release();
      passes.acquireUninterruptibly();
    }

    void awaitOne() {
      arrived.acquireUninterruptibly();
    }

    void open() {
      passes.release(1_000_000);
    }
  }

  private List<Object> run(byte[] written) {
    lock.lock();
    try {
      List<List<String>> commands = parse(written);
      flushes.add(commands);
      List<Object> replies = new ArrayList<>();
      for (List<String> command : commands) {
        Fate fate = rule.apply(command);
        if (fate == Fate.ERROR) {
          replies.add(errorText);
        } else if (fate == Fate.ANSWERED) {
          replies.add(reply(command));
        } else {
          if (fate != Fate.LOST_BEFORE) {
            String unread = reply(command);
            assert !unread.isEmpty();
          }
          replies.add(fate);
          if (fate == Fate.LOST_BEFORE || fate == Fate.LOST_AFTER) {
            break;
          }
        }
      }
      return replies;
    } finally {
      lock.unlock();
    }
  }

  private String reply(List<String> command) {
    if (command.get(0).equals("INCR")) {
      return ":" + counters.merge(command.get(1), 1, Integer::sum) + "\r\n";
    }
    String text = command.get(command.size() - 1);
    return "$" + text.length() + "\r\n" + text + "\r\n";
  }

  private static List<List<String>> parse(byte[] written) {
    List<List<String>> commands = new ArrayList<>();
    int at = 0;
    while (at < written.length) {
      int end = indexOfLineEnd(written, at);
      int size = number(written, at + 1, end);
      at = end + 2;
      List<String> command = new ArrayList<>();
      for (int i = 0; i < size; i++) {
        end = indexOfLineEnd(written, at);
        int length = number(written, at + 1, end);
        at = end + 2;
        command.add(new String(written, at, length, StandardCharsets.UTF_8));
        at += length + 2;
      }
      commands.add(command);
    }
    return commands;
  }

  private static int indexOfLineEnd(byte[] bytes, int from) {
    int at = from;
    while (bytes[at] != '\r') {
      at++;
    }
    return at;
  }

  private static int number(byte[] bytes, int from, int to) {
    return Integer.parseInt(
        new String(Arrays.copyOfRange(bytes, from, to), StandardCharsets.UTF_8));
  }

  /** A socket whose other end is the server. One thread writes, then reads. */
  private final class Wire extends Socket {
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final List<Object> replies = new ArrayList<>();
    private byte[] current = {};
    private int at;

    @Override
    public OutputStream getOutputStream() {
      return new OutputStream() {
        @Override
        public void write(int b) {
          written.write(b);
        }

        @Override
        public void write(byte[] bytes, int from, int length) {
          written.write(bytes, from, length);
        }

        @Override
        public void flush() {
          if (written.size() > 0) {
            replies.addAll(ScriptedServer.this.run(written.toByteArray()));
            written.reset();
            beforeReplies.run();
          }
        }
      };
    }

    @Override
    public InputStream getInputStream() {
      return new InputStream() {
        @Override
        public int read() {
          throw new UnsupportedOperationException();
        }

        @Override
        public int read(byte[] into, int from, int length) throws SocketTimeoutException {
          if (at == current.length) {
            if (replies.isEmpty()) {
              throw new SocketTimeoutException("Read timed out");
            }
            Object next = replies.get(0);
            if (next == Fate.TOO_LARGE) {
              throw onTooLarge.get();
            } else if (next == Fate.SILENT) {
              throw new SocketTimeoutException("Read timed out");
            } else if (!(next instanceof String)) {
              return -1;
            }
            replies.remove(0);
            current = ((String) next).getBytes(StandardCharsets.UTF_8);
            at = 0;
          }
          int count = Math.min(length, current.length - at);
          System.arraycopy(current, at, into, from, count);
          at += count;
          return count;
        }
      };
    }

    @Override
    public boolean isConnected() {
      return true;
    }

    @Override
    public boolean isBound() {
      return true;
    }

    @Override
    public void setSoTimeout(int millis) {}
  }

  /** A pool that has been interrupted while a caller waited for its connection. */
  static JedisException interrupted() {
    return new JedisException("Could not get a resource", new InterruptedException());
  }
}
