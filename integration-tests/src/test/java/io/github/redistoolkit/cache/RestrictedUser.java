package io.github.redistoolkit.cache;

import io.github.redistoolkit.testing.TestRedis;
import java.util.stream.Stream;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.RedisClient;

/** A user of the server with limited rights, and a client of that user. */
final class RestrictedUser implements AutoCloseable {

  private final TestRedis redis;
  private final String name;
  private final RedisClient client;

  RestrictedUser(TestRedis redis, String... rules) {
    this.redis = redis;
    this.name = redis.unique("restricted");
    change(
        Stream.concat(Stream.of("on", ">secret", "+@all"), Stream.of(rules))
            .toArray(String[]::new));
    this.client =
        RedisClient.builder()
            .hostAndPort(redis.address())
            .clientConfig(DefaultJedisClientConfig.builder().user(name).password("secret").build())
            .build();
  }

  void change(String... rules) {
    acl("SETUSER", rules);
  }

  RedisClient client() {
    return client;
  }

  @Override
  public void close() {
    client.close();
    acl("DELUSER");
  }

  private void acl(String subcommand, String... rules) {
    CommandArguments command = new CommandArguments(Command.ACL).add(subcommand).add(name);
    for (String rule : rules) {
      command.add(rule);
    }
    redis.admin().executeCommand(new CommandObject<>(command, BuilderFactory.RAW_OBJECT));
  }
}
