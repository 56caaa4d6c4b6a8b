package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** Values to JSON and back. Thread-safe. */
final class Codec<V> {

  private static final char REPLACEMENT = '\uFFFD';

  private final Gson gson;
  private final TypeToken<V> type;

  Codec(Gson gson, TypeToken<V> type) {
    this.gson = gson;
    this.type = type;
  }

  /**
   * Encodes a value.
   *
   * @throws IllegalArgumentException if it would not read back as a value
   */
  String encode(@Nullable V value) {
    String json = Json.encode(gson, value, type);
    if (json.isEmpty() || json.charAt(0) == Marker.SIGN) {
      throw new IllegalArgumentException(
          "Gson encodes a value of " + type + " as something that is not JSON");
    }
    requireEncodable(json);
    return json;
  }

  @Nullable V decode(String json) {
    return Json.decode(gson, json, type);
  }

  /** Tells what the bytes under a key are; null bytes are an absence. */
  Content<V> read(byte @Nullable [] bytes) {
    if (bytes == null) {
      return Content.absent();
    }
    String text = new String(bytes, UTF_8);
    if (text.startsWith(Marker.LEASE)) {
      return Content.lease(text);
    }
    if (text.startsWith(Marker.HOLD)) {
      return Content.hold();
    }
    // What is not UTF-8 was replaced: it would read as a value that nobody stored.
    if (text.indexOf(REPLACEMENT) >= 0 && !Arrays.equals(text.getBytes(UTF_8), bytes)) {
      return Content.undecodable(sha1(bytes));
    }
    try {
      return Content.value(decode(text));
    } catch (RuntimeException e) {
      // Not only JsonParseException: adapters and constructors throw what they like. The exception
      // is dropped, as its message may quote the value; the entry is counted.
      return Content.undecodable(sha1(bytes));
    }
  }

  /** Jedis would send half of a pair as a question mark. */
  private static void requireEncodable(String json) {
    int at = 0;
    while (at < json.length()) {
      int codePoint = json.codePointAt(at);
      if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
        throw new IllegalArgumentException(
            "the JSON of the value has an unpaired surrogate, which UTF-8 cannot carry");
      }
      at += Character.charCount(codePoint);
    }
  }

  /** The digest that {@code redis.sha1hex} gives. */
  private static String sha1(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-1", e);
    }
  }
}
