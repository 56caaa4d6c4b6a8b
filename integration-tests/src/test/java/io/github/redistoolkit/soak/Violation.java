package io.github.redistoolkit.soak;

/**
 * A guarantee that was broken.
 *
 * @param subject whose: the name of a lock, a key, an id
 * @param text what happened
 * @param nanos about when, as {@link System#nanoTime}
 */
record Violation(String subject, String text, long nanos) {}
