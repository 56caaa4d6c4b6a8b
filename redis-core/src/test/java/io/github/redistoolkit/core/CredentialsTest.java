package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.DefaultRedisCredentials;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.RedisCredentials;
import redis.clients.jedis.RedisCredentialsProvider;
import redis.clients.jedis.exceptions.JedisAccessControlException;

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

  /** A connection to a server that refuses whatever it is sent. */
  private static final class Refused extends Connection {
    private final AtomicInteger sent = new AtomicInteger();

    Refused() {
      super("127.0.0.1", 1); // which connects with the first command only
    }

    @Override
    public Object executeCommand(CommandArguments arguments) {
      sent.incrementAndGet();
      throw new JedisAccessControlException("WRONGPASS on purpose");
    }

    private void tryAgain(Credentials credentials) {
      try {
        assertThat(credentials.authenticate(this, 7), is(7L));
      } catch (JedisAccessControlException e) {
        assertThat(e.getMessage(), is("WRONGPASS on purpose"));
      }
    }
  }

  @Test
  void whatWasRefusedIsSentAgainAfterAPeriodOrWhenThereIsSomethingElse() {
    AtomicInteger password = new AtomicInteger();
    JedisClientConfig config = config(n -> "p" + password.get());
    Refused connection = new Refused();
    long first = credentials.beforeConnecting(config);
    connection.tryAgain(credentials);
    connection.tryAgain(credentials);
    assertThat(connection.sent.get(), is(1));
    time.jump(PERIOD_MILLIS);
    connection.tryAgain(credentials);
    connection.tryAgain(credentials);
    assertThat(connection.sent.get(), is(2));
    password.incrementAndGet();
    assertThat(credentials.beforeConnecting(config), is(first + 1));
    connection.tryAgain(credentials);
    assertThat(connection.sent.get(), is(3));
  }
}
