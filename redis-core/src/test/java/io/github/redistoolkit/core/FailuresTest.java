package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import java.util.List;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisBusyException;
import redis.clients.jedis.exceptions.JedisClusterException;
import redis.clients.jedis.exceptions.JedisClusterOperationException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisMovedDataException;

class FailuresTest {

  @Test
  void aLostConnectionPassesAndLeavesTheOutcomeUnknown() {
    assertFailure(new JedisConnectionException("reset"), true, true);
    assertFailure(new JedisClusterOperationException("no more attempts"), true, true);
    JedisConnectionException refused = new JedisConnectionException("refused");
    assertFailure(new JedisException("could not return it", refused), true, true);
  }

  @Test
  void anErrorReplyIsAnOutcomeAndSomeOfThemPass() {
    assertFailure(new JedisBusyException("BUSY running a script"), true, false);
    assertFailure(new JedisClusterException("CLUSTERDOWN"), true, false);
    assertFailure(new JedisDataException("UNBLOCKED client unblocked"), true, false);
    assertFailure(new JedisDataException("READONLY You can't write"), true, false);
    assertFailure(new JedisDataException("LOADING Redis is loading"), true, false);
    assertFailure(new JedisDataException("OOM command not allowed when used"), true, false);
    assertFailure(new JedisDataException("MASTERDOWN Link with MASTER is down"), true, false);
    assertFailure(new JedisDataException("MISCONF Redis is configured to save"), true, false);
    assertFailure(new JedisDataException("NOREPLICAS Not enough good replicas"), true, false);
    assertFailure(new JedisDataException("TRYAGAIN Multiple keys request"), true, false);
    String stale = "ERR Can not execute the command on a stale replica script: x";
    assertFailure(new JedisDataException(stale), true, false);
    assertFailure(new JedisDataException("ERR OOM is not at the start"), false, false);
    HostAndPort elsewhere = HostAndPort.from("a:1");
    assertFailure(new JedisMovedDataException("MOVED 1 a:1", elsewhere, 1), false, false);
    assertFailure(new JedisDataException("WRONGTYPE Operation against"), false, false);
    assertFailure(new JedisAccessControlException("NOPERM no permission"), false, false);
    assertFailure(new JedisDataException((String) null), false, false);
  }

  @Test
  void anErrorFromWithinAScriptLeavesUnknownWhatItHadDoneBefore() {
    for (String message :
        List.of(
            "NOPERM no permission script: 5a3, on @user_script:50.",
            "ERR Error running script (call to f_5a3): @user_script:50: NOPERM no permission")) {
      assertFailure(new JedisDataException(message), false, true);
    }
    String readOnly = "READONLY You can't write script: 5a3, on @user_script:50.";
    assertFailure(new JedisDataException(readOnly), true, false);
  }

  @Test
  void aPoolThatGivesNothingSendsNothingAndOnlyAnExhaustedOneRecovers() {
    assertFailure(new JedisException("exhausted", new NoSuchElementException()), true, false);
    assertFailure(new JedisException("closed", new IllegalStateException()), false, false);
    assertFailure(new JedisException("interrupted", new InterruptedException()), false, false);
    InterruptedException resting = new InterruptedException();
    assertFailure(new JedisClusterOperationException(resting), false, false);
  }

  private static void assertFailure(JedisException failure, boolean passing, boolean unknown) {
    assertThat(failure + " passes", Failures.isPassing(failure), is(passing));
    assertThat(failure + " leaves it unknown", Failures.mayHaveRun(failure), is(unknown));
  }
}
