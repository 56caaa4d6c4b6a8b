package io.github.redistoolkit.lending;

/**
 * What all branches share.
 *
 * @param names what their names in Redis begin with
 */
record HeadOffice(LendingDatabase database, Figures figures, String names) {}
