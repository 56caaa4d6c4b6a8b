package io.github.redistoolkit.testing;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Cuts a stream of RESP2 or RESP3 into messages, without changing a byte. */
final class RespReader {

  private final InputStream in;
  private ByteArrayOutputStream raw = new ByteArrayOutputStream();

  RespReader(InputStream in) {
    this.in = new BufferedInputStream(in, 1 << 16);
  }

  /**
   * One message.
   *
   * @param raw its bytes
   * @param type the first of them
   * @param words the strings that it consists of, if it is an array or a push
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Message(byte[] raw, char type, List<String> words) {

    boolean isError() {
      return type == '-' || type == '!';
    }

    /** The first word in upper case, which is the command's name if this is a request. */
    String name() {
      return words.isEmpty() ? "" : words.get(0).toUpperCase(Locale.ROOT);
    }
  }

  /** The next message, or null if the stream ends before it. */
  @Nullable Message next() throws IOException {
    raw = new ByteArrayOutputStream();
    int first = in.read();
    if (first < 0) {
      return null;
    }
    List<String> words = new ArrayList<>();
    read((char) first, 0, words);
    return new Message(raw.toByteArray(), (char) first, words);
  }

  private void read(char type, int depth, List<String> words) throws IOException {
    raw.write(type);
    String header = line();
    switch (type) {
      case '+', '-', ':', '_', '#', ',', '(' -> keep(header, depth, words);
      case '$', '!', '=' -> {
        int length = Integer.parseInt(header);
        if (length >= 0) {
          byte[] text = in.readNBytes(length + 2);
          if (text.length < length + 2) {
            throw new EOFException();
          }
          raw.writeBytes(text);
          keep(new String(text, 0, length, StandardCharsets.UTF_8), depth, words);
        }
      }
      case '*', '>', '~' -> readAll(Integer.parseInt(header), depth, words);
      case '%' -> readAll(2 * Integer.parseInt(header), depth, words);
      case '|' -> readAll(2 * Integer.parseInt(header) + 1, depth, words); // and what it is about
      default -> throw new IOException("not RESP: a message begins with " + type);
    }
  }

  private void readAll(int count, int depth, List<String> words) throws IOException {
    for (int i = 0; i < count; i++) {
      read((char) byteOrEnd(), depth + 1, words);
    }
  }

  private static void keep(String word, int depth, List<String> words) {
    if (depth == 1) {
      words.add(word);
    }
  }

  private String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    int next = byteOrEnd();
    while (next != '\r') {
      line.write(next);
      next = byteOrEnd();
    }
    raw.writeBytes(line.toByteArray());
    raw.write('\r');
    raw.write(byteOrEnd());
    return line.toString(StandardCharsets.UTF_8);
  }

  private int byteOrEnd() throws IOException {
    int next = in.read();
    if (next < 0) {
      throw new EOFException();
    }
    return next;
  }
}
