package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;

class ClockMapTest {

  private static void put(ClockMap<Integer> map, int number) {
    map.putIf(() -> true, "k" + number, number, 1);
  }

  @Test
  void givesWhatWasPutUntilItIsRemoved() {
    ClockMap<Integer> map = new ClockMap<>(10, 1L << 40);
    put(map, 1);
    assertThat(map.get("k1"), is(1));
    map.remove("k1");
    assertThat(map.get("k1"), is(nullValue()));
    put(map, 2);
    map.clear();
    assertThat(map.size(), is(0));
  }

  @Test
  void keepsNothingOfWhatHasLeftIt() {
    ClockMap<Object> map = new ClockMap<>(10, 1L << 40);
    List<WeakReference<Object>> left = new ArrayList<>();
    putAndRefer(map, "removed", left);
    map.remove("removed");
    putAndRefer(map, "replaced", left);
    map.putIf(() -> true, "replaced", "another", 1);
    putAndRefer(map, "cleared", left);
    map.clear();
    for (int i = 0; i < 100 && !left.stream().allMatch(value -> value.refersTo(null)); i++) {
      System.gc();
    }
    assertThat(left.stream().map(WeakReference::get).toList(), everyItem(is(nullValue())));
  }

  private static void putAndRefer(
      ClockMap<Object> map, String key, List<WeakReference<Object>> references) {
    Object value = new Object();
    references.add(new WeakReference<>(value));
    map.putIf(() -> true, key, value, 1);
    assertThat(map.get(key), is(sameInstance(value)));
  }

  @Test
  void storesOnlyIfTheConditionHolds() {
    ClockMap<Integer> map = new ClockMap<>(10, 1L << 40);
    put(map, 1);
    map.putIf(() -> false, "k1", 2, 1);
    assertThat(map.get("k1"), is(1));
    map.putIf(() -> false, "k2", 2, 1);
    assertThat(map.get("k2"), is(nullValue()));
  }

  @Test
  void neverHoldsMoreThanItsBound() {
    for (int bound : new int[] {1, 2, 100}) {
      ClockMap<Integer> map = new ClockMap<>(bound, 1L << 40);
      for (int i = 0; i < 1000; i++) {
        put(map, i);
        assertThat(map.size(), is(lessThanOrEqualTo(bound)));
      }
      assertThat(map.size(), is(bound));
    }
  }

  @Test
  void keepsWhatIsReadAndForgetsWhatIsNot() {
    ClockMap<Integer> map = new ClockMap<>(100, 1L << 40);
    for (int i = 0; i < 1000; i++) {
      put(map, i);
      Integer hot = map.get("k0");
      assertThat(hot, is(0));
    }
  }

  @Test
  void replacingOneKeyForEverNeitherGrowsNorEvictsTheOthers() {
    ClockMap<Integer> map = new ClockMap<>(10, 1L << 40);
    for (int i = 0; i < 10; i++) {
      put(map, i);
    }
    for (int i = 0; i < 10_000; i++) {
      map.remove("k0");
      put(map, 0);
    }
    for (int i = 0; i < 10; i++) {
      assertThat(map.get("k" + i), is(i));
    }
  }

  @Test
  void countsTheBytesOfWhatItHoldsAndOfNothingElse() {
    ClockMap<Integer> map = new ClockMap<>(10, 1L << 40);
    map.putIf(() -> true, "key", 1, 1_000);
    long one = map.bytes();
    assertThat(one, is(greaterThan(1_000L)));
    map.putIf(() -> true, "key", 2, 1_500);
    assertThat(map.bytes(), is(one + 500));
    map.putIf(() -> true, "longer key", 1, 1_000);
    assertThat(map.bytes(), is(one + 500 + one + "longer ".length()));
    map.putIf(() -> false, "key", 3, 1);
    map.putIf(() -> false, "third", 3, 1);
    map.remove("key");
    map.remove("key");
    assertThat(map.bytes(), is(one + "longer ".length()));
    map.clear();
    assertThat(map.bytes(), is(0L));
    for (int i = 0; i < 100; i++) {
      put(map, i);
    }
    map.removeIf(number -> true);
    assertThat(map.bytes(), is(0L));
  }

  @Test
  void removesWhatMeetsAConditionAndNothingElse() {
    ClockMap<Integer> map = new ClockMap<>(10, 1L << 40);
    for (int i = 0; i < 6; i++) {
      put(map, i);
    }
    map.removeIf(number -> number % 2 == 0);
    assertThat(map.size(), is(3));
    assertThat(map.get("k2"), is(nullValue()));
    assertThat(map.get("k3"), is(3));
  }

  @Test
  void holdsNoMoreBytesThanItsBound() {
    ClockMap<Integer> measured = new ClockMap<>(10, 1L << 40);
    measured.putIf(() -> true, "k0", 0, 1_000);
    long one = measured.bytes();
    ClockMap<Integer> map = new ClockMap<>(10, 2 * one);
    map.putIf(() -> true, "k0", 0, 1_000);
    map.putIf(() -> true, "k1", 1, 1_000);
    assertThat("just as many as it may hold", map.size(), is(2));
    map.putIf(() -> true, "k2", 2, 1_000);
    assertThat(map.bytes(), is(2 * one));
    assertThat(map.get("k0"), is(nullValue()));
    assertThat(map.get("k2"), is(2));
  }

  @Test
  void whatAloneIsTooLargeIsNotStoredNorIsWhatWasThereBefore() {
    ClockMap<Integer> measured = new ClockMap<>(10, 1L << 40);
    measured.putIf(() -> true, "k", 0, 1_000);
    ClockMap<Integer> map = new ClockMap<>(10, measured.bytes());
    map.putIf(() -> true, "k", 1, 1_000);
    assertThat(map.get("k"), is(1));
    map.putIf(() -> true, "k", 2, 1_001);
    assertThat(map.get("k"), is(nullValue()));
    assertThat(map.bytes(), is(0L));
  }

  @Test
  void somethingIsForgottenThoughAllWasRead() {
    ClockMap<Integer> map = new ClockMap<>(100, 1L << 40);
    for (int i = 0; i < 100; i++) {
      put(map, i);
    }
    for (int i = 100; i < 1_000; i++) {
      for (int j = 0; j < i; j++) {
        Integer unused = map.get("k" + j);
      }
      put(map, i);
      assertThat(map.size(), is(100));
    }
  }

  @Test
  void keysThatComeAndGoForEverLeaveNothingBehind() {
    ClockMap<Integer> map = new ClockMap<>(10, 1L << 40);
    List<WeakReference<String>> keys = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      String key = "k" + i;
      keys.add(new WeakReference<>(key));
      map.putIf(() -> true, key, i, 1);
      map.remove(key);
    }
    long left = keys.size();
    for (int i = 0; i < 100 && left > 25; i++) {
      System.gc();
      left = keys.stream().filter(key -> !key.refersTo(null)).count();
    }
    assertThat(left, is(lessThanOrEqualTo(25L)));
  }

  @Test
  void staysBoundedUnderConcurrentUse() throws Exception {
    ClockMap<Integer> map = new ClockMap<>(50, 1L << 40);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<Integer>> workers = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        workers.add(threads.submit(() -> work(map)));
      }
      for (Future<Integer> worker : workers) {
        assertThat(worker.get(), is(greaterThan(0)));
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(map.size(), is(lessThanOrEqualTo(50)));
  }

  private static int work(ClockMap<Integer> map) {
    int hits = 0;
    for (int i = 0; i < 50_000; i++) {
      int number = ThreadLocalRandom.current().nextInt(200);
      Integer found = map.get("k" + number);
      if (found == null) {
        put(map, number);
      } else {
        assertThat(found, is(number));
        hits++;
      }
      if (i % 7 == 0) {
        map.remove("k" + number);
      }
    }
    return hits;
  }
}
