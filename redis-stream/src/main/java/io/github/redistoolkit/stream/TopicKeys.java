package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.RedisKeys;

/**
 * The keys of a topic, all in one slot of a Cluster.
 *
 * @param stream what is published
 * @param groups a hash: of each group its generation, {@code g:} and its name, how many messages it
 *     has lost, {@code t:}, and how many of these nobody was told of, {@code u:}
 */
record TopicKeys(String stream, String groups) {

  static TopicKeys of(String prefix, String name) {
    String stream = prefix + ":" + RedisKeys.hashTag(name, "name");
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
}
