package io.github.redistoolkit.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ArgumentsSource;

/**
 * Runs a suite once through each kind of client. The suite takes a {@link TestRedis} in its
 * constructor. The keyspace is empty before each test; on an external server, the suite's own part
 * of it is.
 *
 * <p>Which kinds these are depends on {@link #topologies}, on the {@linkplain Matrix size of the
 * run}, and on what {@code -Dredis.client} and {@code -Dredis.topology} leave of them. A suite may
 * then have nothing to run. In a run on an external server, suites that {@linkplain
 * LeavesServerAlone leave it alone} use it as the standalone server. All other servers are started
 * as if no backend were named.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Tag("integration")
@ResourceLock(EachClient.SERVERS)
@ParameterizedClass(name = "{0}", allowZeroInvocations = true)
@ArgumentsSource(EachClientArguments.class)
@ExtendWith(EachClientCleanUp.class)
public @interface EachClient {

  /** What JUnit locks, so that of those who share the servers of a JVM one runs at a time. */
  String SERVERS = "io.github.redistoolkit.testing.servers";

  /**
   * What the suite runs on.
   *
   * @return by default one server
   */
  Topology[] topologies() default {Topology.STANDALONE};

  /**
   * What a run of the default size leaves out, since to these tests it is the same: Sentinel, say,
   * to those in which no primary is replaced.
   *
   * @return by default nothing
   */
  Topology[] notByDefault() default {};

  /**
   * Through what the suite does not run at all, since it makes no sense there, as a suite that lays
   * something over a client which is laid over one already.
   *
   * @return by default nothing
   */
  ClientKind[] never() default {};
}
