package io.github.redistoolkit.json;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.pubsub.RedisPubSub;
import java.lang.reflect.Type;
import java.util.Date;

/** The mappers that teams have, and how a module is given each. */
@SuppressWarnings("JavaUtilDate") // what teams store
enum Codecs {
  DEFAULT,
  OWN_GSON,
  JACKSON_2,
  JACKSON_3;

  /** A Gson as programs have one, with an adapter for dates of its own. */
  private static Gson ownGson() {
    return new GsonBuilder()
        .registerTypeAdapter(Date.class, Json.defaultGson().getAdapter(Date.class))
        .create();
  }

  private JsonCodec jackson() {
    return this == JACKSON_2 ? new Jackson2() : new Jackson3();
  }

  <V> CacheService.Builder<V> inCache(CacheService.Builder<V> builder) {
    return switch (this) {
      case DEFAULT -> builder;
      case OWN_GSON -> builder.gson(ownGson());
      case JACKSON_2, JACKSON_3 -> builder.codec(jackson());
    };
  }

  IdempotencyService.Builder inIdempotency(IdempotencyService.Builder builder) {
    return switch (this) {
      case DEFAULT -> builder;
      case OWN_GSON -> builder.gson(ownGson());
      case JACKSON_2, JACKSON_3 -> builder.codec(jackson());
    };
  }

  RedisPubSub.Builder inPubSub(RedisPubSub.Builder builder) {
    return switch (this) {
      case DEFAULT -> builder;
      case OWN_GSON -> builder.gson(ownGson());
      case JACKSON_2, JACKSON_3 -> builder.codec(jackson());
    };
  }

  private static final class Jackson2 implements JsonCodec {

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

  private static final class Jackson3 implements JsonCodec {

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
