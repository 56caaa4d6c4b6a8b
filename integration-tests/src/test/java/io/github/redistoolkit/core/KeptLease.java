package io.github.redistoolkit.core;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.SetParams;

/** The simplest lease: a key with a time to live, and what its owner has heard. */
final class KeptLease implements Renewable {

  private static final LuaScript RENEW =
      LuaScript.of(
          """
          if redis.call('GET', KEYS[1]) ~= ARGV[1] then
            return 0
          end
          return redis.call('PEXPIRE', KEYS[1], ARGV[2])
          """);

  private final UnifiedJedis admin;
  private final String key;
  private final long millis;
  private final AtomicInteger renewals = new AtomicInteger();
  private volatile boolean gone;
  private volatile boolean over;
  private volatile String failure = "";
  private @Nullable Renewal renewal;

  private KeptLease(UnifiedJedis admin, String key, long millis) {
    this.admin = admin;
    this.key = key;
    this.millis = millis;
  }

  static KeptLease keep(Renewals renewals, UnifiedJedis admin, String key, long millis) {
    return keep(renewals, admin, key, millis, Ticker.system());
  }

  static KeptLease keep(
      Renewals renewals, UnifiedJedis admin, String key, long millis, Ticker ticker) {
    KeptLease lease = new KeptLease(admin, key, millis);
    long asked = ticker.nanoTime();
    admin.set(key, "mine", SetParams.setParams().px(millis));
    lease.renewal = renewals.keep(key, millis, asked + Renewals.certainNanos(millis), lease);
    return lease;
  }

  @Override
  public Request request() {
    return new Request(RENEW, List.of(key), List.of("mine", String.valueOf(millis)));
  }

  @Override
  public Answer answered(@Nullable Object reply, long asked) {
    if (Long.valueOf(1).equals(reply)) {
      renewals.incrementAndGet();
      return Answer.RENEWED;
    }
    gone = true;
    return Answer.GONE;
  }

  @Override
  public void failed(RuntimeException why) {
    failure = String.valueOf(why.getMessage());
  }

  @Override
  public void over() {
    over = true;
  }

  void end() {
    Renewal ending = renewal;
    if (ending != null) {
      ending.end();
    }
  }

  String key() {
    return key;
  }

  boolean isThere() {
    return admin.exists(key);
  }

  boolean isGone() {
    return gone;
  }

  boolean isOver() {
    return over;
  }

  int renewals() {
    return renewals.get();
  }

  String failure() {
    return failure;
  }
}
