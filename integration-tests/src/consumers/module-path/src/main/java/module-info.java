module app {
  requires io.github.redistoolkit.cache;
  requires io.github.redistoolkit.idempotency;
  requires io.github.redistoolkit.lock;
  requires io.github.redistoolkit.pubsub;
  requires io.github.redistoolkit.ratelimit;
  requires redis.clients.jedis;
  requires com.google.gson; // in signatures of the cache and of idempotency
  requires org.apache.commons.pool2; // what Jedis's pools extend

  // So that Gson reads and writes its records.
  opens com.example.app;
}
