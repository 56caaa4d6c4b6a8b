package io.github.redistoolkit.core;

import io.github.redistoolkit.json.JsonCodec;
import java.lang.reflect.Type;

/** The two Jacksons as a team would plug them in. */
final class Jackson {

  private Jackson() {}

  static JsonCodec two() {
    return new Two();
  }

  static JsonCodec three() {
    return new Three();
  }

  private static final class Two implements JsonCodec {

    private final com.fasterxml.jackson.databind.json.JsonMapper mapper =
        com.fasterxml.jackson.databind.json.JsonMapper.builder()
            .addModule(new com.fasterxml.jackson.datatype.jsr310.JavaTimeModule())
            .addModule(new com.fasterxml.jackson.datatype.jdk8.Jdk8Module())
            .build();

    @Override
    public String encode(Object value, Type type) throws Exception {
      return mapper.writerFor(mapper.constructType(type)).writeValueAsString(value);
    }

    @Override
    public Object decode(String json, Type type) throws Exception {
      return mapper.readValue(json, mapper.constructType(type));
    }
  }

  private static final class Three implements JsonCodec {

    private final tools.jackson.databind.json.JsonMapper mapper =
        tools.jackson.databind.json.JsonMapper.builder().build();

    @Override
    public String encode(Object value, Type type) {
      return mapper.writerFor(mapper.constructType(type)).writeValueAsString(value);
    }

    @Override
    public Object decode(String json, Type type) {
      return mapper.readValue(json, mapper.constructType(type));
    }
  }
}
