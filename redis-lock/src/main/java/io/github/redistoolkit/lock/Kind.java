package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.LuaScript;
import java.util.List;

/**
 * What there are leases on, and the scripts that grant and end them. The scripts of all kinds take
 * the same keys and arguments, as {@link LockScripts} describes them, and give the same replies.
 *
 * @param word what it is called in messages
 * @param state what its state is called in messages, all of which it may share with another kind
 * @param key what its key begins with
 * @param queue the part of the key of the list on which its waiters block
 * @param queues the parts of all lists that a release may push to
 * @param acquire grants a lease
 * @param release ends a lease
 * @param extend moves the end of a lease
 * @param count says how many leases there are
 * @param facts what the scripts that grant and end take besides, in the last of their arguments
 * @param order whom others go before
 */
record Kind(
    String word,
    String state,
    String key,
    String queue,
    List<String> queues,
    LuaScript acquire,
    LuaScript release,
    LuaScript extend,
    LuaScript count,
    List<String> facts,
    Order order) {

  /** Whether Redis keeps track of waiters. */
  enum Order {
    /** What is free is anybody's, as far as it is not promised to one that was woken. */
    OPEN,

    /**
     * Another kind takes turns with this one, so that Redis knows who waits: a request says for how
     * long, and who has waited in vain says that it leaves.
     */
    IN_TURNS,

    /** The same, and several at a time may have what they wait for. */
    IN_TURNS_SHARED
  }

  /** What one at a time may have. */
  static final Kind LOCK =
      new Kind(
          "lock",
          "lock",
          "lock",
          "q",
          List.of("q"),
          LockScripts.ACQUIRE,
          LockScripts.RELEASE,
          LockScripts.EXTEND,
          LockScripts.IS_LOCKED,
          List.of(),
          Order.OPEN);

  /** What any number may have at a time, as long as nobody has the {@link #WRITE_LOCK}. */
  static final Kind READ_LOCK =
      readWrite("read lock", "qr", ReadWriteScripts.COUNT_READERS, "r", Order.IN_TURNS_SHARED);

  /** What one at a time may have, as long as nobody has the {@link #READ_LOCK}. */
  static final Kind WRITE_LOCK =
      readWrite("write lock", "qw", ReadWriteScripts.COUNT_WRITERS, "w", Order.IN_TURNS);

  private static Kind readWrite(
      String word, String queue, LuaScript count, String fact, Order order) {
    return new Kind(
        word,
        "read-write lock",
        "rwlock",
        queue,
        List.of("qw", "qr"),
        ReadWriteScripts.ACQUIRE,
        ReadWriteScripts.RELEASE,
        ReadWriteScripts.EXTEND,
        count,
        List.of(fact),
        order);
  }

  /** What so many at a time may have. */
  static Kind semaphore(int permits) {
    return new Kind(
        "semaphore",
        "semaphore",
        "semaphore",
        "q",
        List.of("q"),
        SemaphoreScripts.ACQUIRE,
        SemaphoreScripts.RELEASE,
        SemaphoreScripts.EXTEND,
        SemaphoreScripts.COUNT,
        List.of(String.valueOf(permits)),
        Order.OPEN);
  }
}
