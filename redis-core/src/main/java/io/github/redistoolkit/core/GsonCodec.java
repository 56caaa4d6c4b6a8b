package io.github.redistoolkit.core;

import com.google.gson.Gson;
import com.google.gson.TypeAdapter;
import com.google.gson.TypeAdapterFactory;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.json.JsonCodec;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.math.RoundingMode;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A Gson, made to refuse what it would otherwise store although nobody can read it back: unknown
 * constants of enums, dates in the JVM's own time zone, types that cannot be made, and fields that
 * it leaves out in silence. Adapters that somebody registered stay as they are.
 */
record GsonCodec(Gson gson) implements JsonCodec {

  private static final String REFLECTIVE =
      "com.google.gson.internal.bind.ReflectiveTypeAdapterFactory";

  /** By name, as a Java runtime need not have all of them. */
  private static final Set<String> IN_LOCAL_TIME =
      Set.of(
          "java.util.Date",
          "java.util.Calendar",
          "java.util.GregorianCalendar",
          "java.sql.Date",
          "java.sql.Time",
          "java.sql.Timestamp");

  private static final String EXCLUDING = "com.google.gson.internal.Excluder";

  static GsonCodec of(Gson gson) {
    return new GsonCodec(
        gson.newBuilder()
            .registerTypeAdapterFactory(new StrictEnums())
            .registerTypeAdapterFactory(new Refusing())
            .create());
  }

  @Override
  public String encode(Object value, Type type) {
    return gson.toJson(value, type);
  }

  @Override
  public Object decode(String json, Type type) {
    return gson.fromJson(json, type);
  }

  /**
   * Looks whether there is a way to write and read values of a type at all.
   *
   * @throws RuntimeException if there is not
   */
  void requireReadable(Type type) {
    TypeAdapter<?> adapter = gson.getAdapter(TypeToken.get(type));
    if (adapter.getClass().getName().startsWith(EXCLUDING)) {
      throw new UnstorableException("Gson leaves it out: it is local, anonymous or excluded");
    }
  }

  /** Whether an adapter is one that Gson has by itself, for an enum or a class of dates. */
  static boolean isGsons(TypeAdapter<?> adapter) {
    return Plain.ADAPTERS.contains(adapter.getClass());
  }

  /** What a Gson does to which nothing was told. */
  private static final class Plain {

    static final Set<Class<?>> ADAPTERS = adapters();

    private static Set<Class<?>> adapters() {
      Gson plain = new Gson();
      Set<Class<?>> adapters = new HashSet<>();
      adapters.add(plain.getAdapter(RoundingMode.class).getClass()); // an enum
      for (String name : IN_LOCAL_TIME) {
        try {
          adapters.add(plain.getAdapter(Class.forName(name)).getClass());
        } catch (ClassNotFoundException e) {
          // A Java runtime without java.sql: there are no values of it.
        }
      }
      return adapters;
    }
  }

  private static boolean isReflective(TypeAdapter<?> adapter) {
    return adapter.getClass().getName().startsWith(REFLECTIVE);
  }

  /** Whether Gson leaves a class out without being told to. */
  static boolean isLeftOut(Class<?> type) {
    return (type.isAnonymousClass() || type.isLocalClass())
        && !Modifier.isStatic(type.getModifiers())
        && !Enum.class.isAssignableFrom(type);
  }

  /** Makes no adapter, but throws where Gson would make one that loses something. */
  private static final class Refusing implements TypeAdapterFactory {

    @Override
    public <T> @Nullable TypeAdapter<T> create(Gson gson, TypeToken<T> type) {
      Class<? super T> raw = type.getRawType();
      if (IN_LOCAL_TIME.contains(raw.getName())) {
        if (isGsons(gson.getDelegateAdapter(this, type))) {
          throw new UnstorableException(
              "Gson's own adapter writes the local time of the JVM: register another one");
        }
        return null;
      }
      if (isAbstract(raw)) {
        requireInstances(gson.getDelegateAdapter(this, type));
        return null;
      }
      Field leftOut = fieldLeftOut(raw);
      if (leftOut != null && isReflective(gson.getDelegateAdapter(this, type))) {
        throw new UnstorableException(
            "Gson leaves out its field " + leftOut.getName() + ", whose class is local");
      }
      return null;
    }

    private static boolean isAbstract(Class<?> raw) {
      return Modifier.isAbstract(raw.getModifiers()) // interfaces, too
          && !raw.isPrimitive()
          && !raw.isArray()
          && !raw.isEnum();
    }

    private static void requireInstances(TypeAdapter<?> adapter) {
      if (!isReflective(adapter)) {
        return;
      }
      try {
        // Somebody may have registered what makes instances.
        Object unused = adapter.fromJson("{}");
      } catch (java.io.IOException | RuntimeException e) {
        throw new UnstorableException(
            "it is abstract, and nothing in JSON says what to make: declare a concrete type, or"
                + " register an adapter");
      }
    }

    private static @Nullable Field fieldLeftOut(Class<?> raw) {
      if (raw.getName().startsWith("java.")) {
        return null;
      }
      for (Class<?> c = raw; c != null && c != Object.class; c = c.getSuperclass()) {
        for (Field field : c.getDeclaredFields()) {
          if (isLeftOut(field.getType()) && Types.isData(field)) {
            return field;
          }
        }
      }
      return null;
    }
  }
}
