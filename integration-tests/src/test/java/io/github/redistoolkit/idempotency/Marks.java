package io.github.redistoolkit.idempotency;

/** Records of owners with names that a reader can tell apart. */
final class Marks {

  static final String ME = owner("me");
  static final String YOU = owner("you");

  private Marks() {}

  static String owner(String name) {
    return name + "-".repeat(Stored.TOKEN_LENGTH - name.length());
  }

  static String fingerprint(String name) {
    return Stored.OWN + owner(name);
  }

  static Stored claim(String owner, long keepMillis) {
    return Stored.claim(owner, keepMillis, Stored.NO_FINGERPRINT);
  }

  static Stored result(String owner, String json) {
    return Stored.ended(Stored.Phase.COMPLETED, owner, 1, 0, Stored.NO_FINGERPRINT, json);
  }
}
