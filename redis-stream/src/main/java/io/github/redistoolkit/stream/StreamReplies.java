package io.github.redistoolkit.stream;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Replies as they come over a connection that speaks RESP2, and from scripts. */
final class StreamReplies {

  private StreamReplies() {}

  /**
   * An entry of a stream.
   *
   * @param id its id
   * @param fields names and values in turn
   * @param delivery which delivery it is, 0 if that was not asked for
   */
  record Entry(String id, List<byte[]> fields, int delivery) {}

  static String text(@Nullable Object reply) {
    return new String((byte[]) Objects.requireNonNull(reply), StandardCharsets.UTF_8);
  }

  static long number(@Nullable Object reply) {
    return (Long) Objects.requireNonNull(reply);
  }

  static List<?> list(@Nullable Object reply) {
    return reply == null ? List.of() : (List<?>) reply;
  }

  static List<String> texts(@Nullable Object reply) {
    return list(reply).stream().map(StreamReplies::text).toList();
  }

  /** Entries as {@code XRANGE} has them, and with the delivery behind. */
  static List<Entry> entries(@Nullable Object reply) {
    List<Entry> entries = new ArrayList<>();
    list(reply).forEach(each -> entries.add(entry(list(each))));
    return entries;
  }

  static Entry entry(List<?> parts) {
    List<byte[]> fields = new ArrayList<>();
    if (parts.size() > 1) {
      list(parts.get(1)).forEach(field -> fields.add((byte[]) Objects.requireNonNull(field)));
    }
    int delivery = parts.size() > 2 ? Math.toIntExact(number(parts.get(2))) : 0;
    return new Entry(text(parts.get(0)), fields, delivery);
  }
}
