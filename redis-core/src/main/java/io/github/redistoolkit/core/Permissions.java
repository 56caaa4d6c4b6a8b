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

  private static final Pattern CALL = Pattern.compile("redis\\.p?call\\(\\s*'([A-Z]+)'");

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

  private static final String OLD =
      " needs Redis 7.0 or later, or Valkey, with its commands under their own names";

  private static final EventLog LOG = EventLog.shared(RedisAccess.class);

  private Permissions() {}

  /**
   * Whether the server refused a command within a script and does not say which. Redis 7.2 does.
   */
  static boolean isWithinScript(JedisException failure) {
    return failure instanceof JedisDataException
        && String.valueOf(failure.getMessage())
            .startsWith("ERR The user executing the script can't");
  }

  /**
   * Names the module in a refusal that names the command or says that it is the key, and in the
   * error of a server that does not know the command, or the form of it.
   */
  static JedisException named(JedisException failure, String module) {
    if (isOfOldServer(failure)) {
      return new JedisDataException(failure.getMessage() + "; " + module + OLD, failure);
    }
    boolean refused =
        failure instanceof JedisDataException && Failures.code(failure).equals("NOPERM");
    // With a cause it is one that was named before.
    return !refused || failure.getCause() instanceof JedisDataException
        ? failure
        : with(failure, module + " needs it");
  }

  private static boolean isOfOldServer(JedisException failure) {
    String message = String.valueOf(failure.getMessage());
    return failure.getClass() == JedisDataException.class
        && failure.getCause() == null
        && (message.startsWith("ERR unknown command") || message.startsWith("ERR syntax error"));
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
   * Says what a module lacks whose script was refused: one more round trip, that asks the server.
   *
   * @param commands what the script calls
   */
  static String lackOf(RedisAccess redis, List<String> keys, Collection<String> commands) {
    Collection<?> lacking = commands;
    try {
      Object missing = redis.execute(redis.commands().eval(MISSING, keys, List.copyOf(commands)));
      if (missing instanceof List<?> some && !some.isEmpty() && some.size() < commands.size()) {
        lacking = some;
      }
    } catch (JedisException e) {
      // All that may be lacking is said then: what was refused is what the caller has to hear of.
      LOG.debug(e, "The server does not say which permission is lacking");
    }
    return lackOf(redis, lacking);
  }

  /** Says that a module lacks one of these, or all. */
  static String lackOf(RedisAccess redis, Collection<?> lacking) {
    return redis.module() + " needs permission to run " + lacking + " on its keys";
  }

  /** The same refusal, saying what is lacking. */
  static JedisException with(JedisException failure, String lack) {
    return new JedisAccessControlException(failure.getMessage() + "; " + lack, failure);
  }
}
