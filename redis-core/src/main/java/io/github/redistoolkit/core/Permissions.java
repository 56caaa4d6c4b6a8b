package io.github.redistoolkit.core;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** Says of which permission a refusal is, and which module needs it. */
final class Permissions {

  private static final Pattern CALL = Pattern.compile("redis\\.p?call\\('([A-Z]+)'");

  /** Asks the server which of the commands in ARGV the user may not run on KEYS[1]. */
  private static final String MISSING =
      """
      local missing = {}
      for _, command in ipairs(ARGV) do
        if not redis.acl_check_cmd(command, KEYS[1]) then
          missing[#missing + 1] = command
        end
      end
      return missing
      """;

  private Permissions() {}

  /** A refusal that says already who needs what. */
  private static final class Named extends JedisAccessControlException {
    private static final long serialVersionUID = 1L;

    Named(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /**
   * Whether the server refused a command within a script and does not say which. Redis 7.2 does.
   */
  static boolean isWithinScript(JedisException failure) {
    return failure instanceof JedisDataException
        && String.valueOf(failure.getMessage())
            .startsWith("ERR The user executing the script can't");
  }

  /** Names the module in a refusal that names the command or says that it is the key. */
  static JedisException named(JedisException failure, String module) {
    boolean refused =
        failure instanceof JedisDataException && Failures.code(failure).equals("NOPERM");
    return !refused || failure instanceof Named
        ? failure
        : new Named(failure.getMessage() + "; " + module + " needs it", failure);
  }

  /** Returns the commands that a script calls by their names. */
  static Set<String> calledBy(String source) {
    Set<String> commands = new TreeSet<>();
    Matcher calls = CALL.matcher(source);
    while (calls.find()) {
      commands.add(calls.group(1));
    }
    return commands;
  }

  /**
   * Names the module and what it lacks in a refusal from within a script: one more round trip, that
   * asks the server.
   */
  static JedisException within(
      JedisException failure, RedisAccess redis, List<String> keys, Collection<String> commands) {
    String text = failure.getMessage() + "; " + redis.module() + " needs ";
    try {
      Object missing = redis.execute(redis.commands().eval(MISSING, keys, List.copyOf(commands)));
      if (missing instanceof List<?> list && !list.isEmpty() && list.size() < commands.size()) {
        return new Named(text + "permission to run " + list + " on its keys", failure);
      }
    } catch (JedisException e) {
      failure.addSuppressed(e);
    }
    return new Named(text + "permission to run " + commands + " on all of its keys", failure);
  }
}
