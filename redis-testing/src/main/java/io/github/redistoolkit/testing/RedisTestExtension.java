package io.github.redistoolkit.testing;

import java.lang.reflect.Executable;
import java.lang.reflect.Parameter;
import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/** Does what {@link RedisTest} says. */
final class RedisTestExtension
    implements BeforeAllCallback, AfterAllCallback, AfterEachCallback, ParameterResolver {

  private static final Namespace NAMESPACE = Namespace.create(RedisTestExtension.class);
  private static final Set<Class<?>> OURS =
      Set.of(TestRedis.class, PrivateRedis.class, FaultProxy.class, Jedis.class);

  /** What {@link #beforeAll} has stored; nested classes find that of the class around them. */
  private record Used(String by, RedisTestServers servers) {}

  @Override
  public void beforeAll(ExtensionContext context) {
    Store store = context.getStore(NAMESPACE);
    if (store.get(Used.class, Used.class) == null) {
      Class<?> type = context.getRequiredTestClass();
      RedisTest asked =
          AnnotationSupport.findAnnotation(type, RedisTest.class)
              .orElseThrow(() -> new IllegalStateException(type + " is no @RedisTest"));
      boolean leavesAlone = AnnotationSupport.isAnnotated(type, LeavesServerAlone.class);
      store.put(
          Used.class,
          new Used(context.getUniqueId(), new RedisTestServers(type, asked, leavesAlone)));
    }
  }

  @Override
  public void afterEach(ExtensionContext context) {
    used(context).servers().afterEach(context.getExecutionException().isPresent());
  }

  @Override
  public void afterAll(ExtensionContext context) {
    Used used = used(context);
    if (used.by().equals(context.getUniqueId())) {
      used.servers().afterAll(context);
    }
  }

  /** Also what the constructor of a test gets ends with the test. */
  @Override
  public ExtensionContextScope getTestInstantiationExtensionContextScope(ExtensionContext root) {
    return ExtensionContextScope.TEST_METHOD;
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    return OURS.contains(type) || isClient(type);
  }

  private static boolean isClient(Class<?> type) {
    return Pool.class.isAssignableFrom(type) || UnifiedJedis.class.isAssignableFrom(type);
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    try {
      return resolve(type, parameter.getDeclaringExecutable(), context);
    } catch (IllegalArgumentException e) {
      throw new ParameterResolutionException(
          parameter.getParameter()
              + " of "
              + parameter.getDeclaringExecutable()
              + ": "
              + e.getMessage(),
          e);
    }
  }

  private static Object resolve(Class<?> type, Executable of, ExtensionContext context) {
    RedisTestServers servers = used(context).servers();
    if (type == PrivateRedis.class) {
      return servers.own();
    }
    if (type == FaultProxy.class) {
      return proxy(context, servers);
    }
    TestRedis direct = servers.redis(isClient(type) ? type : Object.class);
    TestRedis redis = hasProxy(of) ? direct.through(proxy(context, servers)) : direct;
    if (redis != direct) {
      store(context).put(redis, redis); // closed after the test
    }
    if (type == TestRedis.class) {
      return redis;
    }
    if (type == Jedis.class) {
      if (redis.topology() == Topology.CLUSTER) {
        throw new IllegalArgumentException(
            "a Jedis reaches one server, not a Cluster; ask for a RedisClusterClient");
      }
      Jedis jedis = redis.open(redis.address());
      store(context).put(jedis, jedis);
      return jedis;
    }
    return redis.<Object>over(pool -> pool, client -> client);
  }

  private static boolean hasProxy(Executable executable) {
    return Arrays.stream(executable.getParameters())
        .map(Parameter::getType)
        .anyMatch(type -> type == FaultProxy.class);
  }

  /** One for each test. */
  private static FaultProxy proxy(ExtensionContext context, RedisTestServers servers) {
    return store(context)
        .computeIfAbsent(
            FaultProxy.class, unseen -> servers.redis(Object.class).proxy(), FaultProxy.class);
  }

  private static Store store(ExtensionContext context) {
    return context.getStore(NAMESPACE);
  }

  private static Used used(ExtensionContext context) {
    Used used = store(context).get(Used.class, Used.class);
    if (used == null) {
      throw new IllegalStateException("@RedisTest has not begun in " + context.getDisplayName());
    }
    return used;
  }
}
