package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.util.JedisClusterCRC16;

/** Where messages go, and what their ids say. */
class PartitionsTest {

  private static final Partitions EIGHT = Partitions.of("topic:", "orders", 8);
  private static final Partitions ONE = Partitions.of("topic:", "orders", 1);

  @Test
  void aTopicWithoutPartitionsKeepsItsKeys() {
    assertThat(ONE.parts(), is(List.of(TopicKeys.of("topic:", "orders"))));
    assertThat(ONE.parts().get(0).stream(), is("topic:{orders}"));
    assertThat(EIGHT.parts().get(7).stream(), is("topic:{orders%p7}"));
    assertThat(TopicKeys.of("topic:", "orders%p7").stream(), is("topic:{orders%25p7}"));
  }

  @Test
  void thePartitionsAreInSlotsOfTheirOwn() {
    Set<Integer> slots = new HashSet<>();
    EIGHT.parts().forEach(each -> slots.add(JedisClusterCRC16.getSlot(each.stream())));
    assertThat(slots, hasSize(8));
    EIGHT
        .parts()
        .forEach(
            each ->
                assertThat(
                    JedisClusterCRC16.getSlot(each.dead("group")),
                    is(JedisClusterCRC16.getSlot(each.stream()))));
  }

  @Test
  void theHashIsTheOneThatIsDocumented() {
    assertThat(EIGHT.of("123456789"), is(12_739 % 8));
    assertThat(ONE.of("123456789"), is(0));
    int[] counts = new int[8];
    IntStream.range(0, 8_000).forEach(i -> counts[EIGHT.of("customer-" + i)]++);
    for (int count : counts) {
      assertThat(count, is(allOf(greaterThan(500), lessThanOrEqualTo(1_500))));
    }
  }

  @Test
  void everyMessageIsAfterAnIdInOnePartitionOrAnother() {
    StartingPoint start = StartingPoint.after("5-3@2");
    assertThat(EIGHT.after(EIGHT.checked(start), 1), is("5-3"));
    assertThat(EIGHT.after(start, 2), is("5-3"));
    assertThat(EIGHT.after(start, 3), is("5-2"));
    assertThat(EIGHT.after(StartingPoint.START, 3), is("0-0"));
    assertThat(EIGHT.id(2, "5-3"), is("5-3@2"));
    assertThat(ONE.id(0, "5-3"), is("5-3"));
    assertThat(EIGHT.place("5-3@7", "id"), is(new Partitions.Place(7, "5-3")));
    for (String wrong : List.of("5-3", "5-3@8", "5-3@", "5@1", "@1", "5-3@-1", "5-3@1@1")) {
      assertThrows(IllegalArgumentException.class, () -> EIGHT.place(wrong, "id"), wrong);
    }
    assertThrows(IllegalArgumentException.class, () -> EIGHT.checked(StartingPoint.after("5-3")));
    assertThrows(IllegalArgumentException.class, () -> ONE.checked(start));
  }

  @Test
  void sharesAreEvenAndAddUp() {
    for (int partitions = 1; partitions < 20; partitions++) {
      for (int members = 1; members < 25; members++) {
        int sum = 0;
        for (int before = 0; before < members; before++) {
          int share = PartitionedConsumer.share(partitions, members, before);
          assertThat(
              share,
              is(
                  allOf(
                      greaterThanOrEqualTo(partitions / members),
                      lessThanOrEqualTo((partitions + members - 1) / members))));
          sum += share;
        }
        assertThat(sum, is(partitions));
      }
    }
  }
}
