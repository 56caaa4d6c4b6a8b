package io.github.redistoolkit.core;

import com.google.gson.Gson;
import com.google.gson.JsonSyntaxException;
import com.google.gson.TypeAdapter;
import com.google.gson.TypeAdapterFactory;
import com.google.gson.annotations.SerializedName;
import com.google.gson.reflect.TypeToken;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.lang.reflect.Field;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads enums as Gson does, but takes a text that names no constant for an error and not for null.
 * An adapter that somebody registered for an enum stays as it is.
 */
final class StrictEnums implements TypeAdapterFactory {

  @Override
  @SuppressWarnings({"unchecked", "rawtypes"}) // T is the enum
  public <T> @Nullable TypeAdapter<T> create(Gson gson, TypeToken<T> type) {
    Class<? super T> raw = type.getRawType();
    if (!Enum.class.isAssignableFrom(raw) || raw == Enum.class) {
      return null;
    }
    TypeAdapter<T> delegate = gson.getDelegateAdapter(this, type);
    if (!GsonCodec.isGsons(delegate)) {
      return delegate;
    }
    Class<?> declaring = raw.isEnum() ? raw : raw.getSuperclass();
    return (TypeAdapter<T>) new Constants(declaring);
  }

  private static final class Constants<E extends Enum<E>> extends TypeAdapter<E> {

    private final Map<String, E> byName = new HashMap<>();
    private final Map<E, String> names = new HashMap<>();

    Constants(Class<E> type) {
      for (E constant : type.getEnumConstants()) {
        SerializedName other = serializedName(type, constant);
        String name = other == null ? constant.name() : other.value();
        names.put(constant, name);
        byName.put(name, constant);
        if (other != null) {
          for (String alternate : other.alternate()) {
            byName.put(alternate, constant);
          }
        }
      }
    }

    private static @Nullable SerializedName serializedName(Class<?> type, Enum<?> constant) {
      try {
        Field field = type.getField(constant.name());
        return field.getAnnotation(SerializedName.class);
      } catch (NoSuchFieldException e) {
        return null; // Renamed by an obfuscator; its own name is all there is.
      }
    }

    @Override
    public void write(JsonWriter out, @Nullable E value) throws IOException {
      out.value(value == null ? null : names.get(value));
    }

    @Override
    public @Nullable E read(JsonReader in) throws IOException {
      if (in.peek() == JsonToken.NULL) {
        in.nextNull();
        return null;
      }
      E constant = byName.get(in.nextString());
      if (constant == null) {
        throw new JsonSyntaxException("no constant of the enum at " + in.getPreviousPath());
      }
      return constant;
    }
  }
}
