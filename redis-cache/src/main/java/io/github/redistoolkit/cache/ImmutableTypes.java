package io.github.redistoolkit.cache;

import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.ZoneId;
import java.time.temporal.TemporalAccessor;
import java.time.temporal.TemporalAmount;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;

/** Which types have only values that no caller can change, however deep, so that one serves all. */
final class ImmutableTypes {

  private static final Set<Class<?>> KNOWN =
      Set.of(
          String.class,
          Boolean.class,
          Character.class,
          Byte.class,
          Short.class,
          Integer.class,
          Long.class,
          Float.class,
          Double.class,
          BigDecimal.class,
          BigInteger.class,
          UUID.class);

  private ImmutableTypes() {}

  static boolean contains(Type type) {
    return contains(type, new HashSet<>());
  }

  private static boolean contains(Type type, Set<Class<?>> outer) {
    if (!(type instanceof Class<?> known)) {
      return false; // Generic: what its parameters stand for is not followed.
    }
    if (known.isPrimitive() || known.isEnum() || KNOWN.contains(known) || isJavaTime(known)) {
      return true;
    }
    if (!known.isRecord()) {
      return false;
    }
    if (!outer.add(known)) {
      return true; // Within itself: the other components decide.
    }
    for (RecordComponent component : known.getRecordComponents()) {
      if (!contains(component.getGenericType(), outer)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isJavaTime(Class<?> type) {
    return type.getPackageName().equals("java.time")
        && (TemporalAccessor.class.isAssignableFrom(type)
            || TemporalAmount.class.isAssignableFrom(type)
            || ZoneId.class.isAssignableFrom(type));
  }
}
