package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.cache.NearCache.Stamp;
import io.github.redistoolkit.cache.NearCache.Values;
import io.github.redistoolkit.cache.Tracking.Trust;
import io.github.redistoolkit.core.Json;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Forces each interleaving of a read and a change; no server is needed for that. */
class NearCacheTest {

  private static final long MINUTE = 60_000;

  private Trust trust = new Trust();

  private final NearCache<String> near = near(TypeToken.get(String.class));

  private <V> NearCache<V> near(TypeToken<V> type) {
    Codec<V> codec = new Codec<>(Json.standard(), type);
    return new NearCache<>(codec, Values.of(type), 100, 1 << 20, key -> trust);
  }

  private Stamp trustedStamp() {
    trust.extend(System.nanoTime());
    Stamp stamp = near.stamp("k");
    assertThat(stamp, is(notNullValue()));
    return stamp;
  }

  /** As when a connection ends and another one begins. */
  private void lose() {
    trust.end();
    near.lost(trust);
    trust = new Trust();
  }

  private void put(Stamp stamp, long pttl) {
    near.put("k", stamp, "v", "\"v\"", pttl);
  }

  @Test
  void servesACopyWhileItIsTrusted() {
    put(trustedStamp(), MINUTE);
    assertThat(near.get("k").value(), is("v"));
    lose();
    assertThat(near.get("k"), is(nullValue()));
    trust.extend(System.nanoTime());
    assertThat(near.get("k"), is(nullValue()));
  }

  @Test
  void takesNoCopyBeforeItIsTrusted() {
    assertThat(near.stamp("k"), is(nullValue()));
  }

  @Test
  void trustEndsOneSecondAfterWhatWasHeard() {
    put(trustedStamp(), MINUTE);
    trust.extend(System.nanoTime() - Trust.STALENESS_NANOS);
    assertThat(near.get("k"), is(nullValue()));
    trust.extend(System.nanoTime() - Trust.STALENESS_NANOS + TimeUnit.SECONDS.toNanos(30));
    assertThat(near.get("k").value(), is("v"));
  }

  @Test
  void aChangeBetweenReadAndStoreRefusesTheCopy() {
    Stamp stamp = trustedStamp();
    near.changed("k");
    put(stamp, MINUTE);
    assertThat(near.get("k"), is(nullValue()));
  }

  @Test
  void aChangeAfterTheStoreRemovesTheCopy() {
    put(trustedStamp(), MINUTE);
    near.changed("k");
    assertThat(near.get("k"), is(nullValue()));
  }

  @Test
  void anInterruptionBetweenReadAndStoreRefusesTheCopyAlsoIfTrustIsBack() {
    Stamp stamp = trustedStamp();
    lose();
    trust.extend(System.nanoTime());
    put(stamp, MINUTE);
    assertThat(near.get("k"), is(nullValue()));
  }

  @Test
  void anEmptiedDatabaseRefusesAndRemovesEveryCopy() {
    put(trustedStamp(), MINUTE);
    Stamp underWay = trustedStamp();
    near.allChanged();
    assertThat(near.get("k"), is(nullValue()));
    put(underWay, MINUTE);
    assertThat(near.get("k"), is(nullValue()));
    assertThat(near.stamp("k"), is(notNullValue()));
  }

  @Test
  void aCopyLivesNoLongerThanTheEntryLivedWhenItWasAskedFor() {
    Stamp stamp = trustedStamp();
    for (long gone : new long[] {-2, 0}) {
      put(stamp, gone);
      assertThat(near.get("k"), is(nullValue()));
    }
    Stamp longAgo =
        new Stamp(
            stamp.stripe(),
            stamp.heard(),
            stamp.epoch(),
            stamp.askedNanos() - TimeUnit.SECONDS.toNanos(10),
            trust);
    put(longAgo, 9_999);
    assertThat(near.get("k"), is(nullValue()));
    put(longAgo, 20_000);
    assertThat(near.get("k").value(), is("v"));
  }

  @Test
  void anEntryWithoutExpiryIsReadAgainAfterAMinute() {
    Stamp stamp = trustedStamp();
    Stamp minuteAgo =
        new Stamp(
            stamp.stripe(),
            stamp.heard(),
            stamp.epoch(),
            stamp.askedNanos() - TimeUnit.SECONDS.toNanos(61),
            trust);
    put(minuteAgo, Long.MAX_VALUE);
    assertThat(near.get("k"), is(nullValue()));
    put(stamp, Long.MAX_VALUE);
    assertThat(near.get("k").value(), is("v"));
  }

  @Test
  void aStoredNullIsServedAsANull() {
    near.put("k", trustedStamp(), null, "null", MINUTE);
    assertThat(near.get("k"), is(notNullValue()));
    assertThat(near.get("k").value(), is(nullValue()));
  }

  @Test
  void oneInstanceIsSharedOnlyIfNobodyCanChangeIt() {
    String value = "v".repeat(3);
    near.put("k", trustedStamp(), value, "\"vvv\"", MINUTE);
    assertThat(near.get("k").value(), is(sameInstance(value)));

    NearCache<List<String>> lists = near(new TypeToken<List<String>>() {});
    trust.extend(System.nanoTime());
    lists.put("k", lists.stamp("k"), List.of("a"), "[\"a\"]", MINUTE);
    List<String> first = lists.get("k").value();
    first.add("mutated");
    assertThat(lists.get("k").value(), is(List.of("a")));
    assertThat(lists.get("k").value(), is(not(sameInstance(first))));
  }
}
