package io.github.redistoolkit.idempotency;

import java.util.HexFormat;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.UnifiedJedis;

/** The record of a key as Redis has it, behind the back of the service. */
final class StoredRecord {

  private final UnifiedJedis admin;
  private final String key;

  StoredRecord(UnifiedJedis admin, IdempotencyService service, String key) {
    this.admin = admin;
    this.key = service.recordKey(key);
  }

  /** What two equal records have in common, byte by byte, however long they are kept. */
  record Content(Map<String, String> fields) {}

  Content content() {
    return new Content(admin.hgetAll(key));
  }

  /** All that there is of a record, to the byte and the millisecond. */
  record Exactly(@Nullable String dump, long expiresAtMillis) {}

  Exactly exactly() {
    byte[] dump = admin.dump(key);
    return new Exactly(
        dump == null ? null : HexFormat.of().formatHex(dump), admin.pexpireTime(key));
  }

  String field(String name) {
    return admin.hget(key, name);
  }

  boolean exists() {
    return admin.exists(key);
  }

  long ttlMillis() {
    return admin.pttl(key);
  }

  /** Ends the lease of a claim as time would. */
  void passLease() {
    admin.hset(key, "d", "1");
  }

  /** Evicts the record. */
  void vanish() {
    admin.del(key);
  }

  String redisKey() {
    return key;
  }
}
