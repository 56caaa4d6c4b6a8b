package io.github.redistoolkit.pubsub;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import com.google.gson.JsonSyntaxException;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Values as the bytes of messages: byte arrays as they are, anything else as JSON in UTF-8. */
final class Payloads {

  private Payloads() {}

  static byte[] encode(Gson gson, Object message) {
    return message instanceof byte[] raw
        ? raw
        : encodeAs(gson, message, message.getClass()).getBytes(StandardCharsets.UTF_8);
  }

  private static <T> String encodeAs(Gson gson, Object message, Class<T> type) {
    return Json.encode(gson, type.cast(message), TypeToken.get(type));
  }

  /**
   * Decodes a message.
   *
   * @throws JsonParseException if it is empty, is not UTF-8 or JSON, is null, or does not fit
   */
  @SuppressWarnings("unchecked") // T is byte[] where the bytes are returned
  static <T> T decode(Gson gson, byte[] payload, TypeToken<T> type) {
    if (type.getRawType() == byte[].class) {
      return (T) payload.clone();
    }
    T body = Json.decode(gson, text(payload), type);
    if (body == null) {
      throw new JsonSyntaxException("null where " + type + " is expected");
    }
    return body;
  }

  private static String text(byte[] payload) {
    String text = new String(payload, StandardCharsets.UTF_8);
    if (text.indexOf('\uFFFD') >= 0) {
      requireUtf8(payload);
    }
    return text;
  }

  /** The slow and strict way, needed only where the quick one may have replaced something. */
  private static void requireUtf8(byte[] payload) {
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(payload));
    } catch (CharacterCodingException e) {
      throw new JsonSyntaxException("not UTF-8", e);
    }
  }
}
