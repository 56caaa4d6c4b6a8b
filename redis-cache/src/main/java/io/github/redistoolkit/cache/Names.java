package io.github.redistoolkit.cache;

import java.util.List;

/** Puts the prefix before keys, and takes it off again: the only place that does. */
record Names(String prefix) {

  String of(String key) {
    return prefix.concat(key);
  }

  List<String> of(List<String> keys) {
    return keys.stream().map(this::of).toList();
  }

  String key(String name) {
    return name.substring(prefix.length());
  }

  List<String> keys(List<String> names) {
    return names.stream().map(this::key).toList();
  }
}
