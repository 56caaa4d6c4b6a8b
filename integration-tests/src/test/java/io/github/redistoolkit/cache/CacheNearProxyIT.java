package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.CacheStats.NearMode;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.io.IOException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A near cache behind a proxy that does not redirect what is tracked. */
@EachClient
class CacheNearProxyIT {

  private final TestRedis redis;

  CacheNearProxyIT(TestRedis redis) {
    this.redis = redis;
  }

  @ParameterizedTest
  @EnumSource
  void hasChangesPushed(TrackingProxy.Answer answer) throws IOException {
    try (TrackingProxy proxy = new TrackingProxy(redis.address(), answer);
        TestRedis behind = redis.at(proxy.address())) {
      NearHearing.require(redis, behind, NearMode.PUSH);
    }
  }
}
