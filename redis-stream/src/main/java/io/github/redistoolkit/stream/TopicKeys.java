package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.RedisKeys;
import redis.clients.jedis.util.JedisClusterCRC16;

/**
 * The keys of a topic, or of one of its partitions, all in one slot of a Cluster.
 *
 * @param stream what is published; of a topic with partitions a hash that says how many
 * @param groups a hash: of each group its generation, {@code g:} and its name, how many messages it
 *     has lost, {@code t:}, how many of these nobody was told of, {@code u:}, and of a partition
 *     who has it, {@code l:}
 */
record TopicKeys(String stream, String groups) {

  private static final int SLOTS = 16_384;

  static TopicKeys of(String prefix, String name) {
    return at(prefix + RedisKeys.hashTag(name, "name"));
  }

  /**
   * The keys of one of so many partitions. No name has a percent sign that is not followed by two
   * digits.
   *
   * <p>The number at the end is the least by which they are in the partition's own part of the
   * slots, if all of these are divided evenly among the partitions: so each primary has as many as
   * its share of the slots. Left to chance, one of three primaries has half of twelve partitions,
   * and more, with every other name.
   */
  static TopicKeys ofPartition(String prefix, String name, int partition, int count) {
    String begin = RedisKeys.encode(name) + "%p" + partition + ".";
    int number = 0;
    while (JedisClusterCRC16.getSlot(begin + number) * count / SLOTS != partition) {
      number++;
    }
    return at(prefix + "{" + begin + number + "}");
  }

  private static TopicKeys at(String stream) {
    return new TopicKeys(stream, stream + ":groups");
  }

  /** Where a group keeps what it could not handle. */
  String dead(String group) {
    return stream + ":dead:" + RedisKeys.encode(group);
  }

  /** A second stream, which only this group reads: what was sent back from the dead letters. */
  String again(String group) {
    return stream + ":again:" + RedisKeys.encode(group);
  }

  /** Who consumes a topic with partitions in a group. */
  String members(String group) {
    return stream + ":members:" + RedisKeys.encode(group);
  }
}
