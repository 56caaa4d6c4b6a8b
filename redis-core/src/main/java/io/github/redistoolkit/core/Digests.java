package io.github.redistoolkit.core;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Digests of text. */
public final class Digests {

  private Digests() {}

  /**
   * Returns the SHA-256 of a text.
   *
   * @param text the text, digested as UTF-8
   * @return 64 lower-case hexadecimal digits
   */
  public static String sha256(String text) {
    return hex("SHA-256", text);
  }

  static String hex(String algorithm, String text) {
    try {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(utf8));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has " + algorithm, e);
    }
  }
}
