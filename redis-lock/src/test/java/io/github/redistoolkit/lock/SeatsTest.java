package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.core.PooledClient;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisPoolConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.executors.CommandExecutor;
import redis.clients.jedis.util.Pool;

class SeatsTest {

  @ParameterizedTest
  @CsvSource({"1, 0", "3, 0", "4, 1", "7, 1", "8, 2", "64, 16", "-1, 100"})
  void aQuarterOfThePoolMayBlock(int maxTotal, int seats) {
    assertThat(taken(Seats.of(PooledClient.over(pool(maxTotal)))), is(seats));
    ConnectionPoolConfig config = new ConnectionPoolConfig();
    config.setMaxTotal(maxTotal);
    try (RedisClient client =
        RedisClient.builder().hostAndPort("127.0.0.1", 1).poolConfig(config).build()) {
      assertThat(taken(Seats.of(client)), is(seats));
    }
  }

  @Test
  void locksOverOnePoolShareItsSeats() {
    Pool<Jedis> pool = pool(4);
    Seats one = Seats.of(PooledClient.over(pool));
    Seats other = Seats.of(PooledClient.over(pool));
    assertThat(one.tryTake(), is(true));
    assertThat(other.tryTake(), is(false));
    one.leave();
    assertThat(other.tryTake(), is(true));
  }

  @Test
  void aClientThatDoesNotShowItsPoolHasNoSeats() {
    assertThat(Seats.of(new Opaque()).tryTake(), is(false));
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

  private static final class Opaque extends UnifiedJedis {
    Opaque() {
      super(new Nowhere(), null, RedisProtocol.RESP2, null);
    }
  }

  private static final class Nowhere implements CommandExecutor {
    @Override
    public <T> T executeCommand(CommandObject<T> command) {
      throw new AssertionError("nothing is sent here");
    }

    @Override
    public void close() {}
  }
}
