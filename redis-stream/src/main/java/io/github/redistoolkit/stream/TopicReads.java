package io.github.redistoolkit.stream;

import io.github.redistoolkit.stream.AllPartitions.Found;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What can be looked at in a topic without any effect. Thread-safe. */
final class TopicReads<T> {

  private static final String COUNT_AT_MOST = "1000";

  private final Settings<T> settings;
  private final Partitions partitions;
  private final AllPartitions all;

  TopicReads(Settings<T> settings, Partitions partitions, AllPartitions all) {
    this.settings = settings;
    this.partitions = partitions;
    this.all = all;
  }

  List<DurableMessage<T>> messages(StartingPoint start, int most) {
    if (start.after().equals(StartingPoint.END)) {
      return List.of();
    }
    List<DurableMessage<T>> messages = new ArrayList<>();
    for (Found each :
        all.counted(
            () -> all.range(TopicKeys::stream, i -> "(" + partitions.after(start, i), most))) {
      Entry entry = each.entry();
      T body = decode(field(entry, "d"), each.id());
      if (body != null) {
        messages.add(new DurableMessage<>(each.id(), body, StreamIds.time(entry.id()), 1));
      }
    }
    return List.copyOf(messages);
  }

  List<DeadLetter<T>> deadLetters(String group, int most) {
    List<DeadLetter<T>> letters = new ArrayList<>();
    for (Found each : all.counted(() -> all.range(keys -> keys.dead(group), i -> "-", most))) {
      Entry entry = each.entry();
      byte[] payload = field(entry, "d");
      letters.add(
          new DeadLetter<>(
              each.id(),
              partitions.sameAs(each.id(), textOf(entry, "id", entry.id())),
              decode(payload, each.id()),
              payload == null ? new byte[0] : payload,
              Integer.parseInt(textOf(entry, "n", "1")),
              textOf(entry, "e", "")));
    }
    return List.copyOf(letters);
  }

  Optional<GroupState> state(String group) {
    List<@Nullable Object> replies =
        all.counted(
            () ->
                all.run(
                    StreamScripts.STATE,
                    keys ->
                        List.of(keys.stream(), keys.again(group), keys.dead(group), keys.groups()),
                    List.of(group, COUNT_AT_MOST)));
    GroupState sum = null;
    for (Object reply : replies) {
      if (reply != null) {
        GroupState each = stateOf(reply);
        sum = sum == null ? each : sum.plus(each);
      }
    }
    return Optional.ofNullable(sum);
  }

  private static GroupState stateOf(Object reply) {
    long[] n = StreamReplies.list(reply).stream().mapToLong(StreamReplies::number).toArray();
    Optional<Duration> oldest = n[2] < 0 ? Optional.empty() : Optional.of(Duration.ofMillis(n[2]));
    return new GroupState(n[0], n[1], oldest, n[3], n[4], n[5]);
  }

  private @Nullable T decode(byte @Nullable [] payload, String id) {
    try {
      return payload == null ? null : settings.bodies().decode(payload);
    } catch (RuntimeException | StackOverflowError e) {
      // Its cause may quote the message.
      settings.reports().log.warn("Message {} of topic {} cannot be decoded", id, settings.name());
      return null;
    }
  }

  private static byte @Nullable [] field(Entry entry, String name) {
    List<byte[]> fields = entry.fields();
    for (int i = 0; i + 1 < fields.size(); i += 2) {
      if (StreamReplies.text(fields.get(i)).equals(name)) {
        return fields.get(i + 1);
      }
    }
    return null;
  }

  private static String textOf(Entry entry, String name, String otherwise) {
    byte[] value = field(entry, name);
    return value == null ? otherwise : StreamReplies.text(value);
  }
}
