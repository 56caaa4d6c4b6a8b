package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Opened;
import io.github.redistoolkit.core.Ticker;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * What there is to know about <a
 * href="https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/">keyspace
 * notifications</a>: the names of their channels, and whether servers send them.
 */
final class KeyEvents {

  private static final String SETTING = "notify-keyspace-events";
  private static final long LOOK_AGAIN_NANOS = TimeUnit.MINUTES.toNanos(1);
  private static final Pattern NAME = Pattern.compile("[a-z0-9_-]{1,40}");
  private static final Pattern DATABASE = Pattern.compile(" db=(\\d+) ");

  /** The letters of the setting by which Redis sends events, where that is known. */
  private static final Map<String, String> LETTERS =
      Map.ofEntries(
          Map.entry("x", "expired"),
          Map.entry("e", "evicted"),
          Map.entry("m", "keymiss"),
          Map.entry("n", "new"),
          Map.entry(
              "g", "del expire persist rename_from rename_to move_from move_to copy_to restore"),
          Map.entry("$", "set setrange incrby incrbyfloat append"),
          Map.entry("l", "lpush rpush lpop rpop linsert lset lrem ltrim"),
          Map.entry("s", "sadd srem spop sinterstore sunionstore sdiffstore"),
          Map.entry("h", "hset hdel hincrby hincrbyfloat hexpire hexpired hpersist"),
          Map.entry("z", "zadd zincr zrem zrembyscore zrembyrank zunionstore zinterstore"),
          Map.entry("t", "xadd xdel xtrim xsetid"));

  /** What {@code A} stands for. */
  private static final String ALL = "g$lshzxet";

  private final RedisAccess redis;
  private final Reports reports;
  private final Ticker ticker;
  private final int silenceMillis;
  private final Map<Delivery<?>, Set<String>> watched = new ConcurrentHashMap<>();
  private final Set<Delivery<?>> missing = ConcurrentHashMap.newKeySet();
  private volatile long lookedNanos;

  KeyEvents(RedisAccess redis, Reports reports, Settings settings) {
    this.redis = redis;
    this.reports = reports;
    this.ticker = settings.ticker();
    this.silenceMillis = (int) settings.longestSilence().toMillis();
    this.lookedNanos = ticker.nanoTime();
  }

  /**
   * Returns the channels of events, after all primaries were asked whether they send them.
   *
   * @throws IllegalArgumentException if there is none, or a name cannot be one
   * @throws IllegalStateException if a server does not send them
   */
  List<String> channels(Collection<String> events) {
    if (events.isEmpty()) {
      throw new IllegalArgumentException("events must not be empty");
    }
    for (String event : events) {
      if (!NAME.matcher(event).matches()) {
        throw new IllegalArgumentException(
            "events must be names as Redis gives them, such as expired, but one is "
                + EventLog.escape(event));
      }
    }
    String database = redis.spreadsKeys() ? "0" : database();
    String missing = missing(new HashSet<>(events));
    if (missing != null) {
      throw new IllegalStateException(missing);
    }
    return events.stream()
        .distinct()
        .map(event -> "__keyevent@" + database + "__:" + event)
        .toList();
  }

  /** The event of a message from one of the channels. */
  static KeyEvent decode(String channel, byte[] payload) {
    return new KeyEvent(channel.substring(channel.indexOf(':') + 1), new String(payload, UTF_8));
  }

  private String database() {
    String info = text(ask("", Command.CLIENT, "INFO"));
    Matcher database = DATABASE.matcher(info);
    return database.find() ? database.group(1) : "0";
  }

  /** What is wrong with the setting of a primary; null if nothing is, or it may not be read. */
  private @Nullable String missing(Set<String> events) {
    for (String node : redis.primaries()) {
      String enabled = enabled(node);
      for (String event : events) {
        if (enabled != null && !includes(enabled, event)) {
          return "Redis"
              + (node.isEmpty() ? "" : " at " + node)
              + " sends no event "
              + event
              + ": "
              + SETTING
              + " is \""
              + enabled
              + "\"";
        }
      }
    }
    return null;
  }

  private @Nullable String enabled(String node) {
    try {
      Object reply = ask(node, Command.CONFIG, "GET", SETTING);
      return reply instanceof List<?> pair && pair.size() == 2 ? text(pair.get(1)) : null;
    } catch (JedisDataException e) {
      reports.log.warn(
          e, "{} may not be read, so it is not known whether key events are sent", SETTING);
      return null;
    }
  }

  static boolean includes(String setting, String event) {
    if (setting.indexOf('E') < 0) {
      return false;
    }
    String letter =
        LETTERS.entrySet().stream()
            .filter(each -> List.of(each.getValue().split(" ")).contains(event))
            .map(Map.Entry::getKey)
            .findFirst()
            .orElse(""); // one that is not known here is taken on trust
    return setting.contains(letter) || (setting.indexOf('A') >= 0 && ALL.contains(letter));
  }

  /**
   * Asks a node over a connection made for it, in place of one of the pool's, which is anyone's.
   */
  private @Nullable Object ask(String node, Command command, String... args) {
    Opened opened = redis.openTo(node, silenceMillis);
    try {
      CommandArguments arguments = new CommandArguments(command);
      Stream.of(args).forEach(arguments::add);
      return opened.connection().executeCommand(arguments);
    } finally {
      opened.disconnect();
    }
  }

  private static String text(@Nullable Object raw) {
    return raw instanceof byte[] bytes ? new String(bytes, UTF_8) : String.valueOf(raw);
  }

  void watch(Delivery<?> delivery, Collection<String> events) {
    watched.put(delivery, Set.copyOf(events));
  }

  void forget(Delivery<?> delivery) {
    watched.remove(delivery);
    missing.remove(delivery);
  }

  /**
   * Once a minute: reports if events are no longer sent, as after a restart without the setting.
   */
  void lookAgain() {
    if (watched.isEmpty() || ticker.nanoTime() - lookedNanos < LOOK_AGAIN_NANOS) {
      return;
    }
    lookedNanos = ticker.nanoTime();
    watched.forEach(
        (delivery, events) -> {
          String wrong = missing(events);
          if (wrong == null) {
            missing.remove(delivery);
          } else if (missing.add(delivery)) {
            reports.refused(delivery, new IllegalStateException(wrong));
          }
        });
    reports.wake();
  }
}
