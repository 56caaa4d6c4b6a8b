package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.cache.NearCache.Stamp;
import io.github.redistoolkit.cache.Tracking.Trust;
import io.github.redistoolkit.core.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Forces each interleaving of a read and a change; no server is needed for that. */
class NearCacheTest {

  private static final long MINUTE = 60_000;
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  /** A clock that overflows soon. */
  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - SECOND);

  private Trust trust = new Trust(nanos::get);

  private final NearCache<String> near = near(TypeToken.get(String.class));

  private <V> NearCache<V> near(TypeToken<V> type) {
    return near(NearValues.of(new Codec<>(Json.standard(), type), null));
  }

  private <V> NearCache<V> near(NearValues<V> values) {
    return new NearCache<>(values, 100, 1 << 20, key -> trust, nanos::get);
  }

  private Stamp trustedStamp() {
    trust.extend(nanos.get());
    Stamp stamp = near.stamp("k");
    assertThat(stamp, is(notNullValue()));
    return stamp;
  }

  /** As when a connection ends and another one begins. */
  private void lose() {
    trust.end();
    near.lost(trust);
    trust = new Trust(nanos::get);
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
    trust.extend(nanos.get());
    assertThat(near.get("k"), is(nullValue()));
  }

  @Test
  void takesNoCopyBeforeItIsTrusted() {
    assertThat(near.stamp("k"), is(nullValue()));
  }

  @Test
  void trustEndsOneSecondAfterWhatWasHeard() {
    put(trustedStamp(), MINUTE);
    nanos.addAndGet(SECOND - 1);
    assertThat(near.get("k").value(), is("v"));
    nanos.addAndGet(1);
    assertThat(near.get("k"), is(nullValue()));
    trust.extend(nanos.get() - 1);
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
    trust.extend(nanos.get());
    put(stamp, MINUTE);
    assertThat(near.get("k"), is(nullValue()));
  }

  @Test
  void aChangeOfOneOrSeveralIsNoneOfOthers() {
    put(trustedStamp(), MINUTE);
    near.put("other", near.stamp("other"), "o", "\"o\"", MINUTE);
    near.changed(List.of("other", "another"));
    assertThat(near.get("other"), is(nullValue()));
    assertThat(near.get("k").value(), is("v"));
    assertThat(near.size(), is(1));
    assertThat(near.bytes() > 0, is(true));
    near.changed("k");
    assertThat(near.size(), is(0));
    assertThat(near.bytes(), is(0L));
  }

  @Test
  void aChangeOfAnotherBetweenReadAndStoreRefusesNoCopy() {
    Stamp stamp = trustedStamp();
    near.changed("other");
    put(stamp, MINUTE);
    assertThat(near.get("k").value(), is("v"));
  }

  @Test
  void whatIsLostAtOneNodeIsForgottenAndNothingOfOthers() {
    put(trustedStamp(), MINUTE);
    Trust ofOther = new Trust(nanos::get);
    Trust ofThis = trust;
    trust = ofOther;
    ofOther.extend(nanos.get());
    near.put("other", near.stamp("other"), "o", "\"o\"", MINUTE);
    near.lost(ofThis);
    assertThat(near.size(), is(1));
    assertThat(near.get("other").value(), is("o"));
  }

  @Test
  void anEntryWithoutExpiryHasALongLifeLeft() {
    put(trustedStamp(), Long.MAX_VALUE);
    long years = TimeUnit.MILLISECONDS.toDays(near.get("k").lifeMillis()) / 365;
    assertThat(years > 100, is(true));
    put(trustedStamp(), 10 * MINUTE);
    nanos.addAndGet(SECOND / 2);
    assertThat(near.get("k").lifeMillis(), is(10 * MINUTE - 500));
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
    nanos.addAndGet(SECOND / 2);
    put(stamp, 1_000);
    nanos.addAndGet(SECOND / 2 - 1);
    trust.extend(nanos.get());
    assertThat(near.get("k").value(), is("v"));
    assertThat(near.get("k").lifeMillis(), is(0L));
    nanos.addAndGet(1);
    assertThat(near.get("k"), is(nullValue()));
  }

  @Test
  void anEntryWithoutExpiryIsReadAgainAfterAMinute() {
    put(trustedStamp(), Long.MAX_VALUE);
    nanos.addAndGet(60 * SECOND - 1);
    trust.extend(nanos.get());
    assertThat(near.get("k").value(), is("v"));
    nanos.addAndGet(1);
    assertThat(near.get("k"), is(nullValue()));
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
    trust.extend(nanos.get());
    lists.put("k", lists.stamp("k"), List.of("a"), "[\"a\"]", MINUTE);
    List<String> first = lists.get("k").value();
    first.add("mutated");
    assertThat(lists.get("k").value(), is(List.of("a")));
    assertThat(lists.get("k").value(), is(not(sameInstance(first))));
  }

  @Test
  void aCopierGivesEachReaderAnInstanceThatNoOtherCanChange() {
    NearCache<List<String>> lists = near(NearValues.copied(ArrayList::new));
    trust.extend(nanos.get());
    List<String> read = new ArrayList<>(List.of("a"));
    lists.put("k", lists.stamp("k"), read, "[\"a\"]", MINUTE);
    read.add("changed by who read it from Redis");
    List<String> first = lists.get("k").value();
    assertThat(first, is(List.of("a")));
    first.add("changed by who read it near");
    assertThat(lists.get("k").value(), is(List.of("a")));
    lists.put("n", lists.stamp("n"), null, "null", MINUTE);
    assertThat("no copier sees a null", lists.get("n").value(), is(nullValue()));
  }

  @Test
  void aCopierThatGivesNothingIsRefused() {
    NearCache<List<String>> lists = near(NearValues.copied(list -> null));
    trust.extend(nanos.get());
    Stamp stamp = lists.stamp("k");
    assertThat(
        assertThrows(
                NullPointerException.class,
                () -> lists.put("k", stamp, List.of("a"), "[\"a\"]", MINUTE))
            .getMessage(),
        is("what the nearCopier returned"));
  }

  @Test
  void whatNobodyCanChangeIsNotCopied() {
    NearValues<String> values =
        NearValues.of(
            new Codec<>(Json.standard(), TypeToken.get(String.class)),
            value -> {
              throw new AssertionError("copied");
            });
    String value = "v".repeat(3);
    assertThat(values.give(values.keep(value, "")), is(sameInstance(value)));
  }
}
