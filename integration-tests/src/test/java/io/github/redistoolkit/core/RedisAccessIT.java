package io.github.redistoolkit.core;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.RedisAccess.Opened;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.Response;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;

@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
@Tag("smoke")
class RedisAccessIT {

  private final TestRedis redis;
  private final RedisAccess access;

  RedisAccessIT(TestRedis redis) {
    this.redis = redis;
    this.access = CoreAccess.of(redis);
  }

  @Test
  void runsTypedCommandsScriptsAndPipelinesAndGivesEveryConnectionBack() {
    String key = redis.unique("key");
    access.execute(access.commands().set(key, "value"));
    assertThat(access.execute(access.commands().get(key)), is("value"));
    assertThat(LuaScript.of("return ARGV[1]").run(access, List.of(key), List.of("a")), is("a"));
    try (AbstractPipeline pipeline = access.pipelined()) {
      Response<String> first = pipeline.get(key);
      Response<Long> second = pipeline.del(key);
      pipeline.sync();
      assertThat(first.get(), is("value"));
      assertThat(second.get(), is(1L));
    }
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void sendsTheSourceOfAScriptOnlyWhenTheServerDoesNotKnowIt() {
    LuaScript script = LuaScript.of("return redis.call('INCR', KEYS[1]) -- " + redis.unique(""));
    String key = redis.unique("counter");
    long evals = redis.calls("eval");
    assertThat(script.run(access, List.of(key), List.of()), is(1L));
    assertThat(script.run(access, List.of(key), List.of()), is(2L));
    redis.admin().scriptFlush();
    assertThat(script.run(access, List.of(key), List.of()), is(3L));
    assertThat(redis.calls("eval") - evals, is(2L));
  }

  @Test
  void aServersErrorLeavesTheConnectionUsable() {
    String key = redis.unique("list");
    access.execute(access.commands().lpush(key, "x"));
    assertThrows(JedisDataException.class, () -> access.execute(access.commands().get(key)));
    assertThat(redis.borrowed(), is(0));
    assertThat(access.execute(access.commands().llen(key)), is(1L));
  }

  @Test
  void aConnectionWhoseReplyNeverCameIsClosedAndSoIsAnIdleOneWithItsPool() {
    String key = redis.unique("counter");
    try (FaultProxy proxy = redis.proxy()) {
      try (TestRedis through = redis.through(proxy)) {
        RedisAccess faulty = CoreAccess.of(through);
        faulty.execute(faulty.commands().set(key, "0"));
        proxy.loseReply("incr", 1, FaultProxy.Then.SILENCE);
        if (redis.topology() == Topology.CLUSTER) {
          assertThat(
              faulty.execute(faulty.commands().incr(key)), is(2L)); // sent again by Jedis's client
        } else {
          assertThrows(
              JedisConnectionException.class, () -> faulty.execute(faulty.commands().incr(key)));
        }
        assertThat(through.borrowed(), is(0));
        faulty.execute(faulty.commands().set(key, "0"));
      }
      await().until(() -> proxy.connections() == 0);
    }
  }

  @Test
  void aConnectionOfItsOwnSpeaksResp2WhateverThePoolOrClientSpeaks() {
    Opened opened = access.open(1000);
    try {
      CommandArguments info = new CommandArguments(Command.CLIENT).add("INFO");
      String answer =
          opened.connection().executeCommand(new CommandObject<>(info, BuilderFactory.STRING));
      assertThat(answer, containsString(" resp=2"));
    } finally {
      opened.disconnect();
    }
  }

  @Test
  void noConnectionIsLeftBehindWhereItsTimeoutCannotBeSet() {
    try (FaultProxy proxy = redis.proxy()) {
      try (TestRedis through = redis.through(proxy)) {
        RedisAccess connections = CoreAccess.of(through);
        connections.execute(connections.commands().get(redis.unique("key")));
        int before = proxy.connections();
        assertThrows(RuntimeException.class, () -> connections.open(-1));
        await().until(() -> proxy.connections() == before);
      }
    }
  }
}
