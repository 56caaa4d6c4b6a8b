package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.exceptions.JedisDataException;

/** Servers that have no memory left. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyOutOfMemoryIT {

  private static final TypeToken<Integer> NUMBER = TypeToken.get(Integer.class);

  private final PrivateRedis servers;
  private final IdempotencyService service;
  private final String key;
  private final String done;
  private final StoredRecord stored;
  private final AtomicInteger runs = new AtomicInteger();

  IdempotencyOutOfMemoryIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.service = Services.on(servers.redis());
    this.key = servers.redis().unique("key");
    this.done = servers.redis().unique("done");
    this.stored = new StoredRecord(servers.redis().admin(), service, key);
  }

  @Test
  void withoutMemoryNothingIsClaimedAndAResultCanBeRecordedLater() {
    assertThat(service.execute(done, Integer.class, () -> 7), is(7));
    Claim<Integer> claim = service.begin(key, null, NUMBER);
    Claim<Integer> given = service.begin(servers.redis().unique("given"), null, NUMBER);
    StoredRecord.Exactly before = stored.exactly();
    servers.exhaustMemory();

    refusesForLackOfMemory(() -> service.execute("other", Integer.class, runs::incrementAndGet));
    refusesForLackOfMemory(() -> service.storeRequest("other", 1));
    refusesForLackOfMemory(() -> claim.extend(Duration.ofDays(1)));
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> claim.complete(1));
    assertThat(e.reason(), is(Reason.REDIS_UNAVAILABLE));
    assertThat(stored.exactly(), is(before));
    assertThat(service.isDuplicate("other"), is(false));
    assertThat(service.execute(done, Integer.class, runs::incrementAndGet), is(7));
    given.abandon();

    servers.restoreMemory();
    claim.complete(1);
    assertThat(service.getResult(key, Integer.class), is(Optional.of(1)));
  }

  private void refusesForLackOfMemory(Executable call) {
    assertThat(assertThrows(JedisDataException.class, call).getMessage(), containsString("OOM"));
    assertThat(runs.get(), is(0));
  }
}
