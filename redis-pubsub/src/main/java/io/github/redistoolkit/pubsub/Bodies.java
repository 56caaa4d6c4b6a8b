package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Arguments;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;

/** What messages are to those who publish and handle them: JSON, {@link Text} or bytes. */
final class Bodies {

  private Bodies() {}

  /** Encodes a message, or refuses text that UTF-8 cannot carry. */
  static byte[] encode(Payloads payloads, Object message) {
    if (message instanceof Text text) {
      requireUnicode(text.value());
      return text.value().getBytes(UTF_8);
    }
    if (message instanceof CharSequence text) {
      requireUnicode(text.toString());
    }
    return payloads.encode(message);
  }

  private static void requireUnicode(String text) {
    if (!text.isEmpty()) {
      Arguments.requireText(text, "message");
    }
  }

  @SuppressWarnings("unchecked") // T is Text there
  static <T> Delivery.Decoder<T> decoder(Payloads payloads, TypeToken<T> type) {
    if (type.getRawType() == Text.class) {
      return (channel, payload) -> (T) new Text(text(payload));
    }
    payloads.requireReadable(type);
    return (channel, payload) -> payloads.decode(payload, type);
  }

  private static String text(byte[] payload) {
    try {
      return UTF_8.newDecoder().decode(ByteBuffer.wrap(payload)).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("not UTF-8", e);
    }
  }
}
