package io.github.redistoolkit.pubsub;

import com.google.gson.JsonParseException;
import com.google.gson.JsonSyntaxException;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.FirstOfType;
import io.github.redistoolkit.core.Json;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Values as the bytes of messages: byte arrays as they are, anything else as JSON in UTF-8. */
final class Payloads {

  final Json json;
  private final FirstOfType undecodable = new FirstOfType();

  Payloads(Json json) {
    this.json = json;
  }

  /** A message that is not what its subscriber asked for. */
  static final class UndecodableException extends JsonParseException {

    private static final long serialVersionUID = 1L;

    private final boolean isFirst;

    private UndecodableException(TypeToken<?> type, RuntimeException cause, boolean isFirst) {
      super("cannot be decoded to " + type + " (" + cause.getClass().getSimpleName() + ")", cause);
      this.isFirst = isFirst;
    }

    /** Whether no message was undecodable to the type before, of any subscription. */
    boolean isFirst() {
      return isFirst;
    }
  }

  /**
   * Looks whether anything can be decoded to a type.
   *
   * @throws IllegalArgumentException if not, as far as the type alone says
   */
  void requireReadable(TypeToken<?> type) {
    if (!isRaw(type)) {
      json.requireReadable(type);
    }
  }

  /**
   * Encodes a message as its own class has it.
   *
   * @throws IllegalArgumentException if nobody could read it back
   */
  byte[] encode(Object message) {
    return message instanceof byte[] raw
        ? raw
        : json.encodeAsItIs(message).getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Decodes a message.
   *
   * @throws UndecodableException if it is empty, is not UTF-8 or JSON, is null, or does not fit
   */
  @SuppressWarnings("unchecked") // T is byte[] where the bytes are returned
  <T> T decode(byte[] payload, TypeToken<T> type) {
    if (isRaw(type)) {
      return (T) payload.clone();
    }
    try {
      T body = json.decode(text(payload), type);
      if (body == null) {
        throw new JsonSyntaxException("null where " + type + " is expected");
      }
      return body;
    } catch (RuntimeException e) {
      throw new UndecodableException(type, e, undecodable.isNew(type));
    }
  }

  private static boolean isRaw(TypeToken<?> type) {
    return type.getRawType() == byte[].class;
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
