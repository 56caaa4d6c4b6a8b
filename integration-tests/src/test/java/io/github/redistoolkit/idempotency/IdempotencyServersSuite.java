package io.github.redistoolkit.idempotency;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** Servers to be disturbed and a service on them, with which suites begin. */
abstract class IdempotencyServersSuite {

  static final TypeToken<Integer> NUMBER = TypeToken.get(Integer.class);

  final PrivateRedis servers;
  final TestRedis redis;
  final IdempotencyService service;
  final String key;
  final StoredRecord stored;
  final AtomicInteger runs = new AtomicInteger();

  IdempotencyServersSuite(TestRedis shared, Function<TestRedis, IdempotencyService> opened) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.service = opened.apply(redis);
    this.key = redis.unique("key");
    this.stored = new StoredRecord(redis.admin(), service, key);
  }
}
