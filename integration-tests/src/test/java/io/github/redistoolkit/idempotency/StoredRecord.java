package io.github.redistoolkit.idempotency;

import java.time.Duration;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.SetParams;

/** The record of a key as Redis has it, behind the back of the service. */
final class StoredRecord {

  private final UnifiedJedis admin;
  private final String key;

  StoredRecord(UnifiedJedis admin, IdempotencyService service, String key) {
    this.admin = admin;
    this.key = service.redisKey(key);
  }

  /** The words of a record, in their order. */
  enum Word {
    FORMAT,
    PHASE,
    OWNER,
    SEQUENCE,
    VANISHED,
    KEEP,
    STEP,
    FINGERPRINT,
    BODY
  }

  /** The record without its time to live. */
  String content() {
    return admin.get(key);
  }

  /** All that there is of a record, to the byte and the millisecond. */
  record Exactly(@Nullable String dump, long expiresAtMillis) {}

  Exactly exactly() {
    byte[] dump = admin.dump(key);
    return new Exactly(
        dump == null ? null : HexFormat.of().formatHex(dump), admin.pexpireTime(key));
  }

  String word(Word word) {
    return Objects.requireNonNull(words().get(word));
  }

  private Map<Word, String> words() {
    Map<Word, String> words = new EnumMap<>(Word.class);
    Iterator<String> texts = List.of(content().split(" ", Word.values().length)).iterator();
    for (Word word : Word.values()) {
      words.put(word, texts.next());
    }
    return words;
  }

  /** Puts something else there. */
  void overwrite(Word word, String text) {
    Map<Word, String> words = words();
    words.put(word, text);
    write(words);
  }

  /** Takes a word out, with its space. */
  void remove(Word word) {
    Map<Word, String> words = words();
    words.remove(word);
    write(words);
  }

  private void write(Map<Word, String> words) {
    admin.set(key, String.join(" ", words.values()), SetParams.setParams().keepTtl());
  }

  boolean exists() {
    return admin.exists(key);
  }

  Duration keptFor() {
    return Duration.ofMillis(ttlMillis());
  }

  long ttlMillis() {
    return admin.pttl(key);
  }

  /** Which attempt a claim or a completion is. */
  int attempt() {
    return Integer.parseInt(word(Word.VANISHED)) + 1;
  }

  /** Whether nobody holds the key, and there is no answer either. */
  boolean isFree() {
    return !exists() || word(Word.PHASE).equals("F");
  }

  /** Ends the lease of a claim as time would. */
  void passLease() {
    admin.pexpire(key, Long.parseLong(word(Word.KEEP)));
  }

  /** Ends the lease of an owner that vanishes. */
  void passLeaseOf(Claim<?> vanishing) {
    if (vanishing.replayed()) {
      throw new AssertionError("nobody's to do");
    }
    passLease();
  }

  /** Puts a whole record there, for as long as what is there. */
  void put(String text) {
    admin.set(key, text, SetParams.setParams().keepTtl());
  }

  /** Evicts the record. */
  void vanish() {
    admin.del(key);
  }

  String redisKey() {
    return key;
  }
}
