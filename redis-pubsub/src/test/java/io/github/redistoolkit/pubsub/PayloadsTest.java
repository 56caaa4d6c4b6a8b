package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PayloadsTest {

  private static final Payloads PAYLOADS = new Payloads(Json.standard());

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "é\uD83D\uDE00", "\uFFFD is fine where it was meant"})
  void readsBackText(String text) {
    byte[] payload = PAYLOADS.encode(text);
    assertThat(PAYLOADS.decode(payload, TypeToken.get(String.class)), is(text));
  }

  @Test
  void refusesBytesThatAreNotUtf8() {
    byte[] payload = {'"', (byte) 0xFF, '"'};
    assertThrows(
        JsonParseException.class, () -> PAYLOADS.decode(payload, TypeToken.get(String.class)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "null", "{", "[]x"})
  void refusesWhatIsNoValue(String text) {
    assertThrows(
        JsonParseException.class,
        () -> PAYLOADS.decode(text.getBytes(UTF_8), new TypeToken<List<String>>() {}));
  }

  @Test
  void leavesBytesAloneAndGivesEachHandlerItsOwn() {
    byte[] payload = {1, 2, 3};
    assertThat(PAYLOADS.encode(payload), is(sameInstance(payload)));
    byte[] decoded = PAYLOADS.decode(payload, TypeToken.get(byte[].class));
    assertThat(decoded, is(payload));
    assertThat(decoded, is(not(sameInstance(payload))));
  }

  @Test
  void refusesToPublishWhatWouldArriveAsNull() {
    assertThrows(IllegalArgumentException.class, () -> PAYLOADS.encode(new Object() {}));
  }
}
