package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.TypeAdapter;
import com.google.gson.reflect.TypeToken;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import io.github.redistoolkit.core.Json;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class CodecTest {

  private final Codec<String> codec = new Codec<>(Json.standard(), TypeToken.get(String.class));

  private Found<String> read(String text) {
    return codec.read(text.getBytes(UTF_8));
  }

  @Test
  void jsonIsAValueAndNothingAnAbsence() {
    assertThat(read("\"a\""), is(new Found.Value<>("a")));
    assertThat(codec.read(null), is(new Found.Absent<>()));
  }

  @Test
  void aStoredNullIsAValueThatIsNull() {
    Found<String> content = read("null");
    assertThat(content, is(new Found.Value<>(null)));
    assertThat(content.valueOrNull(), is(nullValue()));
  }

  @Test
  void marksAreToldFromValuesThatLookLikeThem() {
    assertThat(read("#lease:x"), is(new Found.Lease<>("#lease:x")));
    assertThat(read("#hold:x@1"), is(new Found.Hold<>()));
    assertThat(read("\"#lease:x\""), is(new Found.Value<>("#lease:x")));
    assertThat(codec.encode("#lease:x"), is("\"#lease:x\""));
  }

  @Test
  void whatCannotBeDecodedIsKnownByTheSha1OfItsBytes() {
    assertThat(read("{"), is(new Found.Undecodable<>("60ba4b2daa4ed4d070fec06687e249e0e6f9ee45")));
    assertThat(read(""), is(instanceOf(Found.Undecodable.class)));
    assertThat(read("#else"), is(instanceOf(Found.Undecodable.class)));
  }

  @Test
  void invalidUtf8IsUndecodableButTheReplacementCharacterItselfIsNot() {
    byte[] invalid = {'"', (byte) 0xFF, '"'};
    assertThat(codec.read(invalid), is(instanceOf(Found.Undecodable.class)));
    assertThat(read("\"\uFFFD\""), is(new Found.Value<>("\uFFFD")));
  }

  @Test
  void anyExceptionOfTheGsonMakesAnEntryUndecodable() {
    Codec<String> failing =
        new Codec<>(Json.of(gsonOf(new Failing())), TypeToken.get(String.class));
    assertThat(failing.read("\"a\"".getBytes(UTF_8)), is(instanceOf(Found.Undecodable.class)));
  }

  @Test
  void aGsonThatDoesNotWriteJsonIsRefused() {
    Codec<String> sign = new Codec<>(Json.of(gsonOf(new Failing())), TypeToken.get(String.class));
    assertThrows(IllegalArgumentException.class, () -> sign.encode("x"));
  }

  @Test
  void unpairedSurrogatesAreRefusedAndPairsAreNot() {
    assertThrows(IllegalArgumentException.class, () -> codec.encode("\uD83C"));
    assertThrows(IllegalArgumentException.class, () -> codec.encode("\uDF89"));
    assertThat(codec.encode("\uD83C\uDF89"), is("\"\uD83C\uDF89\""));
  }

  private static Gson gsonOf(TypeAdapter<String> adapter) {
    return new GsonBuilder().registerTypeAdapter(String.class, adapter).create();
  }

  private static final class Failing extends TypeAdapter<String> {
    @Override
    public void write(JsonWriter out, String value) throws IOException {
      out.jsonValue("#" + value);
    }

    @Override
    public String read(JsonReader in) {
      throw new UnsupportedOperationException("deliberate");
    }
  }
}
