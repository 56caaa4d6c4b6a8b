package io.github.redistoolkit.benchmark;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;

/**
 * What the server had to do, as its INFO says.
 *
 * @param cpuMicros what its process has used, in user and system mode
 * @param reads how often it read from a socket: once for each round trip, or once for some 16 KB of
 *     a pipeline
 * @param commands what it executed, also inside scripts
 * @param scripts how many of these were scripts
 * @param scriptMicros the time these took
 */
record ServerWork(long cpuMicros, long reads, long commands, long scripts, long scriptMicros) {

  private static final Pattern READS = Pattern.compile("total_reads_processed:(\\d+)");
  private static final Pattern CPU = Pattern.compile("used_cpu_(?:sys|user):([\\d.]+)");
  private static final Pattern COMMAND =
      Pattern.compile("cmdstat_([^:]+):calls=(\\d+),usec=(\\d+),.*");

  /** Since the server started. */
  static ServerWork soFar(UnifiedJedis admin) {
    return of(admin.info("all"));
  }

  /** Of one of several servers, since it started. */
  static ServerWork soFar(Jedis server) {
    return of(server.info("all"));
  }

  private static ServerWork of(String info) {
    double cpuSeconds = 0;
    long reads = 0;
    long commands = 0;
    long scripts = 0;
    long scriptMicros = 0;
    for (String line : info.lines().toList()) {
      Matcher read = READS.matcher(line);
      if (read.matches()) {
        reads = Long.parseLong(read.group(1));
      }
      Matcher cpu = CPU.matcher(line);
      if (cpu.matches()) {
        cpuSeconds += Double.parseDouble(cpu.group(1));
      }
      Matcher command = COMMAND.matcher(line);
      if (command.matches() && !command.group(1).equals("info")) {
        long calls = Long.parseLong(command.group(2));
        commands += calls;
        if (command.group(1).equals("evalsha") || command.group(1).equals("eval")) {
          scripts += calls;
          scriptMicros += Long.parseLong(command.group(3));
        }
      }
    }
    return new ServerWork(
        Math.round(cpuSeconds * 1_000_000), reads, commands, scripts, scriptMicros);
  }

  /** From an earlier moment until this one, without the work of asking. */
  ServerWork since(ServerWork earlier) {
    return new ServerWork(
        cpuMicros - earlier.cpuMicros,
        reads - earlier.reads - 1,
        commands - earlier.commands,
        scripts - earlier.scripts,
        scriptMicros - earlier.scriptMicros);
  }

  /** The mean time of a script; NaN if there was none. */
  double microsPerScript() {
    return scripts == 0 ? Double.NaN : (double) scriptMicros / scripts;
  }
}
