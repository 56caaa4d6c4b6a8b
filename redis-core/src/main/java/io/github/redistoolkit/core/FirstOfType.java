package io.github.redistoolkit.core;

import com.google.gson.reflect.TypeToken;
import java.lang.reflect.Type;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Tells what happens for the first time with a type, so that it is said once. Thread-safe. */
public final class FirstOfType {

  private final Set<Type> seen = ConcurrentHashMap.newKeySet();

  /** Has seen no type yet. */
  public FirstOfType() {}

  /**
   * Takes note of a type.
   *
   * @param type the type
   * @return whether it is new here
   */
  public boolean isNew(TypeToken<?> type) {
    return !seen.contains(type.getType()) && seen.add(type.getType());
  }
}
