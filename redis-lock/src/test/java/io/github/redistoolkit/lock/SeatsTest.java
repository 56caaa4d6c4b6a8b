package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.core.RedisAccess;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisPoolConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.util.Pool;

class SeatsTest {

  @ParameterizedTest
  @CsvSource({"1, 0", "3, 0", "4, 1", "7, 1", "8, 2", "64, 16", "-1, 100"})
  void aQuarterOfThePoolMayBlock(int maxTotal, int seats) {
    assertThat(taken(Seats.of(RedisAccess.of(pool(maxTotal)))), is(seats));
    ConnectionPoolConfig config = new ConnectionPoolConfig();
    config.setMaxTotal(maxTotal);
    try (RedisClient client =
        RedisClient.builder().hostAndPort("127.0.0.1", 1).poolConfig(config).build()) {
      assertThat(taken(Seats.of(RedisAccess.of(client))), is(seats));
    }
  }

  @Test
  void locksOverOnePoolShareItsSeats() {
    Pool<Jedis> pool = pool(4);
    Seats one = Seats.of(RedisAccess.of(pool));
    Seats other = Seats.of(RedisAccess.of(pool));
    assertThat(one.tryTake(), is(true));
    assertThat(other.tryTake(), is(false));
    one.leave();
    assertThat(other.tryTake(), is(true));
  }

  private static int taken(Seats seats) {
    return (int) IntStream.range(0, 100).filter(i -> seats.tryTake()).count();
  }

  @SuppressWarnings("deprecation") // what most code holds
  private static Pool<Jedis> pool(int maxTotal) {
    JedisPoolConfig config = new JedisPoolConfig();
    config.setMaxTotal(maxTotal);
    return new JedisPool(config, "127.0.0.1", 1);
  }
}
