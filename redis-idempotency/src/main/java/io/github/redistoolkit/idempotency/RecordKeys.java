package io.github.redistoolkit.idempotency;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.RedisKeys;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * The Redis keys of one operation, the prefix, {@code name:} and <code>{key}</code>. No two keys of
 * callers share one, within an operation or across: a prefix ends with a colon, a name has none,
 * and what stands in braces is injective.
 */
record RecordKeys(String prefix, String name) {

  static final String DEFAULT_PREFIX = "idem:";

  private static final int LONGEST_KEY_BYTES = 64 << 10;
  private static final int LONGEST_PART = 64;
  private static final Pattern BRACE = Pattern.compile("[{}]");

  /** As many bytes of UTF-8 as a character can take. */
  private static final int LARGEST_CHARACTER = 3;

  /**
   * Checks and takes the two.
   *
   * @throws NullPointerException if one is null
   * @throws IllegalArgumentException if one is empty, too long, or could steer the slot, the prefix
   *     does not end with a colon, or the name has one
   */
  RecordKeys {
    requireShort(RedisKeys.requirePrefix(prefix), "prefix");
    requireShort(Arguments.requireText(name, "name"), "name");
    if (BRACE.matcher(name).find()) {
      throw new IllegalArgumentException(
          "name must not contain '{' or '}', but is " + EventLog.escape(name));
    }
    if (name.indexOf(':') >= 0) {
      throw new IllegalArgumentException(
          "name must not contain ':', but is " + EventLog.escape(name));
    }
  }

  private static void requireShort(String value, String argument) {
    Arguments.requireRange(value.length(), "the length of " + argument, 1, LONGEST_PART);
  }

  RecordKeys withPrefix(String other) {
    return new RecordKeys(other, name);
  }

  /** Returns the Redis key of a caller's key, named so in messages, which never show it. */
  String of(String key, String argument) {
    return prefix + name + ':' + RedisKeys.hashTag(requireKey(key, argument), argument);
  }

  /** Checks what a caller names a request. */
  @CanIgnoreReturnValue
  static String requireKey(String key, String argument) {
    Objects.requireNonNull(key, argument);
    if (key.length() > LONGEST_KEY_BYTES / LARGEST_CHARACTER) {
      Arguments.requireRange(
          key.getBytes(StandardCharsets.UTF_8).length,
          "the length of " + argument + " in bytes",
          1,
          LONGEST_KEY_BYTES);
    }
    return Arguments.requireText(key, argument);
  }
}
