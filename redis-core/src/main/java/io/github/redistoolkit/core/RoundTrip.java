package io.github.redistoolkit.core;

import static io.github.redistoolkit.core.Difference.Kind.CLASS;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.json.JsonCodec;
import java.lang.reflect.Array;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Tries whether one codec gives back what it was given, and says where it does not. Thread-safe.
 */
final class RoundTrip {

  /** Beyond it, names may be longer than other mappers read. */
  private static final int LONG = 50_000;

  /** How far a refused value is searched for the place that is to blame. */
  private static final int SEARCHED_DEPTH = 32;

  private static final int SEARCHED_ELEMENTS = 1_000;

  private final JsonCodec codec;
  private final boolean ours;
  private final Set<Type> readable = ConcurrentHashMap.newKeySet();

  RoundTrip(JsonCodec codec, boolean ours) {
    this.codec = codec;
    this.ours = ours;
  }

  /** A part of a value, or of a type. */
  private record Part(@Nullable Object value, Type type, String path) {}

  /** Why a value, or a type, is refused. */
  private record Refusal(String path, String text, @Nullable Throwable cause) {

    IllegalArgumentException exception(Type type) {
      return new IllegalArgumentException(
          "no value that could be read back, of type "
              + type.getTypeName()
              + ": at "
              + path
              + ", "
              + text,
          cause);
    }
  }

  /**
   * Refuses a type of which nothing can be read back.
   *
   * @throws IllegalArgumentException if it is one
   */
  void requireReadable(Type type) {
    if (!(codec instanceof GsonCodec gson) || readable.contains(type)) {
      return;
    }
    Refusal refusal = refusal(gson, new Part(null, type, "$"), new HashSet<>());
    if (refusal != null) {
      throw refusal.exception(type);
    }
    readable.add(type);
  }

  private static @Nullable Refusal refusal(GsonCodec gson, Part part, Set<Type> around) {
    try {
      gson.requireReadable(part.type());
      return null;
    } catch (RuntimeException e) {
      if (around.add(part.type())) {
        for (Part inner : typesWithin(part)) {
          Refusal found = refusal(gson, inner, around);
          if (found != null) {
            return found;
          }
        }
      }
      String reason = e instanceof UnstorableException ? e.getMessage() : "it has no JSON";
      return new Refusal(part.path(), part.type().getTypeName() + ": " + reason, e);
    }
  }

  private static List<Part> typesWithin(Part part) {
    Type type = part.type();
    Class<?> raw = Types.raw(type);
    List<Part> within = new ArrayList<>();
    if (raw.isArray()) {
      within.add(new Part(null, Types.component(type), part.path() + "[]"));
    } else if (Collection.class.isAssignableFrom(raw)) {
      within.add(new Part(null, Types.element(type), part.path() + "[]"));
    } else if (Map.class.isAssignableFrom(raw)) {
      within.add(new Part(null, Types.key(type), part.path() + "[key]"));
      within.add(new Part(null, Types.mapped(type), part.path() + "[value]"));
    } else if (!Types.isJdk(raw)) {
      List<Types.Part> fields = Types.fields(type);
      if (fields != null) {
        fields.forEach(
            field ->
                within.add(
                    new Part(null, field.type(), part.path() + "." + field.field().getName())));
      }
    }
    return within;
  }

  /**
   * Encodes a value, of which more may have to be known.
   *
   * @throws IllegalArgumentException if it has no JSON
   */
  String encode(Object value, Type type) {
    try {
      return attempt(value, type);
    } catch (Exception | StackOverflowError e) {
      throw refusal(value, type).exception(type);
    }
  }

  private String attempt(Object value, Type type) throws Exception {
    String json = codec.encode(value, type);
    if (json.isBlank() || json.charAt(0) == '#') {
      throw new UnstorableException("written as something that is not JSON");
    }
    if (isNull(json)) {
      throw new UnstorableException(
          "would be stored as null"
              + (GsonCodec.isLeftOut(value.getClass())
                  ? ": it is of an anonymous or local class"
                  : ""));
    }
    return json;
  }

  /** Whether a text is to be tried whatever is known of the value. */
  boolean isUnusual(String json) {
    return !ours && json.length() > LONG;
  }

  static boolean isNull(String json) {
    return json.length() >= 4
        && (json.equals("null") || (json.length() < 64 && json.strip().equals("null")));
  }

  /**
   * Refuses a value that is not read back as its type.
   *
   * @throws IllegalArgumentException if it is not
   */
  void require(Object value, Type type, String json) {
    try {
      if (difference(value, type, json) == null) {
        return;
      }
    } catch (Exception | StackOverflowError e) {
      throw refusal(value, type).exception(type);
    }
    throw refusal(value, type).exception(type);
  }

  private @Nullable Difference difference(Object value, Type type, String json) throws Exception {
    Object readBack = codec.decode(json, type);
    if (readBack == null) {
      return new Difference("$", "it would come back as null", CLASS);
    }
    return excused(Difference.between(value, readBack, "$", null), readBack, type, json);
  }

  /** A class without equals is what its JSON is. */
  private @Nullable Difference excused(
      @Nullable Difference difference, Object readBack, Type type, String json) throws Exception {
    boolean same =
        difference != null
            && difference.kind() == Difference.Kind.PERHAPS
            && codec.encode(readBack, type).equals(json);
    return same ? null : difference;
  }

  /** Why a value is refused, as deep within it as can be seen. */
  private Refusal refusal(Object value, Type type) {
    Refusal found = refusal(new Part(value, type, "$"), 0);
    return found != null
        ? found
        : new Refusal("$", name(value) + " does not come back alike each time", null);
  }

  private @Nullable Refusal refusal(Part part, int depth) {
    Object value = part.value();
    if (value == null) {
      return null;
    }
    Refusal here = refusalOf(value, part);
    if (here == null || depth > SEARCHED_DEPTH || here.cause() == null) {
      return here;
    }
    if (here.cause() instanceof StackOverflowError) {
      return here; // No part is to blame alone.
    }
    for (Part inner : valuesWithin(value, part)) {
      Refusal found = refusal(inner, depth + 1);
      if (found != null) {
        return found;
      }
    }
    return here;
  }

  /** A difference says where it is by itself; for what was thrown one has to search. */
  private @Nullable Refusal refusalOf(Object value, Part part) {
    try {
      Difference found = difference(value, part.type(), attempt(value, part.type()));
      return found == null
          ? null
          : new Refusal(part.path() + found.path().substring(1), found.text(), null);
    } catch (StackOverflowError e) {
      return new Refusal(part.path(), name(value) + ": it is nested too deep, or in itself", e);
    } catch (Exception e) {
      String reason =
          e instanceof UnstorableException ? e.getMessage() : "it cannot be written and read back";
      return new Refusal(part.path(), name(value) + ": " + reason, e);
    }
  }

  private static List<Part> valuesWithin(Object value, Part part) {
    Type type = part.type();
    List<Part> within = new ArrayList<>();
    if (value instanceof Map<?, ?> map) {
      map.forEach(
          (key, mapped) -> {
            within.add(new Part(key, Types.key(type), part.path() + "[key]"));
            within.add(new Part(mapped, Types.mapped(type), part.path() + "[value]"));
          });
    } else if (value instanceof Collection<?> collection) {
      for (Object each : collection) {
        String path = part.path() + "[" + within.size() + "]";
        within.add(new Part(each, Types.element(type), path));
      }
    } else if (value.getClass().isArray()) {
      for (int i = 0; i < Math.min(Array.getLength(value), SEARCHED_ELEMENTS); i++) {
        Object each = Array.get(value, i);
        within.add(
            new Part(each, value.getClass().getComponentType(), part.path() + "[" + i + "]"));
      }
    } else if (!Types.isJdk(value.getClass())) {
      addFields(value, part, within);
    }
    return within.size() > SEARCHED_ELEMENTS ? within.subList(0, SEARCHED_ELEMENTS) : within;
  }

  private static void addFields(Object value, Part part, List<Part> within) {
    boolean declared = Types.raw(part.type()) == value.getClass();
    List<Types.Part> fields = Types.fields(declared ? part.type() : value.getClass());
    if (fields == null) {
      return;
    }
    for (Types.Part field : fields) {
      try {
        Object inner = field.field().get(value);
        within.add(new Part(inner, field.type(), part.path() + "." + field.field().getName()));
      } catch (IllegalAccessException e) {
        throw new AssertionError("it was made accessible", e);
      }
    }
  }

  /**
   * Refuses a value that is not read back as its own class, or whose elements are not.
   *
   * @throws IllegalArgumentException if it is not
   */
  void requireAsItIs(Object value) {
    Difference difference = differenceAsItIs(value, "$");
    if (difference != null) {
      throw new Refusal(difference.path(), difference.text(), null).exception(value.getClass());
    }
  }

  private @Nullable Difference differenceAsItIs(Object value, String path) {
    if (value instanceof Map<?, ?> map) {
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        Difference found = differenceOf(entry.getKey(), entry.getValue(), path);
        if (found != null) {
          return found;
        }
      }
      return null;
    }
    if (value instanceof Collection<?> collection) {
      int i = 0;
      for (Object each : collection) {
        Difference found = each == null ? null : differenceAsItIs(each, path + "[" + i + "]");
        if (found != null) {
          return found;
        }
        i++;
      }
      return null;
    }
    Class<?> type = value.getClass();
    try {
      String json = attempt(value, type);
      Object readBack = codec.decode(json, type);
      return readBack == null
          ? new Difference(path, "it would come back as null", CLASS)
          : excused(
              Difference.between(value, readBack, path, this::differenceAsItIs),
              readBack,
              type,
              json);
    } catch (Exception | StackOverflowError e) {
      Refusal refusal = refusal(value, type);
      String within = path + refusal.path().substring(1);
      return new Difference(within, refusal.text(), CLASS);
    }
  }

  private @Nullable Difference differenceOf(
      @Nullable Object key, @Nullable Object value, String path) {
    if (key == null) {
      return new Difference(path + "[key]", "a key of null", CLASS);
    }
    if (value == null && !keepsNull()) {
      return new Difference(path + "[value]", "null would be left out", CLASS);
    }
    Difference found = isKey(key) ? null : new Difference(path + "[key]", keyText(key), CLASS);
    return found != null || value == null ? found : differenceAsItIs(value, path + "[value]");
  }

  /**
   * Whether a key comes back to whoever declares its class; mappers write keys in their own way.
   */
  private boolean isKey(Object key) {
    if (key instanceof String) {
      return true;
    }
    Type type = TypeToken.getParameterized(Map.class, key.getClass(), Boolean.class).getType();
    Map<Object, Boolean> map = new HashMap<>(Map.of(key, true));
    try {
      return map.equals(codec.decode(codec.encode(map, map.getClass()), type));
    } catch (Exception | StackOverflowError e) {
      return false;
    }
  }

  /** Whether an entry comes back whose value is null. */
  private boolean keepsNull() {
    Map<String, Object> map = new HashMap<>();
    map.put("key", null);
    try {
      return map.equals(codec.decode(codec.encode(map, map.getClass()), Object.class));
    } catch (Exception | StackOverflowError e) {
      return false;
    }
  }

  private static String keyText(Object key) {
    return "a key of " + name(key) + " would not come back";
  }

  private static String name(Object value) {
    return value.getClass().getTypeName();
  }
}
