package io.github.redistoolkit.idempotency;

import java.time.Duration;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.SetParams;

/**
 * What is written by hand in an afternoon: looks for a result, runs the work, stores the result.
 * The suites that the service passes must fail it.
 */
record CheckThenSet(UnifiedJedis client, Duration ttl) implements RunsOnce {

  @Override
  public String execute(String key, Operation<String, RuntimeException> work) {
    String known = client.get("naive:" + key);
    if (known != null) {
      return known;
    }
    String result = work.run(null);
    client.set("naive:" + key, result, new SetParams().px(ttl.toMillis()));
    return result;
  }
}
