module app {
  requires io.github.redistoolkit.cache;
  requires io.github.redistoolkit.idempotency;
  requires io.github.redistoolkit.lock;
  requires io.github.redistoolkit.pubsub;
  requires io.github.redistoolkit.ratelimit;
  requires redis.clients.jedis;

  // So that Gson reads and writes its records.
  opens com.example.app;
}
