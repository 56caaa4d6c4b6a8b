package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Alarms.Alarm;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An entry that a consumer has got and not done with. What is not final is guarded by the lock of
 * the consumer.
 */
final class Held {

  /**
   * Where an entry is.
   *
   * @param again whether in the stream of what was sent back to the group alone
   * @param entry its id there
   */
  record Place(boolean again, String entry) {}

  /** How far it is. */
  enum State {
    /** Waits for a handler. */
    READY,
    /** Its handler runs. */
    RUNNING,
    /** Failed, and waits for another delivery. */
    WAITING,
    /** Done with; Redis is being told. */
    SETTLING
  }

  private static final byte[] MESSAGE = {'d'};
  private static final byte[] ID = {'i', 'd'};

  final Place place;

  /** As the message was published under. */
  final String messageId;

  /** What was published; null if the entry has none. */
  final byte @Nullable [] payload;

  State state = State.READY;

  /** Which delivery it is. */
  int delivery;

  /** Of the group that it was read from, which may have been made again since. */
  String generation;

  /** When it was last certain that the lease begins anew. */
  long renewedNanos;

  /** When its handler began. */
  long begunNanos;

  /** Whether its handler has it for too long: it is another's, once one takes it over. */
  boolean overdue;

  /** Whether another consumer has it. */
  boolean lost;

  /** Whether Redis has given it out anew since it was to settle, by a group that was made again. */
  boolean anew;

  /** Whether it is to be buried, which Redis may still have to learn. */
  boolean toBury;

  /** Whether Redis has it no more. */
  boolean trimmed;

  /** Goes before what is read ahead: it was taken over, or is delivered once more. */
  boolean urgent;

  @Nullable DurableMessage<?> message;

  /** Why it is to be buried, if it is, and was not yet. */
  @Nullable Throwable error;

  /** When it is to be delivered again, if it waits for that. */
  @Nullable Alarm alarm;

  Held(Place place, List<byte[]> fields, int delivery, String generation, long renewedNanos) {
    byte[] id = place.again() ? field(fields, ID) : null;
    this.place = place;
    this.messageId = id == null ? place.entry() : StreamReplies.text(id);
    this.payload = field(fields, MESSAGE);
    this.delivery = delivery;
    this.generation = generation;
    this.renewedNanos = renewedNanos;
  }

  private static byte @Nullable [] field(List<byte[]> fields, byte[] name) {
    for (int i = 0; i + 1 < fields.size(); i += 2) {
      if (Arrays.equals(fields.get(i), name)) {
        return fields.get(i + 1);
      }
    }
    return null;
  }
}
