package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import java.net.SocketTimeoutException;
import java.util.NoSuchElementException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisBusyException;
import redis.clients.jedis.exceptions.JedisClusterException;
import redis.clients.jedis.exceptions.JedisClusterOperationException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisMovedDataException;

class UnavailabilityTest {

  static Stream<JedisException> passing() {
    return Stream.of(
        new JedisConnectionException("refused"),
        new JedisConnectionException(new SocketTimeoutException("Read timed out")),
        new JedisException("no resource", new NoSuchElementException("Timeout waiting")),
        new JedisClusterOperationException("No more cluster attempts left."),
        new JedisClusterException("CLUSTERDOWN Hash slot not served"),
        new JedisBusyException("BUSY Redis is busy running a script."),
        new JedisDataException("LOADING Redis is loading the dataset in memory"),
        new JedisDataException("READONLY You can't write against a read only replica."),
        new JedisDataException("OOM command not allowed when used memory > 'maxmemory'."),
        new JedisDataException("MASTERDOWN Link with MASTER is down"),
        new JedisDataException("MISCONF Redis is configured to save RDB snapshots"),
        new JedisDataException("NOREPLICAS Not enough good replicas to write."),
        new JedisDataException("TRYAGAIN Multiple keys request during rehashing of slot"),
        new JedisDataException("ERR Can not execute the command on a stale replica script: x"));
  }

  static Stream<JedisException> lasting() {
    return Stream.of(
        new JedisDataException("WRONGTYPE Operation against a key holding the wrong kind of value"),
        new JedisDataException("ERR user_script:1: data string too short"),
        new JedisDataException("ERR OOM is not at the start"),
        new JedisAccessControlException("NOPERM this user has no permissions"),
        new JedisAccessControlException("NOAUTH Authentication required."),
        new JedisMovedDataException("MOVED 1 a:1", HostAndPort.from("a:1"), 1),
        new JedisException("no resource", new IllegalStateException("Pool not open")),
        new JedisException("no resource", new InterruptedException()),
        new JedisClusterOperationException(new InterruptedException()));
  }

  @ParameterizedTest
  @MethodSource("passing")
  void aPolicyAppliesToWhatPasses(JedisException e) {
    assertThat(Unavailability.is(e), is(true));
  }

  @ParameterizedTest
  @MethodSource("lasting")
  void noPolicyAppliesToWhatSomebodyHasToRepairNorToInterrupts(JedisException e) {
    assertThat(Unavailability.is(e), is(false));
  }

  @Test
  void recognisesAnInterruptByItsCause() {
    assertThat(
        Unavailability.isInterrupt(new JedisException("x", new InterruptedException())), is(true));
    assertThat(Unavailability.isInterrupt(new JedisConnectionException("x")), is(false));
  }
}
