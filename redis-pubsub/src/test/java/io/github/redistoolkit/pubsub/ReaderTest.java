package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ReaderTest {

  @Test
  void retriesAtOnceFirst() {
    assertThat(Reader.backoff(0).toMillis(), is(0L));
  }

  @Test
  void waitsTwiceAsLongEachTimeUpToASecondAndNeverInStep() {
    for (int failures = 1; failures < 100; failures++) {
      long longest = failures > 5 ? 1000 : 50L << (failures - 1);
      int times = failures;
      LongStream delays = IntStream.range(0, 200).mapToLong(i -> Reader.backoff(times).toMillis());
      long[] sorted = delays.sorted().toArray();
      assertThat(sorted[0], is(allOf(greaterThanOrEqualTo(longest / 2))));
      assertThat(sorted[199], is(lessThanOrEqualTo(longest)));
      assertThat(sorted[199] - sorted[0], is(greaterThan(longest / 8)));
    }
  }
}
