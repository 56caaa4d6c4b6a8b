package io.github.redistoolkit.testing;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A shell somewhere else that takes its commands from its standard input. Whoever starts it lets it
 * read {@link #input}, and says what it {@linkplain #printed printed}.
 *
 * <p>Thread-safe; commands of several threads follow each other.
 */
final class PipedShell implements AutoCloseable {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Input input = new Input();

  /** What was printed and not looked at yet; empty where no answer is to be expected any more. */
  private final BlockingQueue<Optional<byte[]>> output = new LinkedBlockingQueue<>();

  private int commands;

  /** What the shell has to read, up to when this object is closed. */
  InputStream input() {
    return input;
  }

  /** Takes what the shell printed next, be it to its standard output or error. */
  void printed(byte[] bytes) {
    output.add(Optional.of(bytes));
  }

  /** Takes that it will print no more. */
  void ended() {
    output.add(Optional.empty());
  }

  /**
   * Runs a command, which has nothing to read, and waits for its end.
   *
   * @param command its words, in which nothing has a meaning to the shell
   * @return what it printed
   * @throws IllegalStateException if it fails; or if the shell has ended or takes more than a
   *     minute, or this thread is interrupted, after which every further command fails as well
   */
  synchronized String run(List<String> command) {
    commands++;
    String end = "end of command " + commands + " with ";
    String words = command.stream().map(PipedShell::quoted).collect(Collectors.joining(" "));
    input.add(words + " </dev/null 2>&1; printf '\\n%s%d\\n' '" + end + "' $?\n");
    Matcher answer = await(Pattern.compile("(?s)(.*)\n" + end + "(\\d+)\n"), command);
    if (!answer.group(2).equals("0")) {
      throw new IllegalStateException("failed: " + command + "\n" + answer.group(1));
    }
    return answer.group(1);
  }

  private Matcher await(Pattern answer, List<String> command) {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    long start = System.nanoTime();
    try {
      while (true) {
        Matcher matcher = answer.matcher(printed.toString(StandardCharsets.UTF_8));
        if (matcher.matches()) {
          return matcher;
        }
        long left = PATIENCE.toNanos() - (System.nanoTime() - start);
        Optional<byte[]> next = output.poll(left, TimeUnit.NANOSECONDS);
        if (next == null || next.isEmpty()) {
          ended(); // what it may still print is no answer to the next command
          throw new IllegalStateException("no answer to " + command + "\n" + printed);
        }
        printed.writeBytes(next.get());
      }
    } catch (InterruptedException e) {
      ended();
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted in " + command, e);
    }
  }

  private static String quoted(String word) {
    return "'" + word.replace("'", "'\\''") + "'";
  }

  @Override
  public void close() {
    input.end();
  }

  /** A pipe that, other than the platform's, outlives the threads that write to it. */
  private static final class Input extends InputStream {

    private static final byte[] END = new byte[0];

    private final BlockingQueue<byte[]> written = new LinkedBlockingQueue<>();
    private byte[] current = new byte[0];
    private int position;

    void add(String text) {
      written.add(text.getBytes(StandardCharsets.UTF_8));
    }

    void end() {
      written.add(END);
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
      try {
        while (position == current.length) {
          byte[] next = written.take();
          if (next.length == 0) {
            end(); // for whoever reads again
            return -1;
          }
          current = next;
          position = 0;
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw (InterruptedIOException) new InterruptedIOException().initCause(e);
      }
      int count = Math.min(length, current.length - position);
      System.arraycopy(current, position, into, offset, count);
      position += count;
      return count;
    }
  }
}
