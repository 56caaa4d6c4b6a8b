package io.github.redistoolkit.testing;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * What the bed does to networks, servers and JVMs, and how often it has done so in this JVM.
 * Thread-safe.
 */
public enum Fault {
  /** The reply to a command that was executed. */
  LOST_REPLY("lost replies"),
  /** All connections through a proxy are closed. */
  CUT("cuts"),
  /** A proxy takes no connections. */
  REFUSAL("refusals"),
  /** A proxy lets nothing through. */
  BLACK_HOLE("black holes"),
  /** A connection is closed by its server. */
  CLIENT_KILL("killed connections"),
  /** A server ends as if it crashed. */
  SERVER_KILL("server kills"),
  /** A server is ended by its administrator. */
  SERVER_STOP("server stops"),
  /** A server hangs. */
  SERVER_PAUSE("server pauses"),
  /** A server has no memory for more data. */
  OUT_OF_MEMORY("full memories"),
  /** Another server has become the primary. */
  FAILOVER("failovers"),
  /** A slot of a cluster has moved. */
  SLOT_MOVE("slot moves"),
  /** A JVM is killed. */
  JVM_KILL("JVM kills"),
  /** A JVM is stopped where it is. */
  JVM_PAUSE("JVM pauses");

  private static final Map<Fault, LongAdder> TIMES = new ConcurrentHashMap<>();

  private final String plural;

  Fault(String plural) {
    this.plural = plural;
  }

  /**
   * Returns what several are called.
   *
   * @return a plural, such as {@code lost replies}
   */
  public String plural() {
    return plural;
  }

  /**
   * Returns how often the bed of this JVM has brought it about so far.
   *
   * @return 0 or more
   */
  public long times() {
    LongAdder times = TIMES.get(this);
    return times == null ? 0 : times.sum();
  }

  /** Counts one. */
  void happened() {
    happened(1);
  }

  /** Counts some. */
  void happened(int often) {
    TIMES.computeIfAbsent(this, fault -> new LongAdder()).add(often);
  }
}
