package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.LuaScript;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** The scripts, each of which the file of its name describes. */
final class StreamScripts {

  static final LuaScript JOIN = script("join");
  static final LuaScript CLAIM = script("claim");
  static final LuaScript OWN = script("own");
  static final LuaScript RENEW = script("renew");
  static final LuaScript BURY = script("bury");
  static final LuaScript LEAVE = script("leave");
  static final LuaScript KEEP = script("keep");
  static final LuaScript PUBLISH = script("publish");
  static final LuaScript STATE = script("state");

  /**
   * Acknowledges entries. KEYS: the stream. ARGV: group, 1 if the stream is the group's alone, ids.
   */
  static final LuaScript ACK =
      LuaScript.of(
          """
          for i = 3, #ARGV do
            redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
            if ARGV[2] == '1' then redis.call('XDEL', KEYS[1], ARGV[i]) end
          end
          return #ARGV - 2
          """);

  /**
   * Begins another delivery to the consumer that has the entry. KEYS: the stream. ARGV: group,
   * consumer, id, which delivery. Returns 1, 0 if another has it, -1 if nobody has, -2 if it was
   * trimmed.
   */
  static final LuaScript REDELIVER =
      LuaScript.of(
          """
          local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
          if pending.err then
            if string.find(pending.err, 'NOGROUP', 1, true) then return -1 end
            return pending
          end
          if not pending[1] then return -1 end
          if pending[1][2] ~= ARGV[2] then return 0 end
          local entry = redis.call(
              'XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'RETRYCOUNT', ARGV[4], 'JUSTID')[1]
          return entry and 1 or -2
          """);

  /**
   * Counts an entry that a group has lost, once. KEYS: what is known of groups. ARGV: group, id.
   * Remembers the last two hundred: it is sent twice within seconds, or not at all.
   */
  static final LuaScript COUNT_LOST =
      LuaScript.of(
          """
          local counted = redis.call('HGET', KEYS[1], 'c:' .. ARGV[1]) or ';'
          if string.find(counted, ';' .. ARGV[2] .. ';', 1, true) then return 0 end
          redis.call('HSET', KEYS[1], 'c:' .. ARGV[1],
              string.sub(counted .. ARGV[2] .. ';', -4200))
          redis.call('HINCRBY', KEYS[1], 't:' .. ARGV[1], 1)
          redis.call('HINCRBY', KEYS[1], 'u:' .. ARGV[1], 1)
          return 1
          """);

  /**
   * Sends a dead letter back to its group. KEYS: the dead letters, what is sent back. ARGV: the id.
   * Returns 0 if there is none.
   */
  static final LuaScript REDRIVE =
      LuaScript.of(
          """
          local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
          if not letter then return 0 end
          local kept = {}
          for i = 1, #letter[2], 2 do
            if letter[2][i] == 'id' or letter[2][i] == 'd' then
              kept[#kept + 1] = letter[2][i]
              kept[#kept + 1] = letter[2][i + 1]
            end
          end
          redis.call('XADD', KEYS[2], '*', unpack(kept))
          redis.call('XDEL', KEYS[1], ARGV[1])
          return 1
          """);

  /** Returns the last id that a stream gave. KEYS: the stream. */
  static final LuaScript LAST =
      LuaScript.of(
          """
          if redis.call('EXISTS', KEYS[1]) == 0 then return '0-0' end
          local info = redis.call('XINFO', 'STREAM', KEYS[1])
          for i = 1, #info, 2 do
            if info[i] == 'last-generated-id' then return info[i + 1] end
          end
          """);

  private StreamScripts() {}

  private static LuaScript script(String name) {
    return LuaScript.of(source("ids") + source(name));
  }

  private static String source(String name) {
    String file = name + ".lua";
    try (InputStream in = StreamScripts.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException(file + " is not beside its class");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
