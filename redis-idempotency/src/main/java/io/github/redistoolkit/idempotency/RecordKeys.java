package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Digests;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * The Redis keys of one namespace. No two keys of callers share one, within a namespace or across.
 */
final class RecordKeys {

  private static final int LONGEST_KEY = 255;
  private static final int LONGEST_NAMESPACE = 64;
  private static final Pattern READABLE = Pattern.compile("[A-Za-z0-9_.:-]{1,128}");
  private static final Pattern FORBIDDEN = Pattern.compile("[:{}]");

  private final String namespace;

  /**
   * Checks and takes a namespace.
   *
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is empty, too long, or could not be told from what
   *     follows it
   */
  RecordKeys(String namespace) {
    Arguments.requireText(namespace, "namespace");
    Arguments.requireRange(namespace.length(), "the length of namespace", 1, LONGEST_NAMESPACE);
    if (FORBIDDEN.matcher(namespace).find()) {
      throw new IllegalArgumentException(
          "namespace must not contain ':', '{' or '}', but is " + namespace);
    }
    this.namespace = namespace;
  }

  /** Returns the Redis key of a caller's key, named so in messages, which never show it. */
  String of(String key, String name) {
    Objects.requireNonNull(key, name);
    Arguments.requireRange(key.length(), "the length of " + name, 1, LONGEST_KEY);
    if (READABLE.matcher(key).matches()) {
      return "idem:" + namespace + ":{" + key + "}";
    }
    Arguments.requireText(key, name);
    return "idem-sha256:" + namespace + ":{" + Digests.sha256(key) + "}";
  }
}
