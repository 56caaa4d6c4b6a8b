package io.github.redistoolkit.core;

import io.github.redistoolkit.testing.TestRedis;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import redis.clients.authentication.core.IdentityProvider;
import redis.clients.authentication.core.SimpleToken;
import redis.clients.authentication.core.TokenAuthConfig;
import redis.clients.jedis.DefaultRedisCredentials;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.RedisCredentials;
import redis.clients.jedis.RedisCredentialsProvider;
import redis.clients.jedis.authentication.AuthXManager;
import redis.clients.jedis.util.SafeEncoder;

/**
 * What gives out one token after the other, each good for a user of its own; so that the servers
 * cut whoever still goes by an earlier one as soon as its user is gone.
 */
final class Tokens {

  private static final long LIFE_MILLIS = 1_000;

  private final TestRedis redis;
  private final String name;
  private final AtomicInteger number = new AtomicInteger();

  Tokens(TestRedis redis) {
    this.redis = redis;
    this.name = redis.unique("token-user-").replace(':', '-');
    add(0);
  }

  /** As an application gives them by Jedis's token-based authentication. */
  AuthXManager manager() {
    IdentityProvider provider =
        () -> {
          long now = System.currentTimeMillis();
          String user = user(number.get());
          return new SimpleToken(user, user, now + LIFE_MILLIS, now, Map.of("user", user));
        };
    return new AuthXManager(
        TokenAuthConfig.builder()
            .expirationRefreshRatio(0.5f)
            .lowerRefreshBoundMillis(1)
            .tokenRequestExecTimeoutInMs(1000)
            .maxAttemptsToRetry(3)
            .delayInMsToRetry(100)
            .identityProviderConfig(() -> provider)
            .build());
  }

  /** As an application gives them by a provider of its own, which tells nobody of a new one. */
  RedisCredentialsProvider provider() {
    return new RedisCredentialsProvider() {
      @Override
      public RedisCredentials get() {
        String user = user(number.get());
        return new DefaultRedisCredentials(user, user);
      }
    };
  }

  /** Gives out the next one from now on; the one before stays good. */
  void next() {
    add(number.get() + 1);
    number.incrementAndGet();
  }

  /** Connections that were let in by the token before. */
  List<String> connectionsByFormer() {
    return connectionsBy(number.get() - 1);
  }

  /** Connections that were let in by the one of now. */
  List<String> connectionsByPresent() {
    return connectionsBy(number.get());
  }

  private List<String> connectionsBy(int n) {
    String user = " user=" + user(n) + " ";
    return redis.nodes().stream()
        .flatMap(node -> clientsOf(node).lines())
        .filter(line -> line.contains(user))
        .toList();
  }

  private String clientsOf(HostAndPort node) {
    try (Jedis jedis = redis.open(node)) {
      return SafeEncoder.encode((byte[]) jedis.sendCommand(Protocol.Command.CLIENT, "LIST"));
    }
  }

  /** Ends the token before, and with it every connection that was let in by it. */
  void endFormer() {
    for (HostAndPort node : redis.nodes()) {
      try (Jedis jedis = redis.open(node)) {
        jedis.aclDelUser(user(number.get() - 1));
      }
    }
  }

  void end() {
    for (HostAndPort node : redis.nodes()) {
      try (Jedis jedis = redis.open(node)) {
        jedis.aclDelUser(user(number.get()));
      }
    }
  }

  private void add(int n) {
    for (HostAndPort node : redis.nodes()) {
      try (Jedis jedis = redis.open(node)) {
        jedis.aclSetUser(user(n), "reset", "on", ">" + user(n), "~*", "&*", "+@all");
      }
    }
  }

  private String user(int n) {
    return name + "." + n;
  }
}
