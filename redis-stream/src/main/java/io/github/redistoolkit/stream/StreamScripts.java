package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.LuaFile;
import io.github.redistoolkit.core.LuaScript;
import java.util.Map;

/** The scripts, each of which the file of its name describes. */
final class StreamScripts {

  /** What some answer if the group is gone: nobody has done with anything, as far as is known. */
  static final long NO_GROUP = -3;

  static final LuaScript JOIN = script("join");
  static final LuaScript CLAIM = script("claim");
  static final LuaScript OWN = script("own");
  static final LuaScript RENEW = script("renew");
  static final LuaScript BURY = script("bury");
  static final LuaScript LEAVE = script("leave");
  static final LuaScript KEEP = script("keep");
  static final LuaScript PUBLISH = script("publish");
  static final LuaScript STATE = script("state");
  static final LuaScript ADVANCE = script("advance");
  static final LuaScript HANDOVER = script("handover");
  static final LuaScript MEMBERS = script("members");

  /** The state of the ownership of a partition: {@code <fencing number> <end in ms> <owner>}. */
  private static final String OWNERSHIP =
      """
      local lease = redis.call('HGET', KEYS[1], 'l:' .. ARGV[1])
      local fence, stop, owner = string.match(lease or '', '^(%d+) (%d+) (%S+)$')
      local time = redis.call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      """;

  /**
   * Takes a partition that nobody has. KEYS: what is known of groups. ARGV: group, consumer, lease
   * in ms, the last fencing number that the consumer had for it. Returns the fencing number, which
   * is larger than all before; 0 if another has it. Sent twice it answers the same.
   */
  static final LuaScript ACQUIRE =
      LuaScript.of(
          OWNERSHIP
              + """
              local next = time[1] * 1000000 + time[2]
              if fence then
                -- None lasts for longer than a day: the clock has been set back.
                local taken = owner ~= '-' and tonumber(stop) > now and stop - now < 100000000
                if taken and owner ~= ARGV[2] then return 0 end
                next = math.max(next, fence + 1)
                if owner == ARGV[2] and tonumber(fence) > tonumber(ARGV[4]) then
                  next = tonumber(fence)
                end
              end
              redis.call('HSET', KEYS[1], 'l:' .. ARGV[1],
                  string.format('%.0f %.0f %s', next, now + ARGV[3], ARGV[2]))
              return next
              """);

  /**
   * Renews the lease of a partition. KEYS: what is known of groups. ARGV: group, consumer, lease in
   * ms, its fencing number. Returns 0 if it is another's.
   */
  static final LuaScript HOLD =
      LuaScript.of(
          OWNERSHIP
              + """
              if owner ~= ARGV[2] or fence ~= ARGV[4] then return 0 end
              redis.call('HSET', KEYS[1], 'l:' .. ARGV[1],
                  string.format('%s %.0f %s', fence, math.max(stop, now + ARGV[3]), owner))
              return 1
              """);

  /**
   * Returns how many partitions a topic has, and that it has so many if nobody has said so before.
   * KEYS: the topic. ARGV: how many.
   */
  static final LuaScript PARTITIONS =
      LuaScript.of(
          """
          local known = redis.pcall('HGET', KEYS[1], 'partitions')
          if type(known) == 'table' then
            if string.find(known.err, 'WRONGTYPE', 1, true) then return 1 end
            return known
          end
          if known then return tonumber(known) end
          if ARGV[1] ~= '1' then redis.call('HSET', KEYS[1], 'partitions', ARGV[1]) end
          return tonumber(ARGV[1])
          """);

  /**
   * Acknowledges entries. KEYS: the stream. ARGV: group, 1 if the stream is the group's alone, ids.
   */
  static final LuaScript ACK =
      LuaScript.of(
          """
          redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, 3))
          if ARGV[2] == '1' then redis.call('XDEL', KEYS[1], unpack(ARGV, 3)) end
          return #ARGV - 2
          """);

  /**
   * Begins another delivery to the consumer that has the entry. KEYS: the stream. ARGV: group,
   * consumer, id, which delivery. Returns 1, 0 if another has it, -1 if nobody has, -2 if it was
   * trimmed, -3 if there is no such group.
   */
  static final LuaScript REDELIVER =
      LuaScript.of(
          """
          local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
          if pending.err then
            if string.find(pending.err, 'NOGROUP', 1, true) then return -3 end
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
    return LuaScript.of(read("ids") + read(name));
  }

  private static String read(String name) {
    return LuaFile.read(StreamScripts.class, name + ".lua", Map.of());
  }
}
