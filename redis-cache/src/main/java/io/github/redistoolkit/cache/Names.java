package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.RedisKeys;
import java.util.List;

/**
 * Names entries in Redis: the only place that puts the prefix before keys, and that refuses keys
 * under which something else may be.
 */
final class Names {

  /** What begins the keys and marks of the cache itself. */
  private static final List<String> OURS =
      List.of("#group:", "#in:", "#near:", "#lease:", "#hold:");

  /** What begins the keys of the other modules of the toolkit, unless they are told otherwise. */
  private static final List<String> OTHERS =
      List.of("idem:", "lock:", "rl:", "rwlock:", "semaphore:", "topic:");

  private final String prefix;
  private final Writing writing;
  private final int maxBytes;

  /** What a key of a caller must not begin with, since the prefix leads there. */
  private final List<String> refused;

  /** How keys are written in Redis. */
  enum Writing {
    VERBATIM,
    ENCODED
  }

  Names(String prefix, Writing writing, int maxBytes) {
    this.prefix = prefix;
    this.writing = writing;
    this.maxBytes = maxBytes;
    this.refused =
        OTHERS.stream()
            .filter(start -> start.startsWith(prefix))
            .map(start -> start.substring(prefix.length()))
            .toList();
  }

  /**
   * Checks a prefix.
   *
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is empty, has an unpaired surrogate, or leads to keys of
   *     the cache itself or of another module
   */
  static String requirePrefix(String prefix) {
    Arguments.requireText(prefix, "prefix");
    for (String start : OURS) {
      if (prefix.contains(start)) {
        throw new IllegalArgumentException(
            "prefix must not have "
                + start
                + " in it, which is the cache's own, but is "
                + EventLog.escape(prefix));
      }
    }
    for (String start : OTHERS) {
      if (prefix.startsWith(start)) {
        throw new IllegalArgumentException(
            "prefix must not begin with "
                + start
                + " as the keys of another module do, but is "
                + EventLog.escape(prefix));
      }
    }
    return prefix;
  }

  /**
   * Checks a key of a caller.
   *
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is empty, too long, has an unpaired surrogate, or is
   *     reserved
   */
  @CanIgnoreReturnValue
  String requireKey(String key) {
    Arguments.requireText(key, "key");
    requireLength(key);
    if (key.charAt(0) == '#') {
      OURS.forEach(start -> requireNot(start, "which is the cache's own", key));
    }
    refused.forEach(start -> requireNot(start, "where another module has its keys", key));
    return key;
  }

  private void requireLength(String key) {
    // No character takes more than three bytes.
    if (key.length() * 3L > maxBytes) {
      int bytes = key.getBytes(UTF_8).length;
      if (bytes > maxBytes) {
        throw new IllegalArgumentException(
            "key must not take more than " + maxBytes + " bytes of UTF-8, but takes " + bytes);
      }
    }
  }

  private static void requireNot(String start, String why, String key) {
    if (key.startsWith(start)) {
      throw new IllegalArgumentException(
          "key must not begin with " + start + ", " + why + ", but is " + EventLog.escape(key));
    }
  }

  /** The Redis key of an entry. */
  String of(String key) {
    return prefix.concat(written(key));
  }

  List<String> of(List<String> keys) {
    return keys.stream().map(this::of).toList();
  }

  /** The Redis key without the prefix. */
  String written(String key) {
    return writing == Writing.VERBATIM ? key : RedisKeys.encode(key);
  }

  /** The Redis key of what is written so. */
  String ofWritten(String written) {
    return prefix.concat(written);
  }

  /** A Redis key without the prefix. */
  String without(String name) {
    return name.substring(prefix.length());
  }

  String prefix() {
    return prefix;
  }
}
