package io.github.redistoolkit.stream;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import redis.clients.jedis.util.JedisClusterCRC16;

/**
 * The partitions of a topic. One that has none is its only part.
 *
 * @param whole the keys of the topic as a whole
 * @param parts the keys of each partition
 */
record Partitions(TopicKeys whole, List<TopicKeys> parts) {

  static final int MOST = 1_000;

  /** Between an id and the number of its partition. */
  private static final char AT = '@';

  static Partitions of(String prefix, String name, int count) {
    TopicKeys whole = TopicKeys.of(prefix, name);
    return new Partitions(
        whole,
        count == 1
            ? List.of(whole)
            : IntStream.range(0, count)
                .mapToObj(i -> TopicKeys.ofPartition(prefix, name, i, count))
                .toList());
  }

  int count() {
    return parts.size();
  }

  boolean isOne() {
    return parts.size() == 1;
  }

  /** The partition of a key: the CRC16 by which a Cluster chooses slots, modulo their number. */
  int of(String key) {
    return JedisClusterCRC16.getCRC16(key.getBytes(StandardCharsets.UTF_8)) % parts.size();
  }

  int any() {
    return isOne() ? 0 : ThreadLocalRandom.current().nextInt(parts.size());
  }

  /** The id of an entry as callers see it. */
  String id(int partition, String entry) {
    return isOne() ? entry : entry + AT + partition;
  }

  /** The id of an entry in the partition that another id names. */
  String sameAs(String id, String entry) {
    return isOne() ? entry : entry + id.substring(id.lastIndexOf(AT));
  }

  /** An id as callers give it. */
  record Place(int partition, String entry) {}

  /**
   * Takes an id apart.
   *
   * @throws IllegalArgumentException if it is none, or names no partition of this topic
   */
  Place place(String id, String name) {
    int at = id.lastIndexOf(AT);
    if (isOne()) {
      if (at >= 0) {
        throw wrong(id, name);
      }
      return new Place(0, StreamIds.require(id, name));
    }
    String number = at < 0 ? "" : id.substring(at + 1);
    if (!number.matches("[0-9]{1,4}") || Integer.parseInt(number) >= parts.size()) {
      throw wrong(id, name);
    }
    return new Place(Integer.parseInt(number), StreamIds.require(id.substring(0, at), name));
  }

  private IllegalArgumentException wrong(String id, String name) {
    return new IllegalArgumentException(
        name
            + (isOne()
                ? " must name no partition, since the topic has none, but is "
                : " must be an id such as 1700000000000-0@0, with a partition below "
                    + parts.size()
                    + ", but is ")
            + StreamIds.quoted(id));
  }

  /**
   * Returns after which id to begin in a partition. Messages are in the order of their ids, those
   * of the same id in that of their partitions.
   */
  String after(StartingPoint start, int partition) {
    if (start.partition().isEmpty()) {
      return start.after();
    }
    return partition <= start.partition().getAsInt()
        ? start.after()
        : StreamIds.before(start.after());
  }

  /**
   * Checks that a place to begin is one of this topic.
   *
   * @throws IllegalArgumentException if it is an id of another partition
   */
  StartingPoint checked(StartingPoint start) {
    boolean isAnId = start.isAnId();
    boolean hasPartition = start.partition().isPresent();
    if (isAnId && (hasPartition == isOne() || start.partition().orElse(0) >= parts.size())) {
      throw wrong(start.id(), "from");
    }
    return start;
  }
}
