package io.github.redistoolkit.testing;

import java.lang.reflect.Field;
import java.util.Collection;
import java.util.List;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.providers.ClusterConnectionProvider;
import redis.clients.jedis.providers.PooledConnectionProvider;
import redis.clients.jedis.providers.SentineledConnectionProvider;
import redis.clients.jedis.util.Pool;

/** The pools that a client of Jedis 7.0 to 8 has its connections in. Not all of it is shown. */
final class ConnectionPools {

  private static final Field PROVIDER = field(UnifiedJedis.class, "provider");
  private static final Field SENTINEL_POOL = field(SentineledConnectionProvider.class, "pool");

  private ConnectionPools() {}

  /**
   * The pools of this moment: one, or in a Cluster one for each node that the client knows.
   *
   * @throws IllegalStateException if the client is none of {@link ClientKind}
   */
  static Collection<? extends Pool<?>> of(UnifiedJedis client) {
    Object provider = get(PROVIDER, client);
    if (provider instanceof PooledConnectionProvider one) {
      return List.of(one.getPool());
    }
    if (provider instanceof ClusterConnectionProvider cluster) {
      return cluster.getNodes().values();
    }
    if (provider instanceof SentineledConnectionProvider sentinel
        && get(SENTINEL_POOL, sentinel) instanceof Pool<?> pool) {
      return List.of(pool);
    }
    throw new IllegalStateException("no pools are known of " + client.getClass());
  }

  private static Field field(Class<?> type, String name) {
    try {
      Field field = type.getDeclaredField(name);
      field.setAccessible(true);
      return field;
    } catch (NoSuchFieldException e) {
      throw new IllegalStateException(
          "Jedis 7.0 to 8 is needed, which has " + type + "." + name, e);
    }
  }

  private static Object get(Field field, Object of) {
    try {
      return field.get(of);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }
}
