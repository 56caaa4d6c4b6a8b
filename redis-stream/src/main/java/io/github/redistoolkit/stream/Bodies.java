package io.github.redistoolkit.stream;

import com.google.gson.JsonSyntaxException;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** Messages as bytes: byte arrays as they are, anything else as JSON in UTF-8. */
final class Bodies<T> {

  private final Json json;
  private final TypeToken<T> type;
  private final boolean raw;

  /**
   * Makes one.
   *
   * @throws IllegalArgumentException if no value of the type can be read back
   */
  Bodies(Json json, TypeToken<T> type) {
    this.json = json;
    this.type = type;
    this.raw = type.getRawType() == byte[].class;
    if (!raw) {
      json.requireReadable(type);
    }
  }

  /**
   * Encodes a message.
   *
   * @throws IllegalArgumentException if nobody could read it back
   */
  byte[] encode(T message) {
    Objects.requireNonNull(message, "message");
    return message instanceof byte[] bytes
        ? bytes
        : json.encode(message, type).getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Decodes a message.
   *
   * @throws RuntimeException if it is not UTF-8 or JSON, is null, or does not fit
   */
  @SuppressWarnings("unchecked") // T is byte[] where the bytes are returned
  T decode(byte[] payload) {
    if (raw) {
      return (T) payload.clone();
    }
    T body = json.decode(text(payload), type);
    if (body == null) {
      throw new JsonSyntaxException("null where " + type + " is expected");
    }
    return body;
  }

  private static String text(byte[] payload) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(payload)).toString();
    } catch (CharacterCodingException e) {
      throw new JsonSyntaxException("not UTF-8", e);
    }
  }
}
