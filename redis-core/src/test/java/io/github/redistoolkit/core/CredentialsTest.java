package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.DefaultRedisCredentials;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.RedisCredentials;
import redis.clients.jedis.RedisCredentialsProvider;

/** When a provider is asked, and what becomes of its answers. */
class CredentialsTest {

  private static final int PERIOD_MILLIS = Credentials.PERIOD_SECONDS * 1000;

  private final ManualTime time = new ManualTime();
  private final Credentials credentials = new Credentials(time);
  private final AtomicInteger asked = new AtomicInteger();

  /** Of a provider that tells nobody of new ones. */
  private JedisClientConfig config(IntFunction<String> passwords) {
    RedisCredentialsProvider provider =
        new RedisCredentialsProvider() {
          @Override
          public RedisCredentials get() {
            return new DefaultRedisCredentials("user", passwords.apply(asked.incrementAndGet()));
          }
        };
    return DefaultJedisClientConfig.builder().credentialsProvider(provider).build();
  }

  private long lookFor(JedisClientConfig config, int periods) {
    long number = 0;
    for (int i = 0; i < periods; i++) {
      number = credentials.beforeConnecting(config);
      time.jump(PERIOD_MILLIS);
    }
    return number;
  }

  @Test
  void oneThatGivesTheSameIsAskedInEachPeriod() {
    assertThat(lookFor(config(n -> "same"), 100), is(1L));
    assertThat(asked.get(), is(100));
  }

  @Test
  void oneThatGivesAnotherWheneverItIsAskedIsAskedOnceAMinute() {
    long unused = lookFor(config(n -> "p" + n), 100);
    assertThat(asked.get(), is(lessThanOrEqualTo(20)));
  }

  @Test
  void oneThatGivesAnotherNowAndThenIsAskedInEachPeriod() {
    assertThat(lookFor(config(n -> "p" + n / 2), 100), is(51L));
    assertThat(asked.get(), is(100));
  }
}
