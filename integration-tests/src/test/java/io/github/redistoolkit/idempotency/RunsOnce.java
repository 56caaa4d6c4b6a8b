package io.github.redistoolkit.idempotency;

/** Anything that claims to run the work of a key once and to give its result to all who ask. */
@FunctionalInterface
interface RunsOnce {

  String execute(String key, Operation<String, RuntimeException> work);
}
