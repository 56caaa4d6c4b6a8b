package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.util.Pool;

/**
 * The examples of redis-testing's README, compiled and run, and kept word for word what it shows.
 */
@Tag("integration")
@Tag("bed")
@SuppressWarnings("deprecation") // JedisPool is what most code holds
class TestingReadmeIT {

  private static final Path README = Path.of("../redis-testing/README.md");
  private static final Path THIS_FILE =
      Path.of("src/test/java/io/github/redistoolkit/testing/TestingReadmeIT.java");

  @Test
  void everyExampleOfTheReadmeStandsInThisFile() throws IOException {
    String here = comparable(Files.readString(THIS_FILE));
    Matcher block =
        Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(README));
    int examples = 0;
    while (block.find()) {
      assertThat(block.group(1), here.contains(comparable(block.group(1))), is(true));
      examples++;
    }
    assertThat(examples, is(5));
  }

  /** Without comments, and whatever lines the formatter has made. */
  private static String comparable(String java) {
    return java.replaceAll(" *//.*", "").replaceAll("\\s+", " ").replace(" .", ".");
  }

  @Nested
  @RedisTest
  class NamesTest {

    @Test
    void aNameIsReadFromTheDatabaseOnce(JedisPool pool) {
      AtomicInteger reads = new AtomicInteger();
      Names names = new Names(pool, id -> "name " + reads.incrementAndGet());

      assertEquals("name 1", names.of("7"));
      assertEquals("name 1", names.of("7"));
    }
  }

  @Nested
  @RedisTest
  class AccountTest {

    @Test
    void aDepositWhoseReplyWasLostIsNotMadeTwice(FaultProxy network, UnifiedJedis client)
        throws InterruptedException {
      Account account = new Account(client, "ann");
      FaultProxy.Loss loss = network.loseReply("eval", 1, FaultProxy.Then.CUT);

      assertThrows(JedisConnectionException.class, () -> account.deposit("request-1", 5));
      loss.await(); // Redis has executed it, and nobody was told
      account.deposit("request-1", 5);

      assertEquals(5, account.balance());
    }
  }

  @Nested
  @RedisTest(topology = Topology.SENTINEL, servers = RedisTest.Servers.OWN)
  class OrdersTest {

    @Test
    void anOrderThatWasReplicatedIsThereAfterAFailover(PrivateRedis servers, UnifiedJedis client) {
      client.set("order:1", "paid");
      servers.awaitReplicated("order:1");

      servers.failOver("order:1");

      servers.awaitWritable("any"); // this client has found the new primary
      assertEquals("paid", client.get("order:1"));
    }
  }

  @Nested
  @RedisTest(topology = Topology.CLUSTER, servers = RedisTest.Servers.OWN)
  class CartTest {

    @Test
    void aCartStaysWholeWhileItsSlotMoves(PrivateRedis servers, UnifiedJedis client) {
      client.sadd("cart:7", "book");

      SlotMove move = servers.beginMoveOfSlot("cart:7");
      move.moveKeys();
      client.sadd("cart:7", "pen"); // the source sends it on, with ASK
      move.finish();

      assertEquals(Set.of("book", "pen"), client.smembers("cart:7"));
    }
  }

  @Nested
  @RedisTest
  class TicketsTest {

    @Test
    void noTicketIsSoldTwice(TestRedis redis) throws InterruptedException {
      History history = new History();
      try (ChildJvms jvms = ChildJvms.start(redis, 2, Seller.class)) {
        jvms.go();
        history.addLines(jvms.finish());
      }

      List<String> tickets = IntStream.rangeClosed(1, 100).mapToObj(String::valueOf).toList();
      assertEquals(List.of(), history.notOnce("sold", tickets));
    }

    static final class Seller {

      public static void main(String[] args) throws InterruptedException {
        Child child = Child.of(args);
        History history = new History();
        try (TestRedis redis = child.redis()) {
          child.awaitStart(); // until both are ready
          for (int i = 0; i < 50; i++) {
            long sent = System.nanoTime();
            long ticket = redis.client().incr("tickets");
            history.add("sold", String.valueOf(ticket), "", sent, System.nanoTime());
          }
        }
        child.send(history);
      }
    }
  }

  /** A cache of names. */
  private record Names(Pool<Jedis> pool, Function<String, String> database) {

    String of(String id) {
      try (Jedis jedis = pool.getResource()) {
        return Optional.ofNullable(jedis.get("name:" + id))
            .orElseGet(
                () -> {
                  String name = database.apply(id);
                  jedis.set("name:" + id, name, SetParams.setParams().ex(60));
                  return name;
                });
      }
    }
  }

  /** An account that makes each deposit once. */
  private record Account(UnifiedJedis client, String name) {

    private static final String DEPOSIT =
        """
        if redis.call('SADD', KEYS[2], ARGV[1]) == 1 then
          redis.call('INCRBY', KEYS[1], ARGV[2])
        end
        """;

    void deposit(String requestId, long amount) {
      client.eval(
          DEPOSIT,
          List.of("balance:" + name, "deposits:" + name),
          List.of(requestId, String.valueOf(amount)));
    }

    long balance() {
      return Long.parseLong(client.get("balance:" + name));
    }
  }
}
