package io.github.redistoolkit.lending;

/** A loan that was granted; it is paid out later. */
record Loan(String id, String userId, long amountCents) {}
