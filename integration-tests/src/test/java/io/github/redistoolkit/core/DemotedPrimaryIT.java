package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisDataException;

/** What a pool does with a connection to a server that takes writes no longer. */
@Tag("integration")
class DemotedPrimaryIT {

  @Test
  void aConnectionOnWhichAWriteIsRefusedByAReplicaIsNotUsedAgain() {
    try (TestRedis shared = TestRedis.of(ClientKind.POOL)) {
      PrivateRedis servers = shared.privateServers();
      RedisAccess redis = CoreAccess.of(servers.redis());
      String key = shared.unique("key");
      redis.execute(redis.commands().set(key, "value"));
      Object id = connectionId(redis);
      assertThat(connectionId(redis), is(id));

      demote(servers, key);
      JedisDataException refusal =
          assertThrows(
              JedisDataException.class, () -> redis.execute(redis.commands().set(key, "other")));

      assertThat(refusal.getMessage(), startsWith("READONLY"));
      assertThat(connectionId(redis), is(not(id)));
      assertThat(servers.redis().borrowed(), is(0));
    }
  }

  private static Object connectionId(RedisAccess redis) {
    return redis.execute(
        new CommandObject<>(new CommandArguments(Command.CLIENT).add("ID"), BuilderFactory.LONG));
  }

  private static void demote(PrivateRedis servers, String key) {
    try (Jedis jedis = new Jedis(servers.primaryOf(key).address())) {
      jedis.replicaof("127.0.0.1", 1);
    }
  }
}
