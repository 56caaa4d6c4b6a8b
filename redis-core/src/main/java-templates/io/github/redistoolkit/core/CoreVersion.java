package io.github.redistoolkit.core;

/** The version of this module, written here by the build. */
final class CoreVersion {

  private CoreVersion() {}

  static String get() {
    return "${project.version}";
  }
}
