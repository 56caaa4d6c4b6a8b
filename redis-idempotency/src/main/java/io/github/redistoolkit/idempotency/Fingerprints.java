package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.core.Digests;
import io.github.redistoolkit.core.Json;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Fingerprints of what a request carries, for {@link Request#fingerprint}. Different content has
 * different fingerprints, and content of one kind never has that of another.
 */
public final class Fingerprints {

  static {
    ModuleVersion.check();
  }

  private Fingerprints() {}

  /**
   * Returns the fingerprint of a body as it was sent: any difference counts, of white space, too.
   *
   * @param body the body
   * @return {@code bytes:} and its SHA-256
   * @throws NullPointerException if {@code body} is null
   */
  public static String bytes(byte[] body) {
    Objects.requireNonNull(body, "body");
    return "bytes:" + HexFormat.of().formatHex(sha256().digest(body));
  }

  /**
   * Returns the fingerprint of a request without a body.
   *
   * @return that of no bytes
   */
  public static String emptyBody() {
    return bytes(new byte[0]);
  }

  /**
   * Returns the fingerprint of a JSON text. White space, the order of fields and the ways to write
   * a number or a string do not count, since it is taken of the canonical form of RFC 8785.
   *
   * @param json one JSON value
   * @return {@code json:} and the SHA-256 of the canonical form
   * @throws NullPointerException if {@code json} is null
   * @throws IllegalArgumentException if it is not JSON, names a field twice, is nested too deep
   *     (255 levels), or has what RFC 8785 cannot represent: an integer with more digits than a
   *     {@code double} keeps, such as 2<sup>53</sup> + 1 (write it as text), a number larger than
   *     any, or an unpaired surrogate
   */
  public static String json(String json) {
    return "json:" + Digests.sha256(CanonicalJson.of(json));
  }

  /**
   * Returns the fingerprint of a value, as {@link #json} of its JSON: fields by name, {@code
   * java.time} as ISO-8601 text, nulls kept.
   *
   * @param value what the request carries; may be null
   * @return {@code json:} and the SHA-256 of the canonical form
   * @throws IllegalArgumentException as {@link #json}, and if the value has no JSON
   */
  public static String valueAsJson(@Nullable Object value) {
    String json;
    try {
      json = Json.standard().encodeAsItIs(value);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("value has no JSON", e);
    }
    return json(json);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
