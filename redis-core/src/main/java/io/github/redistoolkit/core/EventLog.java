package io.github.redistoolkit.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Warnings about what may happen again and again, in a form that nobody can abuse or drown in.
 *
 * <p>The same event is logged at once, and then at most once in 10 seconds, in 20, 40 and so on up
 * to 5 minutes while it continues, with the number of times that were held back. The same event is
 * one of the same text and the same {@linkplain #kind kind} of cause, whatever its details: so a
 * flood of invented names is one event, and a cause that changes shows at once. How many were held
 * back of an event that has ended is told along with the next one, of whatever kind.
 *
 * <p>Details and the messages of causes are {@linkplain #escape escaped} and bounded, so no name
 * and no payload that others chose can begin a line of its own. Values and payloads are not to be
 * given as details; where the message of a cause may quote one, give its {@link #kind} instead.
 *
 * <p>No method ever throws, whatever the logging library does. Thread-safe.
 */
public final class EventLog {

  private static final long SHORTEST_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final long LONGEST_PAUSE_NANOS = TimeUnit.MINUTES.toNanos(5);

  /** Events are texts in the source times kinds of causes: far fewer than this. */
  private static final int MOST_EVENTS = 256;

  private static final int LONGEST_DETAIL = 200;
  private static final int MOST_CAUSES = 5;
  private static final int MOST_FRAMES = 40;

  private static final ClassValue<EventLog> SHARED =
      new ClassValue<>() {
        @Override
        protected EventLog computeValue(Class<?> owner) {
          return of(owner);
        }
      };

  private final Logger logger;
  private final Ticker ticker;
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<String, Seen> events =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Seen> eldest) {
          return size() > MOST_EVENTS;
        }
      };

  private long nextSweepNanos;

  EventLog(Logger logger, Ticker ticker) {
    this.logger = logger;
    this.ticker = ticker;
    this.nextSweepNanos = ticker.nanoTime();
  }

  /**
   * Returns a log of its own under the name of a class: for an object that lives long, and whose
   * events are not to be counted with those of others.
   *
   * @param owner the class that users know
   * @return a new log
   */
  public static EventLog of(Class<?> owner) {
    return new EventLog(LoggerFactory.getLogger(owner), Ticker.system());
  }

  /**
   * Returns the log of all objects of a class and of what works for them.
   *
   * @param owner the class that users know
   * @return its log, always the same
   */
  public static EventLog shared(Class<?> owner) {
    return SHARED.get(owner);
  }

  /** When an event was logged, and how often it has happened since. */
  private static final class Seen {
    final String event;
    long pauseNanos = SHORTEST_PAUSE_NANOS;
    long nextNanos;
    long lastNanos;
    long heldBack;

    Seen(String event, long now) {
      this.event = event;
      this.nextNanos = now;
      this.lastNanos = now;
    }

    /** How many were held back before this one; less than 0 to hold it back too. */
    long happened(long now) {
      boolean continues = now - lastNanos < pauseNanos;
      lastNanos = now;
      if (now - nextNanos < 0) {
        heldBack++;
        return -1;
      }
      return logged(now, continues);
    }

    long logged(long now, boolean continues) {
      pauseNanos = continues ? Math.min(2 * pauseNanos, LONGEST_PAUSE_NANOS) : SHORTEST_PAUSE_NANOS;
      nextNanos = now + pauseNanos;
      long before = heldBack;
      heldBack = 0;
      return before;
    }
  }

  /**
   * Warns of an event.
   *
   * @param event what happened, always the same text, with <code>{}</code> for each detail
   * @param details names and numbers; no payloads
   */
  public void warn(String event, Object... details) {
    warn(event, null, details);
  }

  /**
   * Warns of an event that has a cause. The cause's message is logged; its stack trace too, unless
   * it is a failure of Redis, of which it tells nothing.
   *
   * @param cause why
   * @param event what happened, always the same text, with <code>{}</code> for each detail
   * @param details names and numbers; no payloads
   */
  public void warn(Throwable cause, String event, Object... details) {
    warn(event, cause, details);
  }

  private void warn(String event, @Nullable Throwable cause, Object[] details) {
    try {
      long heldBack = admit(event, cause == null ? "" : kind(cause));
      if (heldBack >= 0) {
        logger.warn(text(event, cause, heldBack), all(cause, details, heldBack));
      }
      if (isTimeToSweep()) {
        tick();
      }
    } catch (Throwable t) {
      // There is nobody left to tell, and what had to be said must not become a failure itself.
    }
  }

  private long admit(String event, String kind) {
    long now = ticker.nanoTime();
    lock.lock();
    try {
      Seen seen = events.get(event + '\n' + kind);
      if (seen == null) {
        seen = new Seen(event, now - SHORTEST_PAUSE_NANOS);
        seen.nextNanos = now;
        events.put(event + '\n' + kind, seen);
      }
      return seen.happened(now);
    } finally {
      lock.unlock();
    }
  }

  private static String text(String event, @Nullable Throwable cause, long heldBack) {
    return event
        + (heldBack > 0 ? " ({} more since this was last logged)" : "")
        + (cause == null ? "" : ": {}");
  }

  /** What takes the places in the text, and at the end the trace. */
  private static Object[] all(@Nullable Throwable cause, Object[] details, long heldBack) {
    List<Object> all = new ArrayList<>();
    for (Object detail : details) {
      all.add(escape(String.valueOf(detail)));
    }
    if (heldBack > 0) {
      all.add(heldBack);
    }
    if (cause != null) {
      all.add(describe(cause));
      if (!(cause instanceof JedisException)) {
        all.add(new Escaped(cause, 0));
      }
    }
    return all.toArray();
  }

  /** What was held back of an event that has not come again. */
  private record Left(String event, long heldBack) {}

  private boolean isTimeToSweep() {
    long now = ticker.nanoTime();
    lock.lock();
    try {
      boolean due = now - nextSweepNanos >= 0;
      if (due) {
        nextSweepNanos = now + SHORTEST_PAUSE_NANOS;
      }
      return due;
    } finally {
      lock.unlock();
    }
  }

  /** Logs how often events were held back that have not come again. May be called now and then. */
  public void tick() {
    try {
      for (Left left : left()) {
        logger.warn("{} more: {}", left.heldBack, left.event.replace("{}", "…"));
      }
    } catch (Throwable t) {
      // As above.
    }
  }

  private List<Left> left() {
    long now = ticker.nanoTime();
    List<Left> left = new ArrayList<>();
    lock.lock();
    try {
      for (Seen seen : events.values()) {
        if (seen.heldBack > 0 && now - seen.nextNanos >= 0) {
          left.add(new Left(seen.event, seen.logged(now, true)));
        }
      }
    } finally {
      lock.unlock();
    }
    return left;
  }

  /** Begins anew, so that what a test does is logged whatever others did before. */
  void forget() {
    lock.lock();
    try {
      events.clear();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Says at DEBUG what is of use only to whoever looks for something: every time, in the same safe
   * form.
   *
   * @param cause why
   * @param event what happened, with <code>{}</code> for each detail
   * @param details names and numbers; no payloads
   */
  public void debug(Throwable cause, String event, Object... details) {
    try {
      if (logger.isDebugEnabled()) {
        logger.debug(text(event, cause, 0), all(cause, details, 0));
      }
    } catch (Throwable t) {
      // As above.
    }
  }

  /**
   * Returns what kind of failure something is: its class and those of its causes, with the codes of
   * errors that Redis answered, such as {@code WRONGPASS}. Nothing of it was chosen by others.
   *
   * @param failure the failure
   * @return its kind; never throws
   */
  public static String kind(Throwable failure) {
    StringBuilder kind = new StringBuilder();
    Throwable each = failure;
    for (int i = 0; each != null && i < MOST_CAUSES; i++) {
      kind.append(i == 0 ? "" : " <- ").append(each.getClass().getName());
      if (each instanceof JedisException e && Failures.code(e).matches("[A-Z]{2,20}")) {
        kind.append(' ').append(Failures.code(e));
      }
      each = causeOf(each);
    }
    return kind.toString();
  }

  /** The cause, unless asking for it fails. */
  private static @Nullable Throwable causeOf(Throwable failure) {
    try {
      return failure.getCause();
    } catch (RuntimeException | Error e) {
      return null;
    }
  }

  private static String describe(Throwable failure) {
    StringBuilder text = new StringBuilder();
    Throwable each = failure;
    for (int i = 0; each != null && i < MOST_CAUSES; i++) {
      text.append(i == 0 ? "" : "; caused by ").append(describeAlone(each));
      each = causeOf(each);
    }
    return text.toString();
  }

  private static String describeAlone(Throwable failure) {
    String name = failure.getClass().getName();
    try {
      String message = failure.getMessage();
      return message == null ? name : name + ": " + escape(message);
    } catch (RuntimeException | Error e) {
      return name;
    }
  }

  /**
   * Returns text that others chose in a form that is safe in a line of a log or a message: control
   * characters, line separators, directional marks, backslashes and unpaired surrogates as <code>
   * &#92;uXXXX</code>, and at most {@value #LONGEST_DETAIL} characters of it.
   *
   * @param text the text
   * @return the same for most names
   */
  public static String escape(String text) {
    int end = Math.min(text.length(), LONGEST_DETAIL);
    StringBuilder escaped = null;
    int at = 0;
    while (at < end) {
      int codePoint = text.codePointAt(at);
      int next = at + Character.charCount(codePoint);
      if (isUnsafe(codePoint)) {
        if (escaped == null) {
          escaped = new StringBuilder(text.substring(0, at));
        }
        for (int i = at; i < next; i++) {
          escaped.append(String.format("\\u%04X", (int) text.charAt(i)));
        }
      } else if (escaped != null) {
        escaped.appendCodePoint(codePoint);
      }
      at = next;
    }
    if (at >= text.length()) {
      return escaped == null ? text : escaped.toString();
    }
    String start = escaped == null ? text.substring(0, at) : escaped.toString();
    return start + "… (" + text.length() + " characters)";
  }

  private static boolean isUnsafe(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.PRIVATE_USE,
          Character.SURROGATE,
          Character.UNASSIGNED ->
          true;
      default -> codePoint == '\\';
    };
  }

  /** A throwable for the log: the start of the same stack trace under a message that is escaped. */
  private static final class Escaped extends Exception {
    private static final long serialVersionUID = 1;

    Escaped(Throwable original, int depth) {
      super(describeAlone(original), causeFor(original, depth), false, true);
      StackTraceElement[] trace = original.getStackTrace();
      setStackTrace(Arrays.copyOf(trace, Math.min(trace.length, MOST_FRAMES)));
    }

    private static @Nullable Throwable causeFor(Throwable original, int depth) {
      Throwable cause = depth < MOST_CAUSES ? causeOf(original) : null;
      return cause == null ? null : new Escaped(cause, depth + 1);
    }

    @Override
    public synchronized Throwable fillInStackTrace() {
      return this; // that of the original takes its place
    }
  }
}
