package io.github.redistoolkit.testing;

import java.lang.reflect.InvocationTargetException;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/**
 * The client that {@code redis-coalescing} makes of a pool, by reflection: the bed does without
 * that module where no test asks for it.
 */
final class Coalesced {

  private static final String MAKER = "io.github.redistoolkit.coalescing.Coalescing";

  private Coalesced() {}

  static boolean isAvailable() {
    try {
      return maker() != null;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  private static Class<?> maker() throws ClassNotFoundException {
    return Class.forName(MAKER, false, Coalesced.class.getClassLoader());
  }

  /**
   * A client over this pool, which stays open when that is closed.
   *
   * @throws JedisException if the pool has no connection, though one is needed
   * @throws IllegalStateException if the module is not on the class path
   */
  static UnifiedJedis over(Pool<Jedis> pool) {
    try {
      return (UnifiedJedis) maker().getMethod("over", Pool.class).invoke(null, pool);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(MAKER + " made no client", e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("redis-coalescing is not on the class path", e);
    }
  }
}
