package io.github.redistoolkit.core;

/**
 * Refuses modules of the toolkit whose versions differ: what they share in this one may change with
 * every version, and would fail somewhere in the middle.
 */
public final class SameVersion {

  private SameVersion() {}

  /**
   * Checks that a module fits. Called by its main types when they are loaded.
   *
   * @param module the module's name
   * @param version its version, which must be that of this module
   * @throws IncompatibleClassChangeError if it is another, naming both; an error, so that it comes
   *     as it is out of the initialisation of a class
   */
  public static void require(String module, String version) {
    String core = CoreVersion.get();
    if (!version.equals(core)) {
      throw new IncompatibleClassChangeError(
          module
              + " "
              + version
              + " needs redis-core "
              + version
              + ", but redis-core "
              + core
              + " is on the class path; give all modules of the toolkit one version, as redis-bom"
              + " does");
    }
  }
}
