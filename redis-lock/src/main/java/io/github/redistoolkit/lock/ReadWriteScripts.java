package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.LuaFile;
import io.github.redistoolkit.core.LuaScript;
import java.util.Map;

/**
 * The scripts of a read-write lock, of which readers and writers take turns (Brandenburg and
 * Anderson, "Reader-Writer Synchronization for Shared-Memory Multiprocessor Real-Time Systems",
 * 2009). They take the keys and arguments of {@link LockScripts}, and then {@code r} or {@code w}
 * for who asks; those that grant also for how many ms the caller has waited. A release takes two
 * wake lists, the writers' and the readers'.
 *
 * <p>One hash holds all of its state. Its field {@code s} is <code>
 * token held first last writing due readers writers phase turn promised</code>, of which trailing
 * zero words are left out: the token alone if there is nothing else to say, four words while there
 * are readers, and a fifth while there is a writer. So it is no longer than 64 bytes, beyond which
 * Redis keeps a hash in another way, while nobody waits.
 *
 * <ul>
 *   <li>{@code token}, {@code held}, {@code first}, {@code last}: as of a {@linkplain
 *       SemaphoreScripts semaphore}; {@code writing}: 1 if the one holder writes; {@code due}: no
 *       mark and no waiter expires before this time;
 *   <li>{@code readers}, {@code writers}: how many wait, as far as they have asked lately;
 *   <li>{@code phase}: when the last writer has ended, if somebody waited then. Whoever began to
 *       wait for reading by then goes before writers that wait;
 *   <li>{@code turn}: how many of these are still to come; writers are refused for so long, but for
 *       a moment only;
 *   <li>{@code promised}: until when the free lock is kept for the writer that was woken.
 * </ul>
 *
 * <p>The other fields are holders, <code>h&lt;owner&gt;</code>, and marks, <code>t&lt;owner&gt;
 * </code>, as of a semaphore, and who waits, <code>r&lt;owner&gt;</code> and <code>w&lt;owner&gt;
 * </code>, with the time until when it counts, and for a reader since when it waits. That is the
 * server's time, since a client's count of how long it has waited leaves out how long its request
 * was on its way. What cannot be such a state is answered {@code LOCKSTATE} and left as it is.
 */
final class ReadWriteScripts {

  private static final int MOST_READERS = 10_000;

  private static final String MOST = "local most = " + MOST_READERS + "\n";

  /** Reads the state, and what there is of the owner, or answers that it is none. */
  private static final String READ =
      LuaFile.read(ReadWriteScripts.class, "rwlock-read.lua", Map.of());

  /**
   * Recounts the holders, marks and waiters that have not expired, leaving out the caller's own. A
   * mark from before the clock was set back is kept, but looked for only now and then.
   */
  private static final String SURVEY =
      """
      local all = redis.call('HGETALL', KEYS[1])
      held, first, last, due, readers, writers = 0, 0, 0, 0, 0, 0
      local ended = false
      for i = 1, #all, 2 do
        local field = all[i]
        local kind = string.sub(field, 1, 1)
        local ends = kind ~= 's' and field ~= 'h' .. me and field ~= waiter
            and tonumber(string.match(all[i + 1], '^%d+') or 0)
        local furthest = (kind == 'r' or kind == 'w') and 4000000 or 31622400000000
        if ends and (ends <= now or ends - now > furthest) then
          gone[#gone + 1] = field
          if kind == 'h' and writing == 1 and ends <= now and ends > phase then
            phase, ended = ends, true
          end
        elseif ends and kind == 'h' then
          held = held + 1
          first = first == 0 and ends or math.min(first, ends)
          last = math.max(last, ends)
        elseif ends then
          ends = math.min(ends, now + 120000000)
          due = due == 0 and ends or math.min(due, ends)
          if kind == 'r' then
            readers = readers + 1
          elseif kind == 'w' then
            writers = writers + 1
          end
        end
      end
      """;

  /** After that: all readers have their turn if a writer has ended meanwhile. */
  private static final String NEW_TURN =
      """
      turn = math.min(readers, ended and now - phase < 100000 and readers or turn)
      """;

  private static final String TTL =
      """
      if held == 0 then
        first, last, writing = 0, 0, 0
        if readers + writers == 0 then
          phase, turn = 0, 0
        end
      end
      """
          + HolderScripts.TTL;

  /** Writes the state, drops what is over, and keeps all as long as it matters. */
  private static final String WRITE =
      """
      local text = string.format('%.0f', token)
      if due + readers + writers + phase > 0 then
        text = string.format('%s %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f', text, held,
            first, last, writing, due, readers, writers, phase, turn, promised)
      elseif held > 0 then
        text = string.format('%s %.0f %.0f %.0f%s', text, held, first, last,
            writing == 1 and ' 1' or '')
      end
      redis.call('HSET', KEYS[1], 's', text)
      """
          + HolderScripts.TIDY;

  /** What the files name where it belongs. */
  private static final Map<String, String> PARTS =
      HolderScripts.parts(
          Map.ofEntries(
              Map.entry("READ", READ),
              Map.entry("MOST", MOST),
              Map.entry("SURVEY", SURVEY),
              Map.entry("NEW_TURN", NEW_TURN),
              Map.entry("TTL", TTL),
              Map.entry("WRITE", WRITE)));

  /** What {@code rwlock-acquire.lua} says. */
  static final LuaScript ACQUIRE = script("acquire");

  /** What {@code rwlock-release.lua} says. */
  static final LuaScript RELEASE = script("release");

  /** Arguments and replies as those of {@link LockScripts#EXTEND}. */
  static final LuaScript EXTEND =
      HolderScripts.extend(
          PARTS,
          READ,
          """
          waiter = ''
          """
              + SURVEY
              + NEW_TURN);

  private static final String COUNT =
      READ
          + """
          if held > 0 and first <= now then
            waiter = ''
          """
          + SURVEY
          + """
          end
          """;

  /** KEYS: state. Returns how many read. */
  static final LuaScript COUNT_READERS =
      LuaScript.of(COUNT + "return writing == 0 and held or 0\n");

  /** KEYS: state. Returns 1 while somebody writes, or while a minimum hold lasts. */
  static final LuaScript COUNT_WRITERS =
      LuaScript.of(COUNT + "return writing == 1 and held or 0\n");

  private ReadWriteScripts() {}

  private static LuaScript script(String name) {
    return LuaScript.of(LuaFile.read(ReadWriteScripts.class, "rwlock-" + name + ".lua", PARTS));
  }
}
