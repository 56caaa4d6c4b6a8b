package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import com.google.gson.reflect.TypeToken;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.time.DayOfWeek;
import java.time.Duration;
import java.time.Instant;
import java.time.Period;
import java.time.ZoneId;
import java.util.Date;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ImmutableTypesTest {

  enum Colour {
    RED
  }

  record Flat(String name, int count, Instant at, Colour colour, BigDecimal amount) {}

  record Nested(Flat flat, Nested next) {}

  record WithList(String name, List<String> tags) {}

  @SuppressWarnings("ArrayRecordComponent") // what is refused
  record WithArray(byte[] bytes) {}

  record NestedList(Flat flat, WithList list) {}

  record OwnerOfMutable(NestedList first, OwnerOfMutable next) {}

  record Box<T>(T content) {}

  @Test
  void valuesAndRecordsOfValuesAreImmutable() {
    Type[] immutable = {
      String.class, Integer.class, long.class, Boolean.class, Character.class, BigDecimal.class,
      UUID.class, Instant.class, Duration.class, Period.class, ZoneId.class, DayOfWeek.class,
      Colour.class, Flat.class, Nested.class
    };
    for (Type type : immutable) {
      assertThat(type.getTypeName(), ImmutableTypes.contains(type), is(true));
    }
  }

  @Test
  void whateverACallerCouldChangeIsNot() {
    Type[] mutable = {
      Object.class,
      Date.class,
      byte[].class,
      StringBuilder.class,
      CharSequence.class,
      WithList.class,
      WithArray.class,
      NestedList.class,
      OwnerOfMutable.class,
      Box.class,
      new TypeToken<Box<String>>() {}.getType(),
      new TypeToken<List<String>>() {}.getType()
    };
    for (Type type : mutable) {
      assertThat(type.getTypeName(), ImmutableTypes.contains(type), is(false));
    }
  }
}
