package io.github.redistoolkit.stream;

/** Where the messages of a partition are, for suites of other packages. */
public final class PartitionKey {

  private PartitionKey() {}

  public static String of(String prefix, String topic, int partition, int partitions) {
    return TopicKeys.ofPartition(prefix, topic, partition, partitions).stream();
  }
}
