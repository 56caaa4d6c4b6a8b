package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.exceptions.JedisException;

/** Redis out of reach before and after the work. */
@EachClient
class IdempotencyFailureIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;
  private final AtomicInteger runs = new AtomicInteger();

  IdempotencyFailureIT(TestRedis redis) {
    this.redis = redis;
    this.service = service(redis);
    this.key = redis.unique("key");
  }

  private static IdempotencyService service(TestRedis redis) {
    return redis.over(
        pool -> new IdempotencyService(pool, Duration.ofHours(1)),
        client -> new IdempotencyService(client, Duration.ofHours(1)));
  }

  @Test
  void nothingRunsWhenRedisIsDown() throws IOException {
    HostAndPort nobody = nobody();
    try (TestRedis down = redis.at(nobody)) {
      IdempotencyService cut = service(down);
      assertThrows(
          JedisException.class, () -> cut.execute(key, Integer.class, runs::incrementAndGet));
      assertThrows(JedisException.class, () -> cut.begin(key, null, TEXT));
      assertThrows(JedisException.class, () -> cut.isDuplicate(key));
      assertThrows(JedisException.class, () -> cut.storeRequest(key, 1));
      assertThrows(JedisException.class, () -> cut.getResult(key, Integer.class));
      assertThrows(JedisException.class, () -> cut.forget(key));
    }
    assertThat(runs.get(), is(0));
  }

  private static HostAndPort nobody() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return new HostAndPort("127.0.0.1", socket.getLocalPort());
    }
  }

  @Test
  void aResultThatRedisCannotTakeComesWithTheExceptionAndTheClaimStays() {
    TestRedis other = redis.at(redis.address());
    String result = new String("done");
    ResultNotRecordedException e =
        assertThrows(
            ResultNotRecordedException.class,
            () ->
                service(other)
                    .execute(
                        key,
                        String.class,
                        () -> {
                          other.close();
                          return result;
                        }));
    assertThat(e.reason(), is(Reason.REDIS_UNAVAILABLE));
    assertThat(e.result(), is(sameInstance(result)));
    assertThat(e.getCause(), is(instanceOf(JedisException.class)));
    InProgressException inProgress =
        assertThrows(InProgressException.class, () -> service.begin(key, null, TEXT));
    assertThat(inProgress.retryAfter(), is(greaterThan(Duration.ZERO)));
  }

  @Test
  void aFailedCompletionDoesNotAbandonTheClaimOnClose() {
    TestRedis other = redis.at(redis.address());
    try (Claim<String> claim = service(other).begin(key, null, TEXT)) {
      other.close();
      assertThrows(ResultNotRecordedException.class, () -> claim.complete("done"));
      // May be tried again, for as long as the caller has patience.
      assertThrows(ResultNotRecordedException.class, () -> claim.complete("done"));
    }
    assertThrows(InProgressException.class, () -> service.begin(key, null, TEXT));
  }

  @Test
  void theWorksOwnExceptionIsThrownAlsoWhenTheClaimCannotBeAbandoned() {
    TestRedis other = redis.at(redis.address());
    IOException failure = new IOException("checked");
    IOException thrown =
        assertThrows(
            IOException.class,
            () ->
                service(other)
                    .execute(
                        key,
                        String.class,
                        () -> {
                          other.close();
                          throw failure;
                        }));
    assertThat(thrown, is(sameInstance(failure)));
    assertThat(thrown.getSuppressed()[0], is(instanceOf(JedisException.class)));
  }
}
