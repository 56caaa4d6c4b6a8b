package io.github.redistoolkit.idempotency;

import java.util.Objects;

/**
 * The record of a key: one Redis string, of nine parts with a space between.
 *
 * <p>{@code 2 P owner sequence vanished keep step fingerprint body}: the format, and then the
 * components in their order. The body may have spaces of its own. What is left of a claim's lease
 * is the key's time to live less {@code keep}.
 *
 * @param phase what has become of the key
 * @param owner the token of the claim that it belongs to, 22 characters
 * @param sequence grows with each claim and each claim's end
 * @param vanished how many owners have left a claim behind that ran out
 * @param keepMillis for how long a claim is kept beyond its lease; 0 unless a claim
 * @param step which of the claim's extensions is the last; 0 until it is extended
 * @param fingerprint {@link #NO_FINGERPRINT}, or {@link #OWN} or {@link #INHERITED} before a digest
 * @param body JSON of a result, a failure, else empty
 */
record Stored(
    Phase phase,
    String owner,
    long sequence,
    int vanished,
    long keepMillis,
    int step,
    String fingerprint,
    String body) {

  /** A fingerprint that nobody has given. */
  static final String NO_FINGERPRINT = "-";

  /** Before a fingerprint that the owner has given, and that goes if the owner gives up. */
  static final String OWN = ".";

  /** Before a fingerprint that an owner has given who vanished. */
  static final String INHERITED = "!";

  static final int TOKEN_LENGTH = 22;

  private static final String FORMAT = "2";
  private static final int PARTS_BEFORE_BODY = 8;
  private static final int LONGEST_NUMBER = 15;
  private static final int LONGEST_COUNT = 9;

  /** What has become of a key. The letters stand in scripts, too. */
  enum Phase {
    /** Claimed, by a lease that may be over. */
    CLAIMED('P'),
    /** Free; whose claim ended last is still known, so that nothing late of it has an effect. */
    FREE('F'),
    /** Done, with its result. */
    COMPLETED('C'),
    /** Done, with a result that could not be stored. */
    RESULTLESS('N'),
    /** Nobody knows whether it is done; nobody may do it. */
    OPEN('O'),
    /** Failed, and the failure is the answer to all who ask. */
    FAILED('X');

    private final char letter;

    Phase(char letter) {
      this.letter = letter;
    }

    static Phase of(char letter) {
      for (Phase phase : values()) {
        if (phase.letter == letter) {
          return phase;
        }
      }
      throw Records.unreadable();
    }

    String letter() {
      return String.valueOf(letter);
    }
  }

  /** The first claim of a key. */
  static Stored claim(String owner, long keepMillis, String fingerprint) {
    return new Stored(Phase.CLAIMED, owner, 1, 0, keepMillis, 0, fingerprint, "");
  }

  /** What a claim or nothing becomes when the work is over. */
  static Stored ended(
      Phase phase, String owner, long sequence, int vanished, String fingerprint, String body) {
    return new Stored(phase, owner, sequence, vanished, 0, 0, fingerprint, body);
  }

  /**
   * Reads a record.
   *
   * @throws StoredResultException if it is none, or one that this version cannot work with
   */
  static Stored parse(String text) {
    String[] parts = new String[PARTS_BEFORE_BODY];
    int start = 0;
    for (int n = 0; n < parts.length; n++) {
      int end = text.indexOf(' ', start);
      if (end < 0) {
        throw Records.unreadable();
      }
      parts[n] = text.substring(start, end);
      start = end + 1;
    }
    if (!parts[0].equals(FORMAT) || parts[1].length() != 1) {
      throw Records.unreadable();
    }
    return new Stored(
            Phase.of(parts[1].charAt(0)),
            parts[2],
            number(parts[3], LONGEST_NUMBER),
            (int) number(parts[4], LONGEST_COUNT),
            number(parts[5], LONGEST_NUMBER),
            (int) number(parts[6], LONGEST_COUNT),
            parts[7],
            text.substring(start))
        .checked();
  }

  private Stored checked() {
    boolean hasBody = phase == Phase.COMPLETED || phase == Phase.FAILED;
    if (owner.length() != TOKEN_LENGTH
        || !isPlain(owner)
        || hasBody == body.isEmpty()
        || !isFingerprint()) {
      throw Records.unreadable();
    }
    return this;
  }

  /** What is not was perhaps not UTF-8, so a script would never find again what was seen here. */
  private static boolean isPlain(String token) {
    return token.chars().allMatch(c -> c > ' ' && c < 0x7f);
  }

  private boolean isFingerprint() {
    return fingerprint.equals(NO_FINGERPRINT)
        || (fingerprint.length() == TOKEN_LENGTH + 1
            && isPlain(fingerprint)
            && (fingerprint.startsWith(OWN) || fingerprint.startsWith(INHERITED)));
  }

  private static long number(String digits, int longest) {
    if (digits.isEmpty()
        || digits.length() > longest
        || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
      throw Records.unreadable();
    }
    return Long.parseLong(digits);
  }

  /** The record as Redis has it. */
  String text() {
    return FORMAT
        + ' '
        + phase.letter
        + ' '
        + owner
        + ' '
        + sequence
        + ' '
        + vanished
        + ' '
        + keepMillis
        + ' '
        + step
        + ' '
        + fingerprint
        + ' '
        + body;
  }

  /** The claim after one more extension. */
  Stored extended(int newStep) {
    return new Stored(phase, owner, sequence, vanished, keepMillis, newStep, fingerprint, body);
  }

  /** What this claim becomes. */
  Stored settledAs(Phase end, String newBody) {
    return ended(end, owner, sequence, vanished, fingerprint, newBody);
  }

  /** Which attempt a claim is, or was. */
  int attempt() {
    return vanished + 1;
  }

  /** Whether both fingerprints are known and differ. */
  boolean differsFrom(String other) {
    return !fingerprint.equals(NO_FINGERPRINT)
        && !other.equals(NO_FINGERPRINT)
        && !fingerprint.regionMatches(1, other, 1, TOKEN_LENGTH);
  }

  boolean hasFingerprint() {
    return !Objects.equals(fingerprint, NO_FINGERPRINT);
  }
}
