/**
 * Tests on a real Redis: servers, clients, and what goes wrong with them.
 *
 * <p>Use it to find out what your own code does when a reply is lost, a primary is replaced, a slot
 * moves, or a JVM dies. It starts the servers itself, on loopback: in a container, or as processes
 * of this machine. Do not use it against servers that others use, except with suites that
 * {@linkplain io.github.redistoolkit.testing.LeavesServerAlone leave them alone}.
 *
 * <p>It is for the test class path, with JUnit 6.
 */
@NullMarked
package io.github.redistoolkit.testing;

import org.jspecify.annotations.NullMarked;
