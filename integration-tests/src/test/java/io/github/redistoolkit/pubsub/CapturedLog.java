package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;

/** What is logged until it is closed; it appears where it always does as well. */
public final class CapturedLog implements AutoCloseable {

  private final PrintStream real = System.err;
  private final ByteArrayOutputStream captured = new ByteArrayOutputStream();

  /** Starts. */
  public CapturedLog() {
    // The logger of the test bed asks for the stream each time.
    System.setErr(new PrintStream(new Tee(), true, UTF_8));
  }

  private final class Tee extends OutputStream {
    @Override
    public void write(int b) {
      captured.write(b);
      real.write(b);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
      captured.write(bytes, offset, length);
      real.write(bytes, offset, length);
    }
  }

  /** What was logged so far. */
  public String text() {
    return captured.toString(UTF_8);
  }

  /** Whether a warning has a text. */
  public boolean warnsOf(String text) {
    return text().lines().anyMatch(line -> line.contains(" WARN ") && line.contains(text));
  }

  @Override
  public void close() {
    System.setErr(real);
  }
}
