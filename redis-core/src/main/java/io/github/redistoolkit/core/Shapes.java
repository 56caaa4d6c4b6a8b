package io.github.redistoolkit.core;

import io.github.redistoolkit.json.JsonCodec;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Remembers which classes of values, at which places of which declared types, one codec has been
 * seen to read back equal. A value of which all is known need not be tried.
 *
 * <p>A place where nothing new can come is not looked at again: once a record of texts and numbers
 * has been seen with all of its components, that is one look at a field. Thread-safe.
 */
final class Shapes {

  /** Deeper values are tried each time, as mappers read less deep than they write. */
  private static final int DEEP = 50;

  private static final int LARGE_BITS = 1024;
  private static final int LARGE_SCALE = 300;

  /** Where any value of the interface becomes one that is equal to it. */
  private static final Set<Class<?>> PLAIN_CONTAINERS =
      Set.of(
          List.class,
          ArrayList.class,
          LinkedList.class,
          Set.class,
          HashSet.class,
          LinkedHashSet.class,
          Map.class,
          HashMap.class,
          LinkedHashMap.class);

  private final JsonCodec codec;
  private final boolean ours;
  private final Map<Type, Shape> byType = new ConcurrentHashMap<>();
  private final Shape untyped = new Untyped();

  /**
   * Starts knowing nothing.
   *
   * @param ours whether the codec is the default one, which is known to carry the JDK's plain
   *     classes and to read numbers of no declared type by their form alone
   */
  Shapes(JsonCodec codec, boolean ours) {
    this.codec = codec;
    this.ours = ours;
  }

  /** Whether everything in a value has been seen to come back. */
  boolean cover(Object value, Type type) {
    return of(type).covers(value, 0, false);
  }

  /** Takes note of everything in a value, which came back. */
  void learn(Object value, Type type) {
    boolean unused = of(type).covers(value, 0, true);
  }

  private Shape of(Type type) {
    Shape known = byType.get(type);
    if (known != null) {
      return known;
    }
    Shape made = make(type);
    Shape other = byType.putIfAbsent(type, made);
    return other == null ? made : other;
  }

  private Shape make(Type type) {
    Class<?> raw = Types.raw(type);
    if (Types.isUntyped(type)) {
      return untyped;
    }
    if (raw.isPrimitive()) {
      return Fixed.CARRIED;
    }
    if (Samples.has(raw)) {
      return plain(raw);
    }
    if (raw.isArray()) {
      return new Elements(type, Types.component(type));
    }
    if (Collection.class.isAssignableFrom(raw)) {
      return new Elements(type, Types.element(type));
    }
    if (Map.class.isAssignableFrom(raw)) {
      return new Entries(type);
    }
    if (Types.isJdk(raw)) {
      return Modifier.isAbstract(raw.getModifiers()) ? untyped : Fixed.TRIED;
    }
    return new OfClass(type);
  }

  private Shape plain(Class<?> raw) {
    boolean carried = (ours && !raw.isEnum()) || Samples.areCarried(raw, codec);
    if (!carried) {
      return Fixed.TRIED;
    }
    if (!ours && (raw == BigDecimal.class || raw == BigInteger.class)) {
      return new SmallNumber();
    }
    boolean extended = java.util.Date.class.isAssignableFrom(raw);
    return extended ? new Exactly(raw) : Fixed.CARRIED;
  }

  /** What is known of a place. */
  private abstract static class Shape {

    /**
     * Whether all of a value has been seen here.
     *
     * @param learning to take note of it instead
     */
    abstract boolean covers(@Nullable Object value, int depth, boolean learning);

    /** Whether every value that may come is covered. */
    boolean isSettled() {
      return false;
    }
  }

  /** A place whose values are all covered, or none. */
  private static final class Fixed extends Shape {

    static final Shape CARRIED = new Fixed(true);
    static final Shape TRIED = new Fixed(false);

    private final boolean carried;

    private Fixed(boolean carried) {
      this.carried = carried;
    }

    @Override
    boolean covers(@Nullable Object value, int depth, boolean learning) {
      return carried || value == null;
    }

    @Override
    boolean isSettled() {
      return carried;
    }
  }

  /** A number of any length, of which mappers read fewer digits than they write. */
  private static final class SmallNumber extends Shape {

    @Override
    boolean covers(@Nullable Object value, int depth, boolean learning) {
      if (value instanceof BigDecimal decimal) {
        return Math.abs((long) decimal.scale()) <= LARGE_SCALE
            && decimal.unscaledValue().bitLength() <= LARGE_BITS;
      }
      return !(value instanceof BigInteger integer) || integer.bitLength() <= LARGE_BITS;
    }
  }

  /** A class that is carried, but has subclasses which are something else. */
  private static final class Exactly extends Shape {

    private final Class<?> type;

    Exactly(Class<?> type) {
      this.type = type;
    }

    @Override
    boolean covers(@Nullable Object value, int depth, boolean learning) {
      return value == null || value.getClass() == type;
    }
  }

  /** Whatever class a value has. */
  private final class Untyped extends Shape {

    private final Set<Class<?>> seen = ConcurrentHashMap.newKeySet();

    @Override
    boolean covers(@Nullable Object value, int depth, boolean learning) {
      if (value == null) {
        return true;
      }
      if (depth > DEEP || (value instanceof Number && !ours)) {
        return false; // Other mappers choose the class of a number by its size.
      }
      Class<?> type = value.getClass();
      if (!isSeen(type, seen, learning)) {
        return false;
      }
      if (value instanceof Collection<?> || value instanceof Map<?, ?>) {
        return of(container(value)).covers(value, depth, learning);
      }
      return Samples.has(type) || of(type).covers(value, depth, learning);
    }

    private Class<?> container(Object value) {
      return value instanceof Map<?, ?> ? Map.class : Collection.class;
    }
  }

  private static boolean isSeen(Class<?> type, Set<Class<?>> seen, boolean learning) {
    return seen.contains(type) || (learning && seen.add(type));
  }

  /** A class with fields, and its subclasses. */
  private final class OfClass extends Shape {

    private final Class<?> raw;
    private final Slot @Nullable [] slots;
    private final Set<Class<?>> subclasses = ConcurrentHashMap.newKeySet();
    private volatile boolean seen;
    private volatile boolean settled;

    OfClass(Type type) {
      this.raw = Types.raw(type);
      List<Types.Part> parts = Types.fields(type);
      this.slots =
          parts == null
              ? null
              : parts.stream()
                  .map(part -> new Slot(part.field(), part.type()))
                  .toArray(Slot[]::new);
    }

    @Override
    boolean covers(@Nullable Object value, int depth, boolean learning) {
      if (value == null) {
        return true;
      }
      if (depth > DEEP) {
        return false;
      }
      if (value.getClass() != raw) {
        return isSeen(value.getClass(), subclasses, learning)
            && of(value.getClass()).covers(value, depth, learning);
      }
      return settled || coversFields(value, depth, learning);
    }

    private boolean coversFields(Object value, int depth, boolean learning) {
      if (slots == null || !(seen || learning)) {
        return false;
      }
      boolean covered = true;
      boolean all = true;
      for (Slot slot : slots) {
        if (!slot.isSettled()) {
          covered &= slot.covers(value, depth + 1, learning);
          all &= slot.isSettled();
        }
        if (!covered && !learning) {
          return false;
        }
      }
      seen = true;
      settled = all;
      return covered;
    }

    @Override
    boolean isSettled() {
      return settled && Modifier.isFinal(raw.getModifiers());
    }
  }

  /** A field of a class. */
  private final class Slot {

    private final Field field;
    private final Type type;
    private @Nullable Shape shape;
    private volatile boolean seen;

    /** Other mappers may leave null out, and a field then comes back as it is made. */
    private volatile boolean nullSeen;

    Slot(Field field, Type type) {
      this.field = field;
      this.type = type;
      this.nullSeen = ours || field.getType().isPrimitive();
    }

    boolean isSettled() {
      return seen && nullSeen && shape().isSettled();
    }

    boolean covers(Object owner, int depth, boolean learning) {
      Object value;
      try {
        value = field.get(owner);
      } catch (IllegalAccessException e) {
        throw new AssertionError("it was made accessible", e);
      }
      if (value == null) {
        nullSeen |= learning;
        return nullSeen;
      }
      if (!seen) {
        if (!learning) {
          return false;
        }
        seen = true;
      }
      return shape().covers(value, depth, learning);
    }

    /** Late, since types may contain themselves; more than once if threads race. */
    private Shape shape() {
      Shape made = shape;
      if (made == null) {
        made = of(type);
        shape = made;
      }
      return made;
    }
  }

  /** A collection or an array. */
  private final class Elements extends Shape {

    private final boolean plain;
    private final Type elementType;
    private final Set<Class<?>> seen = ConcurrentHashMap.newKeySet();

    Elements(Type type, Type elementType) {
      this.plain = isPlain(type);
      this.elementType = elementType;
    }

    @Override
    boolean covers(@Nullable Object value, int depth, boolean learning) {
      if (value == null) {
        return true;
      }
      if (depth > DEEP || isOrderedAtWill(value)) {
        return false;
      }
      if (!plain && !isSeen(value.getClass(), seen, learning)) {
        return false;
      }
      Shape element = of(elementType);
      return element.isSettled() || coversEach(value, element, depth + 1, learning);
    }

    private boolean coversEach(Object value, Shape element, int depth, boolean learning) {
      boolean covered = true;
      if (value instanceof Collection<?> collection) {
        for (Object each : collection) {
          covered &= element.covers(each, depth, learning);
          if (!covered && !learning) {
            return false;
          }
        }
        return covered;
      }
      for (int i = 0; i < Array.getLength(value); i++) {
        covered &= element.covers(Array.get(value, i), depth, learning);
      }
      return covered;
    }

    @Override
    boolean isSettled() {
      return plain && of(elementType).isSettled();
    }
  }

  private final class Entries extends Shape {

    private final boolean plain;
    private final Type keyType;
    private final Type valueType;
    private final Set<Class<?>> seen = ConcurrentHashMap.newKeySet();

    Entries(Type type) {
      this.plain = isPlain(type);
      this.keyType = Types.key(type);
      this.valueType = Types.mapped(type);
    }

    @Override
    boolean covers(@Nullable Object value, int depth, boolean learning) {
      if (value == null) {
        return true;
      }
      if (depth > DEEP || isOrderedAtWill(value)) {
        return false;
      }
      if (!plain && !isSeen(value.getClass(), seen, learning)) {
        return false;
      }
      Shape keys = of(keyType);
      Shape values = of(valueType);
      boolean covered = true;
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
        // A null key would come back as the text "null".
        covered &= entry.getKey() != null && keys.covers(entry.getKey(), depth + 1, learning);
        covered &= entry.getValue() != null || ours; // Others may leave it out.
        covered &= values.covers(entry.getValue(), depth + 1, learning);
        if (!covered && !learning) {
          return false;
        }
      }
      return covered;
    }
  }

  private boolean isPlain(Type type) {
    return ours
        && type instanceof ParameterizedType parameterized
        && PLAIN_CONTAINERS.contains((Class<?>) parameterized.getRawType());
  }

  /** Whether a container has an idea of order, or of what is equal, that JSON does not carry. */
  private static boolean isOrderedAtWill(Object container) {
    return (container instanceof SortedSet<?> set && set.comparator() != null)
        || (container instanceof SortedMap<?, ?> map && map.comparator() != null)
        || container instanceof IdentityHashMap<?, ?>;
  }
}
