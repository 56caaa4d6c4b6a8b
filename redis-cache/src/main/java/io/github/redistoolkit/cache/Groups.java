package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.Arguments;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The versions of the groups of one cache, in a cache of their own that begins with the first. */
final class Groups {

  private final Supplier<CacheService<String>> ofVersions;

  /** By name; guarded by the supplier. */
  private @Nullable CacheService<String> versions;

  Groups(Supplier<CacheService<String>> ofVersions) {
    this.ofVersions = ofVersions;
  }

  <V> CacheGroup<V> of(CacheService<V> entries, String name, String... more) {
    List<String> names = new ArrayList<>(List.of(requireName(name)));
    for (String next : more) {
      names.add(requireName(next));
    }
    return new CacheGroup<>(entries, versions(), names.stream().distinct().sorted().toList());
  }

  void invalidate(String name) {
    versions().delete(requireName(name));
  }

  CacheUpdate beginUpdate(String name, long keyMillis) {
    return new CacheUpdate(versions().hold(List.of(requireName(name)), keyMillis));
  }

  private static String requireName(String name) {
    return Arguments.requireText(name, "name");
  }

  private CacheService<String> versions() {
    synchronized (ofVersions) {
      CacheService<String> made = versions;
      if (made == null) {
        made = ofVersions.get();
        versions = made;
      }
      return made;
    }
  }

  void close() {
    synchronized (ofVersions) {
      if (versions != null) {
        versions.close();
      }
    }
  }
}
