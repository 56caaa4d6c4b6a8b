package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Json;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** Values to JSON and back. Thread-safe. */
final class Codec<V> {

  private static final EventLog LOG = EventLog.shared(CacheService.class);
  private static final char REPLACEMENT = '\uFFFD';

  private final Json json;
  private final TypeToken<V> type;

  Codec(Json json, TypeToken<V> type) {
    this.json = json;
    this.type = type;
  }

  /** Whether nobody can change a value of the type, however deep. */
  boolean isImmutable() {
    return ImmutableTypes.contains(type.getType());
  }

  /**
   * Encodes a value.
   *
   * @throws IllegalArgumentException if it would not read back equal
   */
  String encode(@Nullable V value) {
    return json.encode(value, type); // Never begins as a mark does.
  }

  @Nullable V decode(String text) {
    return json.decode(text, type);
  }

  /** Tells what the bytes under a key are; null bytes are an absence. */
  Found<V> read(byte @Nullable [] bytes) {
    if (bytes == null) {
      return new Found.Absent<>();
    }
    String text = new String(bytes, UTF_8);
    Found.Lease<V> lease = Found.Lease.of(text);
    if (lease != null) {
      return lease;
    }
    if (text.startsWith(Found.HOLD)) {
      return new Found.Hold<>();
    }
    // What is not UTF-8 was replaced: it would read as a value that nobody stored.
    if (text.indexOf(REPLACEMENT) >= 0 && !Arrays.equals(text.getBytes(UTF_8), bytes)) {
      return undecodable(bytes, "not UTF-8");
    }
    try {
      return new Found.Value<>(decode(text));
    } catch (RuntimeException e) {
      // Not only JsonParseException: adapters and constructors throw what they like. The exception
      // is dropped, as its message may quote the value; the entry is counted.
      return undecodable(bytes, e.getClass().getSimpleName());
    }
  }

  private Found<V> undecodable(byte[] bytes, String reason) {
    // The type is part of the event, so that each is heard of.
    LOG.warn("An entry cannot be decoded to " + type + " (" + reason + "): a miss");
    return new Found.Undecodable<>(sha1(bytes));
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
