package io.github.redistoolkit.lending;

/** Someone who may ask for a loan. */
record User(String id, String email, String name) {}
