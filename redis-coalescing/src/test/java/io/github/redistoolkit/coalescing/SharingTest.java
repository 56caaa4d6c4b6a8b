package io.github.redistoolkit.coalescing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.json.JsonProtocol.JsonCommand;

class SharingTest {

  /** Commands that block, belong to the connection, or are an operator's. */
  private static final Set<String> ALONE =
      Set.of(
          """
          BLPOP BRPOP BRPOPLPUSH BLMOVE BLMOVEM BLMPOP BZMPOP BZPOPMIN BZPOPMAX
          XREAD XREADGROUP WAIT WAITAOF
          AUTH HELLO SELECT RESET CLIENT ASKING READONLY READWRITE HIMPORT QUIT
          MULTI EXEC DISCARD WATCH UNWATCH
          SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE SSUBSCRIBE SUNSUBSCRIBE MONITOR
          KEYS FLUSHDB FLUSHALL SWAPDB MOVE MIGRATE SCRIPT FUNCTION INFO CONFIG SHUTDOWN SAVE BGSAVE
          BGREWRITEAOF ROLE FAILOVER SLOWLOG CLUSTER SLAVEOF REPLICAOF SENTINEL MODULE ACL MEMORY
          LOLWUT COMMAND LATENCY HOTKEYS
          """
              .split("\\s+"));

  private static CommandObject<Object> command(ProtocolCommand name) {
    return new CommandObject<>(
        new CommandArguments(name).add("a").add("1"), BuilderFactory.RAW_OBJECT);
  }

  /** A command of a new Jedis is neither, until somebody has looked at what it does. */
  @Test
  void everyCommandOfThisJedisIsClassified() {
    Set<String> unclassified =
        Arrays.stream(Command.values())
            .filter(name -> Sharing.allows(name) == ALONE.contains(name.name()))
            .map(Command::name)
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(unclassified, is(Set.of()));
  }

  @ParameterizedTest
  @EnumSource(Command.class)
  void aCommandSharesByItsName(Command name) {
    assertThat(Sharing.allows(command(name)), is(!ALONE.contains(name.name())));
  }

  @Test
  void aCommandThatSaysItBlocksGoesAlone() {
    CommandObject<Object> blocking =
        new CommandObject<>(
            new CommandArguments(Command.GET).key("a").blocking(), BuilderFactory.RAW_OBJECT);
    assertThat(Sharing.allows(blocking), is(false));
  }

  @ParameterizedTest
  @EnumSource(JsonCommand.class)
  void aCommandOfAModuleGoesAlone(JsonCommand name) {
    assertThat(Sharing.allows(command(name)), is(false));
  }

  @Test
  void aCommandThatJedisDoesNotKnowGoesAlone() {
    assertThat(Sharing.allows(command(() -> new byte[] {'G', 'E', 'T'})), is(false));
  }
}
