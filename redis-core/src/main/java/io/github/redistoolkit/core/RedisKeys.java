package io.github.redistoolkit.core;

import java.nio.charset.StandardCharsets;

/**
 * Turns ids that callers give into parts of Redis keys.
 *
 * <p>The encoding is injective, so no two ids share a key, and an encoded id holds no brace, so
 * none can end or start the hash tag by which Redis Cluster chooses the slot.
 */
public final class RedisKeys {

  private static final int LONGEST_READABLE_BYTES = 200;

  private RedisKeys() {}

  /**
   * Returns the id as a hash tag, braces included: everything with the same tag is in one Cluster
   * slot.
   *
   * <p>{@code %}, <code>&#123;</code> and <code>&#125;</code> are percent-encoded. An id of more
   * than 200 bytes in UTF-8 is replaced by {@code %sha256-} and its digest; no other id encodes to
   * that, since a percent sign of its own becomes {@code %25}.
   *
   * @param id what the caller named
   * @param name what the caller calls it, for the message
   * @return the tag
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if it is empty or has an unpaired surrogate
   */
  public static String hashTag(String id, String name) {
    Arguments.requireText(id, name);
    return "{" + encode(id) + "}";
  }

  /**
   * Returns the id as a part of a key that is no hash tag and cannot be taken for a piece of one,
   * encoded as {@link #hashTag} does.
   *
   * @param id what the caller named, without unpaired surrogates
   * @return the part
   */
  public static String encode(String id) {
    if (utf8Length(id) > LONGEST_READABLE_BYTES) {
      return "%sha256-" + Digests.sha256(id);
    }
    return percentEncode(id);
  }

  /**
   * Checks what the keys of an object begin with, before parts that the module chooses.
   *
   * <p>It is put there as it is. It ends with a colon, which no name between a prefix and a hash
   * tag has, so that no two pairs of them make the same key.
   *
   * @param prefix what the caller chose
   * @return {@code prefix}
   * @throws NullPointerException if {@code prefix} is null
   * @throws IllegalArgumentException if it is empty, has a brace or an unpaired surrogate, or does
   *     not end with a colon
   */
  public static String requirePrefix(String prefix) {
    Arguments.requireText(prefix, "prefix");
    if (prefix.indexOf('{') >= 0 || prefix.indexOf('}') >= 0) {
      throw new IllegalArgumentException(
          "prefix must not have braces, by which a Cluster would choose the slot, but is "
              + EventLog.escape(prefix));
    }
    if (!prefix.endsWith(":")) {
      throw new IllegalArgumentException(
          "prefix must end with ':', as in 'app:', but is " + EventLog.escape(prefix));
    }
    return prefix;
  }

  private static String percentEncode(String id) {
    return id.replace("%", "%25").replace("{", "%7B").replace("}", "%7D");
  }

  private static int utf8Length(String id) {
    // No character takes more than three bytes of UTF-8 (a surrogate pair takes four for two).
    return id.length() > LONGEST_READABLE_BYTES || id.length() * 3 <= LONGEST_READABLE_BYTES
        ? id.length()
        : id.getBytes(StandardCharsets.UTF_8).length;
  }
}
