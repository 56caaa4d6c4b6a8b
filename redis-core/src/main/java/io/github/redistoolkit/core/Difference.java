package io.github.redistoolkit.core;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * Where a value and what was read back in its place are not equal, and how.
 *
 * @param path from the value to the place, as in {@code $.owner.pets[2]}
 * @param text what came of it
 * @param kind how much it says
 */
record Difference(String path, String text, Kind kind) {

  /** From the least to the most. */
  enum Kind {
    /** Something within a class without {@code equals}, which may have been left out on purpose. */
    PERHAPS,
    /** Something that makes the value unequal, unless a class around it says otherwise. */
    CONTENT,
    /** Another class, or nothing where an object was. */
    CLASS
  }

  /**
   * Looks for the difference that says most.
   *
   * @param untyped told of a value, and its path, that was read back as a list, map, text or
   *     number, as happens where no type is declared; null if that is a difference
   * @return null if there is none
   */
  static @Nullable Difference between(
      Object value,
      Object readBack,
      String path,
      @Nullable BiFunction<Object, String, @Nullable Difference> untyped) {
    return new Search(untyped).compare(value, readBack, path);
  }

  private static final class Search {

    private final @Nullable BiFunction<Object, String, @Nullable Difference> untyped;

    /**
     * Where it is: an object that contains itself is left out somewhere, and not compared for ever.
     */
    private final Set<Object> around = Collections.newSetFromMap(new IdentityHashMap<>());

    Search(@Nullable BiFunction<Object, String, @Nullable Difference> untyped) {
      this.untyped = untyped;
    }

    @Nullable Difference compare(@Nullable Object a, @Nullable Object b, String path) {
      if (a == b) {
        return null;
      }
      if (a == null) {
        return new Difference(path, "null would come back as " + name(b), Kind.CONTENT);
      }
      if (b == null) {
        Kind kind = GsonCodec.isLeftOut(a.getClass()) ? Kind.CLASS : Kind.CONTENT;
        return new Difference(path, name(a) + " would come back as null", kind);
      }
      if (!around.add(a)) {
        return null;
      }
      try {
        return compareObjects(a, b, path);
      } finally {
        around.remove(a);
      }
    }

    private @Nullable Difference compareObjects(Object a, Object b, String path) {
      if (a instanceof Map<?, ?> map && b instanceof Map<?, ?> other) {
        return compareMaps(map, other, path);
      }
      if (a instanceof Collection<?> collection && b instanceof Collection<?> other) {
        return compareCollections(collection, other, path);
      }
      if (a.getClass() != b.getClass()) {
        if (untyped != null && isUntyped(b)) {
          return untyped.apply(a, path);
        }
        return new Difference(path, name(a) + " would come back as " + name(b), Kind.CLASS);
      }
      if (a.getClass().isArray()) {
        return compareArrays(a, b, path);
      }
      List<Types.Part> fields = Types.isJdk(a.getClass()) ? null : Types.fields(a.getClass());
      return fields == null || a instanceof Enum<?>
          ? compareWhole(a, b, null, path)
          : compareFields(a, b, fields, path);
    }

    private @Nullable Difference compareFields(
        Object a, Object b, List<Types.Part> fields, String path) {
      Difference most = null;
      for (Types.Part part : fields) {
        Field field = part.field();
        Object one;
        Object other;
        try {
          one = field.get(a);
          other = field.get(b);
        } catch (IllegalAccessException e) {
          throw new AssertionError("it was made accessible", e);
        }
        most = greater(most, compare(one, other, path + "." + field.getName()));
      }
      return most == null || most.kind() == Kind.CLASS ? most : compareWhole(a, b, most, path);
    }

    /** Lets the class decide, if it can; a difference that is null is somewhere out of sight. */
    private static @Nullable Difference compareWhole(
        Object a, Object b, @Nullable Difference within, String path) {
      if (a.equals(b)) {
        return null;
      }
      String text = "a " + name(a) + " would come back as one that is not equal";
      Difference difference = within == null ? new Difference(path, text, Kind.CONTENT) : within;
      boolean decides = hasEquals(a.getClass()) && difference.kind() != Kind.PERHAPS;
      Kind kind = decides ? Kind.CONTENT : Kind.PERHAPS;
      return new Difference(difference.path(), difference.text(), kind);
    }

    private @Nullable Difference compareArrays(Object a, Object b, String path) {
      int length = Array.getLength(a);
      if (length != Array.getLength(b)) {
        return sizes(length, Array.getLength(b), path);
      }
      if (a.getClass().getComponentType().isPrimitive()) {
        return java.util.Arrays.deepEquals(new Object[] {a}, new Object[] {b})
            ? null
            : new Difference(path, "other numbers would come back", Kind.CONTENT);
      }
      Difference most = null;
      for (int i = 0; i < length; i++) {
        most = greater(most, compare(Array.get(a, i), Array.get(b, i), path + "[" + i + "]"));
      }
      return most;
    }

    private @Nullable Difference compareCollections(Collection<?> a, Collection<?> b, String path) {
      if (a.size() != b.size()) {
        return sizes(a.size(), b.size(), path);
      }
      if (a instanceof List<?>
          ? !(b instanceof List<?>)
          : a instanceof Set<?> && !(b instanceof Set<?>)) {
        return new Difference(path, name(a) + " would come back as " + name(b), Kind.CLASS);
      }
      // What is read keeps the order in which it was written.
      Difference most = null;
      Iterator<?> others = b.iterator();
      int i = 0;
      for (Object each : a) {
        most = greater(most, compare(each, others.next(), path + "[" + i++ + "]"));
      }
      boolean excused =
          a instanceof Set<?> set && b instanceof Set<?> other && isSameSet(set, other);
      return excused ? null : most;
    }

    private @Nullable Difference compareMaps(Map<?, ?> a, Map<?, ?> b, String path) {
      if (a.size() != b.size()) {
        return sizes(a.size(), b.size(), path);
      }
      Difference most = null;
      Iterator<?> others = b.keySet().iterator();
      for (Map.Entry<?, ?> entry : a.entrySet()) {
        Object key = entry.getKey();
        Object other = others.next();
        if (key != null && (key.equals(other) || contains(b, key))) {
          most = greater(most, compare(key, key.equals(other) ? other : key, path + "[key]"));
          most = greater(most, compare(entry.getValue(), b.get(key), path + "[value]"));
        } else if (untyped != null && key != null) {
          most = greater(most, untyped.apply(key, path + "[key]"));
        } else {
          String text = "a key of " + (key == null ? "null" : name(key)) + " would not come back";
          most = greater(most, new Difference(path, text, Kind.CLASS));
        }
      }
      return most;
    }

    /** A map that sorts may not take another's keys. */
    private static boolean contains(Map<?, ?> map, Object key) {
      try {
        return map.containsKey(key);
      } catch (ClassCastException e) {
        return false;
      }
    }

    private static boolean isSameSet(Set<?> a, Set<?> b) {
      return a.equals(b) && classes(a).equals(classes(b));
    }

    private static Set<Class<?>> classes(Collection<?> collection) {
      Set<Class<?>> classes = new java.util.HashSet<>();
      collection.forEach(each -> classes.add(each == null ? Void.class : each.getClass()));
      return classes;
    }

    private static Difference sizes(int size, int other, String path) {
      return new Difference(path, size + " elements would come back as " + other, Kind.CLASS);
    }

    private static @Nullable Difference greater(@Nullable Difference a, @Nullable Difference b) {
      return a == null || (b != null && b.kind().compareTo(a.kind()) > 0) ? b : a;
    }

    private static boolean isUntyped(Object readBack) {
      return readBack instanceof Map<?, ?>
          || readBack instanceof List<?>
          || readBack instanceof String
          || readBack instanceof Number
          || readBack instanceof Boolean;
    }

    private static boolean hasEquals(Class<?> type) {
      try {
        return type.getMethod("equals", Object.class).getDeclaringClass() != Object.class;
      } catch (NoSuchMethodException e) {
        return false;
      }
    }

    private static String name(@Nullable Object value) {
      return value == null ? "null" : value.getClass().getTypeName();
    }
  }
}
