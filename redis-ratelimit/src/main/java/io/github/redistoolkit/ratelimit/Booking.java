package io.github.redistoolkit.ratelimit;

/**
 * A decision with the time that a caller who waits has to wait for its grant.
 *
 * @param decision what was decided
 * @param granted how many permits were granted; 0 if refused or if Redis did not decide
 * @param instantMicros the instant of the grant by the id's own time, or, of a refusal, the first
 *     at which the permits fit; 0 if Redis did not decide
 * @param waitMicros from the decision to that instant
 * @param history of which a grant that is ahead is a part: another one after the id was reset or
 *     evicted; 0 of any other decision
 */
record Booking(Decision decision, long granted, long instantMicros, long waitMicros, long history) {

  /** What was decided without Redis. */
  static Booking without(Decision decision) {
    return new Booking(decision, 0, 0, 0, 0);
  }
}
