package io.github.redistoolkit.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.ResourceLock;

/**
 * Gives the methods and the constructor of a test class a real Redis, as parameters of these types:
 *
 * <ul>
 *   <li>{@code JedisPool}, {@code JedisSentinelPool}, {@code Pool<Jedis>}, {@code UnifiedJedis}, or
 *       any client of Jedis that fits the topology: the same for the whole class; not to be closed
 *   <li>{@code Jedis}: a connection to the primary, closed after the test; not in a Cluster
 *   <li>{@link TestRedis}: the Redis with all that the bed can do to it
 *   <li>{@link FaultProxy}: a network that fails on demand. The clients that the same method asks
 *       for go through it; all of them are closed after the test
 *   <li>{@link PrivateRedis}: the servers, to be stopped, paused or failed over, where they are
 *       {@link Servers#OWN}
 * </ul>
 *
 * <pre>{@code
 * @RedisTest
 * class ProfilesTest {
 *   @Test
 *   void aProfileIsStored(JedisPool pool) {
 *     Profiles profiles = new Profiles(pool);
 *     ...
 *   }
 * }
 * }</pre>
 *
 * <p>The keyspace is empty before each test: every key is removed after one. The servers are
 * started for the first class of a JVM that needs them, and end with it. {@code -Dredis.backend}
 * says where they come from. On an external server, only keys that {@link TestRedis#unique} named
 * are removed, and only classes that {@linkplain LeavesServerAlone leave it alone} run there.
 *
 * <p>A class fails at its end if it has left something behind, as {@link LeakGuard} says: a
 * borrowed connection, or a thread that the configuration names. Nested classes share all of this.
 * Only one class at a time uses the servers of a JVM, whatever JUnit runs in parallel.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ResourceLock(EachClient.SERVERS)
@ExtendWith(RedisTestExtension.class)
public @interface RedisTest {

  /** Whose the servers are. */
  enum Servers {
    /** Those that all classes of the JVM use, so nothing may be done to them. */
    SHARED,
    /**
     * This class's alone, so it may do to them what it likes. A test that fails, or leaves one of
     * them stopped or paused, gives the next test new ones.
     */
    OWN
  }

  /**
   * How the servers are laid out.
   *
   * @return by default one server
   */
  Topology topology() default Topology.STANDALONE;

  /**
   * The one kind of client that is given; it has to fit the topology and the parameters. By default
   * it is the newest client of Jedis that fits the type of a parameter, with the protocol that it
   * has by itself.
   *
   * @return at most one kind
   */
  ClientKind[] client() default {};

  /**
   * Whose the servers are.
   *
   * @return by default those that all classes use
   */
  Servers servers() default Servers.SHARED;

  /**
   * Further lines for the configuration of each server that holds data, as in {@code redis.conf}.
   *
   * @return by default none; only where the servers are {@link Servers#OWN}
   */
  String[] settings() default {};
}
