package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BodiesTest {

  private static final Payloads PAYLOADS = new Payloads(Json.standard());

  private static Text decode(byte[] payload) {
    return Bodies.decoder(PAYLOADS, TypeToken.get(Text.class)).decode("c", payload);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "hello", "42", "\"quoted\"", "a\u0000\r\n", "日本 😀"})
  void textGoesAndComesAsItIs(String text) {
    byte[] sent = Bodies.encode(PAYLOADS, new Text(text));
    assertThat(new String(sent, UTF_8), is(text));
    assertThat(decode(sent), is(new Text(text)));
  }

  @Test
  void whatIsNotUtf8IsNoText() {
    assertThrows(IllegalArgumentException.class, () -> decode(new byte[] {(byte) 0xFF}));
  }

  @Test
  void refusesTextThatUtf8CannotCarry() {
    for (Object message : new Object[] {"a\uD800b", new Text("a\uD800b"), "\uDC00"}) {
      Exception e =
          assertThrows(IllegalArgumentException.class, () -> Bodies.encode(PAYLOADS, message));
      assertThat(e.getMessage(), containsString("message has an unpaired surrogate at index"));
    }
  }

  @Test
  void anEmptyStringIsAMessage() {
    assertThat(new String(Bodies.encode(PAYLOADS, ""), UTF_8), is("\"\""));
  }
}
