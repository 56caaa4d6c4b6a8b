package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.util.JedisClusterCRC16;

/** Where messages go, and what their ids say. */
class PartitionsTest {

  private final Partitions eight = Partitions.of("topic:", "orders", 8);
  private final Partitions one = Partitions.of("topic:", "orders", 1);

  @Test
  void aTopicWithoutPartitionsKeepsItsKeys() {
    assertThat(one.parts(), is(List.of(TopicKeys.of("topic:", "orders"))));
    assertThat(one.parts().get(0).stream(), is("topic:{orders}"));
    assertThat(eight.parts().get(7).stream(), startsWith("topic:{orders%p7."));
    assertThat(TopicKeys.of("topic:", "orders%p7").stream(), is("topic:{orders%25p7}"));
  }

  @Test
  void thePartitionsAreInSlotsOfTheirOwn() {
    Set<Integer> slots = new HashSet<>();
    eight.parts().forEach(each -> slots.add(JedisClusterCRC16.getSlot(each.stream())));
    assertThat(slots, hasSize(8));
    eight
        .parts()
        .forEach(
            each ->
                assertThat(
                    JedisClusterCRC16.getSlot(each.dead("group")),
                    is(JedisClusterCRC16.getSlot(each.stream()))));
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 12, 100, 1_000})
  void eachPartitionIsInItsOwnPartOfTheSlots(int count) {
    for (String topic : List.of("orders", "a", "x".repeat(300), "{%}")) {
      List<TopicKeys> parts = Partitions.of("topic:", topic, count).parts();
      for (int i = 0; i < count; i++) {
        int slot = JedisClusterCRC16.getSlot(parts.get(i).stream());
        assertThat(topic + " " + i, slot * count / 16_384, is(i));
      }
    }
  }

  @Test
  void theKeysAreThoseThatOtherVersionsAndProgramsUse() {
    assertThat(
        eight.parts().stream().map(TopicKeys::stream).toList(),
        is(
            List.of(
                "topic:{orders%p0.1}",
                "topic:{orders%p1.11}",
                "topic:{orders%p2.11}",
                "topic:{orders%p3.1}",
                "topic:{orders%p4.10}",
                "topic:{orders%p5.1}",
                "topic:{orders%p6.1}",
                "topic:{orders%p7.10}")));
  }

  @Test
  void theHashIsTheOneThatIsDocumented() {
    assertThat(eight.of("123456789"), is(12_739 % 8));
    assertThat(one.of("123456789"), is(0));
    int[] counts = new int[8];
    IntStream.range(0, 8_000).forEach(i -> counts[eight.of("customer-" + i)]++);
    for (int count : counts) {
      assertThat(count, is(allOf(greaterThan(500), lessThanOrEqualTo(1_500))));
    }
  }

  @Test
  void everyMessageIsAfterAnIdInOnePartitionOrAnother() {
    StartingPoint start = StartingPoint.after("5-3@2");
    assertThat(eight.after(eight.checked(start), 1), is("5-3"));
    assertThat(eight.after(start, 2), is("5-3"));
    assertThat(eight.after(start, 3), is("5-2"));
    assertThat(eight.after(StartingPoint.START, 3), is("0-0"));
    assertThat(eight.id(2, "5-3"), is("5-3@2"));
    assertThat(one.id(0, "5-3"), is("5-3"));
    assertThat(eight.place("5-3@7", "id"), is(new Partitions.Place(7, "5-3")));
    for (String wrong : List.of("5-3", "5-3@8", "5-3@", "5@1", "@1", "5-3@-1", "5-3@1@1")) {
      assertThrows(IllegalArgumentException.class, () -> eight.place(wrong, "id"), wrong);
    }
    assertThrows(IllegalArgumentException.class, () -> eight.checked(StartingPoint.after("5-3")));
    assertThrows(IllegalArgumentException.class, () -> one.checked(start));
  }

  @Test
  void aTopicWithoutPartitionsTakesAndGivesPlainIds() {
    assertThat(one.isOne(), is(true));
    assertThat(one.count(), is(1));
    assertThat(one.place("5-3", "id"), is(new Partitions.Place(0, "5-3")));
    assertThat(one.sameAs("5-3", "7-0"), is("7-0"));
    assertThat(one.any(), is(0));
    StartingPoint start = StartingPoint.after("5-3");
    assertThat(one.checked(start), is(start));
    assertThat(one.after(start, 0), is("5-3"));
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> one.place("5-3@0", "theId"));
    assertThat(
        e.getMessage(),
        is("theId must name no partition, since the topic has none, but is \"5-3@0\""));
  }

  @Test
  void aPartitionIsNamedBehindTheIdAndMustBeOneOfTheTopic() {
    assertThat(eight.isOne(), is(false));
    assertThat(eight.count(), is(8));
    assertThat(eight.sameAs("5-3@2", "7-0"), is("7-0@2"));
    assertThat(eight.place("5-3@0", "id"), is(new Partitions.Place(0, "5-3")));
    assertThat(eight.checked(StartingPoint.START), is(StartingPoint.START));
    StartingPoint last = StartingPoint.after("5-3@7");
    assertThat(eight.checked(last), is(last));
    StartingPoint beyond = StartingPoint.after("5-3@8");
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> eight.checked(beyond));
    assertThat(e.getMessage().endsWith("but is \"5-3@8\""), is(true));
    e = assertThrows(IllegalArgumentException.class, () -> eight.place("5-3@10000", "theId"));
    assertThat(
        e.getMessage(),
        is(
            "theId must be an id such as 1700000000000-0@0, with a partition below 8, but is"
                + " \"5-3@10000\""));
    e = assertThrows(IllegalArgumentException.class, () -> eight.place("9".repeat(9_999), "id"));
    assertThat(e.getMessage(), endsWith("(9999 characters)\""));
  }

  @Test
  void whatHasNoKeyGoesAnywhere() {
    Set<Integer> seen = new HashSet<>();
    for (int i = 0; i < 1_000; i++) {
      seen.add(eight.any());
    }
    assertThat(seen, is(Set.of(0, 1, 2, 3, 4, 5, 6, 7)));
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
