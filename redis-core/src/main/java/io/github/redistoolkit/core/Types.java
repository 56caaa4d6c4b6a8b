package io.github.redistoolkit.core;

import com.google.gson.reflect.TypeToken;
import java.lang.reflect.Field;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a declared type consists of. */
final class Types {

  /** A field and its type, in which nothing is variable that its owner says. */
  record Part(Field field, Type type) {}

  private Types() {}

  /** Whether a field belongs to the value, as it does for every mapper by default. */
  static boolean isData(Field field) {
    return !Modifier.isStatic(field.getModifiers())
        && !Modifier.isTransient(field.getModifiers())
        && !field.isSynthetic();
  }

  static boolean isJdk(Class<?> type) {
    ClassLoader loader = type.getClassLoader();
    return loader == null || loader == ClassLoader.getPlatformClassLoader();
  }

  static Class<?> raw(Type type) {
    return TypeToken.get(type).getRawType();
  }

  /** Whether a type says nothing of its values: {@code Object}, and what stands for any type. */
  static boolean isUntyped(Type type) {
    return type == Object.class || type instanceof TypeVariable<?>;
  }

  /**
   * The fields of a class and its superclasses; null if they may not be looked at.
   *
   * @param type the class, or the class with its arguments
   */
  static @Nullable List<Part> fields(Type type) {
    List<Part> parts = new ArrayList<>();
    Map<TypeVariable<?>, Type> meaning = new HashMap<>();
    Type current = type;
    while (current != null && raw(current) != Object.class && raw(current) != Record.class) {
      Class<?> raw = raw(current);
      learn(current, meaning);
      for (Field field : raw.getDeclaredFields()) {
        if (isData(field)) {
          if (!field.trySetAccessible()) {
            return null;
          }
          parts.add(new Part(field, resolve(field.getGenericType(), meaning)));
        }
      }
      current = raw.getGenericSuperclass();
      if (current != null) {
        current = resolve(current, meaning);
      }
    }
    return parts;
  }

  /** The type of the elements of a collection; Object if it does not say. */
  static Type element(Type collection) {
    return argument(collection, Collection.class, 0);
  }

  static Type key(Type map) {
    return argument(map, Map.class, 0);
  }

  static Type mapped(Type map) {
    return argument(map, Map.class, 1);
  }

  static Type component(Type array) {
    return array instanceof GenericArrayType generic
        ? generic.getGenericComponentType()
        : raw(array).getComponentType();
  }

  /** What a type gives for a parameter of one of its supertypes. */
  private static Type argument(Type type, Class<?> supertype, int index) {
    Type found = supertype(type, supertype, new HashMap<>());
    if (found instanceof ParameterizedType parameterized) {
      return bound(parameterized.getActualTypeArguments()[index]);
    }
    return Object.class;
  }

  private static @Nullable Type supertype(
      Type type, Class<?> wanted, Map<TypeVariable<?>, Type> meaning) {
    Class<?> raw = raw(type);
    if (raw == wanted) {
      return type;
    }
    learn(type, meaning);
    List<Type> parents = new ArrayList<>(List.of(raw.getGenericInterfaces()));
    if (raw.getGenericSuperclass() != null) {
      parents.add(raw.getGenericSuperclass());
    }
    for (Type parent : parents) {
      if (wanted.isAssignableFrom(raw(parent))) {
        return supertype(resolve(parent, meaning), wanted, meaning);
      }
    }
    return null;
  }

  private static void learn(Type type, Map<TypeVariable<?>, Type> meaning) {
    if (type instanceof ParameterizedType parameterized) {
      TypeVariable<?>[] variables = raw(type).getTypeParameters();
      for (int i = 0; i < variables.length; i++) {
        meaning.put(variables[i], bound(parameterized.getActualTypeArguments()[i]));
      }
    }
  }

  private static Type bound(Type type) {
    if (type instanceof WildcardType wildcard) {
      return wildcard.getUpperBounds()[0];
    }
    return type;
  }

  private static Type resolve(Type type, Map<TypeVariable<?>, Type> meaning) {
    if (type instanceof TypeVariable<?> variable) {
      Type meant = meaning.get(variable);
      return meant == null ? Object.class : meant;
    }
    if (type instanceof WildcardType wildcard) {
      return resolve(wildcard.getUpperBounds()[0], meaning);
    }
    if (type instanceof GenericArrayType array) {
      return TypeToken.getArray(resolve(array.getGenericComponentType(), meaning)).getType();
    }
    if (type instanceof ParameterizedType parameterized) {
      Type[] arguments = parameterized.getActualTypeArguments();
      for (int i = 0; i < arguments.length; i++) {
        arguments[i] = resolve(arguments[i], meaning);
      }
      // A class within a generic one cannot be made anew, and is read without its arguments.
      return parameterized.getOwnerType() instanceof ParameterizedType
          ? raw(type)
          : TypeToken.getParameterized(raw(type), arguments).getType();
    }
    return type;
  }
}
