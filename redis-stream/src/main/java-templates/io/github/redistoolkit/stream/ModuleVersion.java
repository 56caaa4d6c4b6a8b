package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.SameVersion;

/** The version of this module, written here by the build. */
final class ModuleVersion {

  private ModuleVersion() {}

  /** Refuses a redis-core of another version, before anything of it is used. */
  static void check() {
    SameVersion.require("${project.artifactId}", "${project.version}");
  }
}
