package io.github.redistoolkit.benchmark;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.Response;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.ScanParams;
import redis.clients.jedis.resps.ScanResult;

/**
 * What a row holds while it is measured.
 *
 * @param threads of this JVM, without those that ask
 * @param connections to the server, without those that only look at it
 */
record Holdings(int threads, int connections) {

  private static final Pattern CONNECTION = Pattern.compile("\\bid=(\\d+) addr=");
  private static final int MOST_KEYS = 40_000;

  /** What there was before the row began. */
  record Baseline(Set<Thread> threads, long newestConnection) {

    static Baseline now(UnifiedJedis admin) {
      long newest = connections(admin).stream().mapToLong(id -> id).max().orElse(0);
      return new Baseline(liveThreads(), newest);
    }

    /** What has come since, apart from threads whose names contain the given text. */
    Holdings held(UnifiedJedis admin, String asking) {
      Set<Thread> begun = liveThreads();
      begun.removeAll(threads);
      begun.removeIf(thread -> thread.getName().contains(asking));
      long opened = connections(admin).stream().filter(id -> id > newestConnection).count();
      int looking = Access.open().stream().mapToInt(Access::adminConnections).sum();
      return new Holdings(begun.size(), (int) opened - looking);
    }
  }

  private static Set<Thread> liveThreads() {
    return new HashSet<>(Thread.getAllStackTraces().keySet());
  }

  private static List<Long> connections(UnifiedJedis admin) {
    String list =
        admin.executeCommand(
            new CommandObject<>(
                new CommandArguments(Protocol.Command.CLIENT).add("LIST"), BuilderFactory.STRING));
    return CONNECTION.matcher(list).results().map(found -> Long.valueOf(found.group(1))).toList();
  }

  /**
   * The mean bytes that the server keeps for one entry, id or lock of a row; NaN if it keeps none.
   * Keys belong together if they have the name of the row and the numbers after it in common.
   */
  static double bytesEach(Access access) {
    Pattern subject = Pattern.compile(Pattern.quote(access.name()) + "(?:[-:]?\\d+)*");
    Map<String, Long> bytes = new HashMap<>();
    ScanParams ofRow = new ScanParams().match("*" + access.name() + "*").count(1000);
    String cursor = ScanParams.SCAN_POINTER_START;
    int keys = 0;
    do {
      ScanResult<String> page = access.admin().scan(cursor, ofRow);
      keys += page.getResult().size();
      bytesOf(access.admin(), page.getResult())
          .forEach(
              (key, size) -> {
                Matcher matcher = subject.matcher(key);
                bytes.merge(matcher.find() ? matcher.group() : key, size, Long::sum);
              });
      cursor = page.getCursor();
    } while (!cursor.equals(ScanParams.SCAN_POINTER_START) && keys < MOST_KEYS);
    return bytes.values().stream().mapToLong(size -> size).average().orElse(Double.NaN);
  }

  private static Map<String, Long> bytesOf(UnifiedJedis admin, List<String> keys) {
    Map<String, Response<Long>> replies = new HashMap<>();
    try (AbstractPipeline pipeline = admin.pipelined()) {
      keys.forEach(key -> replies.put(key, pipeline.memoryUsage(key)));
    }
    Map<String, Long> bytes = new HashMap<>();
    replies.forEach(
        (key, reply) -> {
          // Expired meanwhile, if there is none.
          if (reply.get() != null) {
            bytes.put(key, reply.get());
          }
        });
    return bytes;
  }
}
