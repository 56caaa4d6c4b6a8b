package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.LuaFile;
import io.github.redistoolkit.core.LuaScript;
import java.util.HashMap;
import java.util.Map;

/**
 * What the scripts of a {@linkplain SemaphoreScripts semaphore} and of a {@linkplain
 * ReadWriteScripts read-write lock} have in common: both keep their holders in a hash, and reckon
 * with {@code held}, {@code first}, {@code last} and {@code due}. The files that begin with {@code
 * holders} name the parts in which the two differ.
 */
final class HolderScripts {

  /** How long all of it matters, in ms. */
  static final String TTL =
      """
      local ttl = string.format('%.0f',
          memory + (math.max(0, last - now) + math.max(0, token - now)) / 1000)
      """;

  /** Asked before anything is written by what would fail in the midst of it. */
  private static final String MAY_REMOVE =
      """
      if not redis.acl_check_cmd('HDEL', KEYS[1], 'x') then
        return redis.error_reply('NOPERM this user has no permissions to run HDEL on the state')
      end
      """;

  /** The same, if anything is over. */
  private static final String MAY_DROP =
      """
      if #gone > 0 then
      """
          + MAY_REMOVE
          + """
          end
          """;

  /** Likewise, by what would leave a new key without a time to live. */
  private static final String MAY_EXPIRE =
      """
      if not redis.acl_check_cmd('PEXPIRE', KEYS[1], 1) then
        return redis.error_reply('NOPERM this user has no permissions to run PEXPIRE on the state')
      end
      """;

  /** After the state was written: drops what is over, and keeps all as long as it matters. */
  static final String TIDY =
      """
      for _, field in ipairs(gone) do
        redis.call('HDEL', KEYS[1], field)
      end
      redis.call('PEXPIRE', KEYS[1], ttl)
      """;

  private HolderScripts() {}

  /**
   * What the files of a kind name where it belongs.
   *
   * @param own the kind's own parts: {@code READ}, {@code SURVEY}, {@code TTL}, {@code WRITE}, and
   *     what it alone has
   */
  static Map<String, String> parts(Map<String, String> own) {
    Map<String, String> parts = new HashMap<>(own);
    parts.put("MAY_REMOVE", MAY_REMOVE);
    parts.put("MAY_DROP", MAY_DROP);
    parts.put("MAY_EXPIRE", MAY_EXPIRE);
    parts.put("AGAIN", file("again", parts));
    parts.put("GRANT", file("grant", parts));
    parts.put("LEAVE", file("leave", parts));
    return Map.copyOf(parts);
  }

  /**
   * What {@code holders-extend.lua} says.
   *
   * @param read reads the state, and decides on {@code survey}
   * @param survey counts all but the owner
   */
  static LuaScript extend(Map<String, String> parts, String read, String survey) {
    Map<String, String> all = new HashMap<>(parts);
    all.put("READ", read);
    all.put("SURVEY", survey);
    return LuaScript.of(file("extend", all));
  }

  private static String file(String name, Map<String, String> parts) {
    return LuaFile.read(HolderScripts.class, "holders-" + name + ".lua", parts);
  }
}
