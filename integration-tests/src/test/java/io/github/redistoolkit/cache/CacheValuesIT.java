package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonDeserializationContext;
import com.google.gson.JsonDeserializer;
import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonSerializationContext;
import com.google.gson.JsonSerializer;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.cache.Fixtures.User;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.MonthDay;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.params.SetParams;

@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class CacheValuesIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  record Loan(String id, BigDecimal amount) {}

  record Metadata(Instant createdAt) {}

  record Account(User user, List<Loan> loans, Metadata metadata) {}

  record Page<T>(List<T> items, Map<String, Integer> counts) {}

  sealed interface Event permits Opened, Closed {}

  record Opened(LocalDate on) implements Event {}

  record Closed(String why) implements Event {}

  record Times(
      Instant instant,
      LocalDate date,
      LocalTime time,
      LocalDateTime dateTime,
      OffsetDateTime offsetDateTime,
      OffsetTime offsetTime,
      ZonedDateTime zonedDateTime,
      Duration duration,
      Period period,
      Year year,
      YearMonth yearMonth,
      MonthDay monthDay,
      ZoneId zone,
      ZoneOffset offset) {}

  enum Colour {
    RED
  }

  /** An older shape of {@link User}, and a stricter one. */
  record Strict(String id, String name) {
    Strict {
      if (name == null) {
        throw new IllegalArgumentException("name");
      }
    }
  }

  private final TestRedis redis;
  private final String key;

  CacheValuesIT(TestRedis redis) {
    this.redis = redis;
    this.key = redis.unique("value");
  }

  private <V> V roundTrip(TypeToken<V> type, V value) {
    CacheService<V> cache = Fixtures.builder(redis, type).build();
    cache.set(key, value, MINUTE);
    V read = cache.get(key).orElseThrow();
    assertThat(cache.getAll(List.of(key)).get(key), is(read));
    return read;
  }

  private <V> void assertRoundTrip(Class<V> type, V value) {
    assertThat(roundTrip(TypeToken.get(type), value), is(value));
  }

  @Test
  void nestedJsonSurvivesTheRoundTrip() {
    Account account =
        new Account(
            new User("123", "John"),
            List.of(
                new Loan("loan-1", new BigDecimal("10000")),
                new Loan("loan-2", new BigDecimal("5000.00"))),
            new Metadata(Instant.parse("2025-01-15T10:00:00Z")));
    Account read = roundTrip(TypeToken.get(Account.class), account);
    assertThat(read, is(account));
    assertThat(read.user().id(), is("123"));
    assertThat(read.loans().size(), is(2));
    assertThat(read.loans().get(0).amount(), is(new BigDecimal("10000")));
    assertThat(read.metadata().createdAt(), is(Instant.parse("2025-01-15T10:00:00Z")));
  }

  @Test
  void genericTypesAreReadAsTheTypeTokenSays() {
    Page<Loan> page = new Page<>(List.of(new Loan("1", BigDecimal.ONE)), Map.of("open", 1));
    Page<Loan> read = roundTrip(new TypeToken<Page<Loan>>() {}, page);
    assertThat(read, is(page));
    assertThat(read.items().get(0).amount(), is(BigDecimal.ONE));
  }

  @Test
  void sealedListsRoundTripWithTheGsonOfTheCaller() {
    Gson gson =
        new GsonBuilder()
            .registerTypeAdapter(LocalDate.class, new IsoDate())
            .registerTypeAdapter(Event.class, new EventAdapter())
            .create();
    TypeToken<List<Event>> type = new TypeToken<>() {};
    CacheService<List<Event>> cache = Fixtures.builder(redis, type).gson(gson).build();
    List<Event> events = List.of(new Opened(LocalDate.of(2025, 1, 15)), new Closed("paid"));
    cache.set(key, events, MINUTE);
    assertThat(cache.get(key), is(Optional.of(events)));
  }

  @Test
  void everyJavaTimeTypeIsIso8601() {
    Times times =
        new Times(
            Instant.parse("2025-01-15T10:00:00.123456789Z"),
            LocalDate.of(2025, 1, 15),
            LocalTime.of(10, 0, 0, 1),
            LocalDateTime.of(2025, 1, 15, 10, 0),
            OffsetDateTime.parse("2025-01-15T10:00:00+02:00"),
            OffsetTime.parse("10:00:00+02:00"),
            ZonedDateTime.parse("2025-01-15T10:00:00+01:00[Europe/Berlin]"),
            Duration.ofMillis(1500),
            Period.of(1, 2, 3),
            Year.of(2025),
            YearMonth.of(2025, 1),
            MonthDay.of(1, 15),
            ZoneId.of("Europe/Berlin"),
            ZoneOffset.ofHours(2));
    assertRoundTrip(Times.class, times);
    String json = redis.admin().get(key);
    assertThat(json.contains("\"2025-01-15T10:00:00.123456789Z\""), is(true));
    assertThat(json.contains("\"PT1.5S\""), is(true));
  }

  @Test
  void extremeNumbersAndTextsRoundTrip() {
    assertRoundTrip(Long.class, Long.MAX_VALUE);
    assertRoundTrip(Long.class, Long.MIN_VALUE);
    assertRoundTrip(BigDecimal.class, new BigDecimal("123456789012345678901234567890.10"));
    assertRoundTrip(String.class, "emoji 🎉 and \u2028, \u0000, \"quotes\", \uFFFD, é");
    assertRoundTrip(String.class, "");
    assertRoundTrip(String.class, "null");
    assertRoundTrip(String.class, "#lease:x");
    assertRoundTrip(Boolean.class, false);
    assertRoundTrip(Colour.class, Colour.RED);
    assertRoundTrip(UUID.class, UUID.randomUUID());
    assertThat(
        roundTrip(new TypeToken<Map<String, Object>>() {}, Map.of("n", Long.MAX_VALUE)),
        is(Map.of("n", Long.MAX_VALUE)));
  }

  @Test
  void fiveMegabytesRoundTrip() {
    assertRoundTrip(String.class, "0123456789é🎉".repeat(330_000));
  }

  @Test
  void aNullValueIsRefused() {
    CacheService<User> cache = Fixtures.cache(redis, User.class);
    assertThrows(NullPointerException.class, () -> cache.set(key, null));
    assertThat(redis.admin().exists(key), is(false));
  }

  @Test
  void aValueThatGsonWouldStoreAsNullIsRefused() {
    CacheService<Object> cache = Fixtures.cache(redis, Object.class);
    Object anonymous =
        new Object() {
          @Override
          public String toString() {
            return "anonymous";
          }
        };
    assertThrows(IllegalArgumentException.class, () -> cache.set(key, anonymous));
    assertThrows(
        IllegalArgumentException.class, () -> cache.getOrLoad(key, MINUTE, () -> anonymous));
    assertThat(redis.admin().exists(key), is(false));
  }

  @Test
  void textThatUtf8CannotCarryIsRefused() {
    CacheService<String> cache = Fixtures.cache(redis, String.class);
    for (String half : List.of("half of an emoji \uD83C, and more", "\uDF89\uD83C")) {
      assertThrows(IllegalArgumentException.class, () -> cache.set(key, half));
    }
  }

  @Test
  void aNumberThatJsonDoesNotHaveIsRefused() {
    CacheService<Double> cache = Fixtures.cache(redis, Double.class);
    assertThrows(IllegalArgumentException.class, () -> cache.set(key, Double.NaN));
  }

  @Test
  void corruptAndEmptyEntriesAreMissesThatAreCountedAndReplacedByALoad() {
    CacheService<User> cache = Fixtures.cache(redis, User.class);
    User jane = new User("1", "Jane");
    byte[] invalidUtf8 = {'"', (byte) 0xC3, (byte) 0x28, '"'};
    byte[][] corrupt = {
      "".getBytes(UTF_8),
      " ".getBytes(UTF_8),
      "{".getBytes(UTF_8),
      "{\"id\":1".getBytes(UTF_8),
      "[1]".getBytes(UTF_8),
      "true".getBytes(UTF_8),
      "#".getBytes(UTF_8),
      "#comment".getBytes(UTF_8),
      "{} x".getBytes(UTF_8),
      invalidUtf8
    };
    for (byte[] bytes : corrupt) {
      redis.admin().set(key.getBytes(UTF_8), bytes, SetParams.setParams().px(60_000));
      assertThat(cache.get(key), is(Optional.empty()));
      assertThat(cache.getAll(List.of(key)), is(Map.of()));
      assertThat(cache.getOrLoad(key, MINUTE, () -> jane), is(jane));
      assertThat(cache.get(key), is(Optional.of(jane)));
    }
    assertThat(cache.stats().undecodable(), is(3L * corrupt.length));
  }

  @Test
  void textThatIsNotUtf8IsNotTakenForAValue() {
    CacheService<String> cache = Fixtures.cache(redis, String.class);
    byte[] invalidUtf8 = {'"', (byte) 0xC3, (byte) 0x28, '"'};
    redis.admin().set(key.getBytes(UTF_8), invalidUtf8);
    assertThat(cache.get(key), is(Optional.empty()));
  }

  @Test
  void entriesOfAnOldShapeAreReadAsFarAsTheyFitAndElseAreMisses() {
    redis.admin().set(key, "{\"id\":\"1\",\"gone\":[1,2]}");
    assertThat(Fixtures.cache(redis, User.class).get(key), is(Optional.of(new User("1", null))));
    CacheService<Strict> strict = Fixtures.cache(redis, Strict.class);
    assertThat(strict.get(key), is(Optional.empty()));
    Strict loaded = new Strict("1", "new");
    assertThat(strict.getOrLoad(key, MINUTE, () -> loaded), is(loaded));
    assertThat(strict.get(key), is(Optional.of(loaded)));
  }

  @Test
  void aLoadedNullIsReturnedAndNotStored() {
    CacheService<User> cache = Fixtures.cache(redis, User.class);
    assertThat(cache.getOrLoad(key, MINUTE, () -> null), is(nullValue()));
    assertThat(redis.admin().exists(key), is(false));
    assertThat(cache.getOrLoad(key, MINUTE, () -> new User("1", "x")), is(new User("1", "x")));
  }

  @Test
  void aLoadedNullIsRememberedForTheNullTtl() {
    CacheService<User> cache =
        Fixtures.builder(redis, User.class).nullTtl(Duration.ofSeconds(5)).build();
    assertThat(cache.getOrLoad(key, MINUTE, () -> null), is(nullValue()));
    assertThat(redis.admin().get(key), is("null"));
    assertThat(redis.admin().pttl(key) <= 5000, is(true));
    assertThat(cache.getOrLoad(key, MINUTE, () -> new User("1", "x")), is(nullValue()));
    assertThat(cache.get(key), is(Optional.empty()));
    assertThat(cache.getAll(List.of(key)), is(Map.of()));
    assertThat(cache.stats().loads(), is(1L));
  }

  @Test
  void everyReadGivesACopyOfItsOwn() {
    TypeToken<List<String>> type = new TypeToken<>() {};
    CacheService<List<String>> cache = Fixtures.builder(redis, type).build();
    cache.set(key, List.of("a"), MINUTE);
    cache.get(key).orElseThrow().add("mutated");
    assertThat(cache.get(key).orElseThrow(), contains("a"));
  }

  private static final class IsoDate
      implements JsonSerializer<LocalDate>, JsonDeserializer<LocalDate> {
    @Override
    public JsonElement serialize(LocalDate date, Type type, JsonSerializationContext context) {
      return context.serialize(date.toString());
    }

    @Override
    public LocalDate deserialize(JsonElement json, Type type, JsonDeserializationContext context) {
      return LocalDate.parse(json.getAsString());
    }
  }

  private static final class EventAdapter
      implements JsonSerializer<Event>, JsonDeserializer<Event> {
    @Override
    public JsonElement serialize(Event event, Type type, JsonSerializationContext context) {
      return context.serialize(event, event.getClass());
    }

    @Override
    public Event deserialize(JsonElement json, Type type, JsonDeserializationContext context)
        throws JsonParseException {
      Class<? extends Event> kind = json.getAsJsonObject().has("on") ? Opened.class : Closed.class;
      return context.deserialize(json, kind);
    }
  }
}
