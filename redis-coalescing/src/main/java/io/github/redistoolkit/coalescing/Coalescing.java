package io.github.redistoolkit.coalescing;

import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.LayeredClient;
import io.github.redistoolkit.core.RedisAccess;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * Makes a client over your pool that sends the commands of concurrent callers together.
 *
 * <p>There are a few lanes, each with one borrowed connection at a time. A caller that finds a lane
 * free runs its command as over the pool: the same bytes and the same reads, on its own thread. A
 * caller that finds none waits. When a lane becomes free, the first waiting caller takes it. It
 * writes its own command and those of up to 63 callers behind it (as far as they have 8 KiB
 * together) in one flush. It reads the replies and hands each to its caller, which decodes it.
 * Between calls no connection is held.
 *
 * <p><b>Guarantees.</b> Each caller gets the reply to its own command. Nothing is sent twice. No
 * more fails than this:
 *
 * <table>
 *   <caption>What a failure means, and for whom</caption>
 *   <tr><th>what happens</th><th>who fails, and how</th></tr>
 *   <tr>
 *     <td>the server answers an error; an argument cannot be encoded; a reply cannot be decoded</td>
 *     <td>that caller</td>
 *   </tr>
 *   <tr>
 *     <td>a read times out</td>
 *     <td>the callers of that one flush whose replies had not come: their commands may have run. Each
 *       has waited for the whole timeout. The connection is closed</td>
 *   </tr>
 *   <tr>
 *     <td>the connection is lost</td>
 *     <td>the callers whose commands were written and have no reply: the commands may have run.
 *       Callers that still wait go on with another connection</td>
 *   </tr>
 *   <tr>
 *     <td>no connection can be made, or the pool is closed</td>
 *     <td>the caller that borrows and up to 63 that wait, with Jedis's exception: none was sent</td>
 *   </tr>
 *   <tr>
 *     <td>a caller has waited for a lane as long as the pool lets one wait ({@code maxWait})</td>
 *     <td>that caller, as with an exhausted pool: nothing was sent</td>
 *   </tr>
 *   <tr>
 *     <td>a caller is interrupted</td>
 *     <td>usually nobody, and the flag stays set. Two callers fail, each alone: one that is waiting
 *       for a connection of the pool, and one that reads its own reply on a virtual thread</td>
 *   </tr>
 *   <tr>
 *     <td>an {@link Error}, as when the heap is full</td>
 *     <td>the thread that it occurs in. If that thread is reading for others, these are told that
 *       their commands may have run</td>
 *   </tr>
 * </table>
 *
 * <p><b>Limits.</b> Replies come in order, so a caller also waits for the commands before its own
 * in the flush, and for those after it. As over the pool, the read timeout bounds each silence, not
 * the whole: a large reply that trickles in holds up its flush for as long as it takes.
 *
 * <p>Some commands have a connection to themselves, and no bound but that of the pool. These are
 * commands that block or change the state of a connection ({@code BLPOP}, {@code XREAD}, {@code
 * WAIT}, {@code SELECT}, {@code CLIENT}, {@code WATCH} and the like), commands of Redis modules
 * such as {@code JSON.GET}, and any that this version does not know. The same is true of pipelines,
 * transactions, subscriptions and iterations over keys. A Cluster is refused, and so is a client
 * that caches reads or sends again by itself.
 *
 * <p><b>Threads.</b> Thread-safe. Callers on platform threads do the work for each other. For
 * virtual threads, up to one daemon thread for each lane does it, {@code redis-coalescing-lane-…},
 * which ends after 10 seconds without work.
 *
 * <p><b>Closing.</b> The client need not be closed. If it is, further calls fail as over a closed
 * pool. The pool below is never closed.
 */
public final class Coalescing {

  static {
    ModuleVersion.check();
  }

  /** The lanes if no number is given. */
  private static final int LANES = 4;

  /** More lanes than that would be as many connections as callers. */
  private static final int MOST_LANES = 64;

  private static final String MODULE = "redis-coalescing";

  private Coalescing() {}

  /**
   * Returns a client of 4 lanes over a pool. If the pool was told to speak RESP2 or RESP3 that is
   * no I/O; else a connection is borrowed once, to learn which it speaks.
   *
   * @param pool where connections come from, such as a {@code JedisPool} or {@code
   *     JedisSentinelPool}; it stays the caller's to close
   * @return the client, to be used by any number of threads
   * @throws NullPointerException if {@code pool} is null
   * @throws redis.clients.jedis.exceptions.JedisException if a connection is needed and there is
   *     none to be had
   */
  public static UnifiedJedis over(Pool<Jedis> pool) {
    return over(pool, LANES);
  }

  /**
   * Returns a client over a pool. If the pool was told to speak RESP2 or RESP3 that is no I/O; else
   * a connection is borrowed once, to learn which it speaks.
   *
   * @param pool where connections come from, such as a {@code JedisPool} or {@code
   *     JedisSentinelPool}; it stays the caller's to close
   * @param lanes how many connections shared commands take at most, from 1 to 64: 2 for virtual
   *     threads near Redis, as many as the pool has over a slow network
   * @return the client, to be used by any number of threads
   * @throws NullPointerException if {@code pool} is null
   * @throws IllegalArgumentException if {@code lanes} is out of range
   * @throws redis.clients.jedis.exceptions.JedisException if a connection is needed and there is
   *     none to be had
   */
  public static UnifiedJedis over(Pool<Jedis> pool, int lanes) {
    return over(RedisAccess.of(pool, MODULE), lanes);
  }

  /**
   * Returns a client of 4 lanes over another client.
   *
   * @param client a {@code RedisClient} or {@code RedisSentinelClient} (before Jedis 8 also {@code
   *     JedisPooled} or {@code JedisSentineled}); its key prefix and JSON mapper are kept, and it
   *     stays the caller's to close
   * @return the client, to be used by any number of threads; no I/O
   * @throws NullPointerException if {@code client} is null
   * @throws IllegalArgumentException if it leads to a Cluster, caches reads, sends again by itself,
   *     or was made here
   */
  public static UnifiedJedis over(UnifiedJedis client) {
    return over(client, LANES);
  }

  /**
   * Returns a client over another client.
   *
   * @param client as for {@link #over(UnifiedJedis)}
   * @param lanes as for {@link #over(Pool, int)}
   * @return the client, to be used by any number of threads; no I/O
   * @throws NullPointerException if {@code client} is null
   * @throws IllegalArgumentException if {@code lanes} is out of range, or {@code client} leads to a
   *     Cluster, caches reads, sends again by itself, or was made here
   */
  public static UnifiedJedis over(UnifiedJedis client, int lanes) {
    RedisAccess redis = RedisAccess.of(client, MODULE);
    require(!redis.spreadsKeys(), client, "leads to a Cluster, whose keys are on several nodes");
    require(!redis.isLayered(), client, "was made by Coalescing already");
    require(!redis.cachesReads(), client, "caches reads, which are bound to its connections");
    require(!redis.resends(), client, "has an executor of its own, which may send commands again");
    return over(redis, lanes);
  }

  private static void require(boolean condition, UnifiedJedis client, String reason) {
    if (!condition) {
      throw new IllegalArgumentException(
          "client must send each command once to one server, but the "
              + client.getClass().getName()
              + " given "
              + reason);
    }
  }

  private static UnifiedJedis over(RedisAccess redis, int lanes) {
    int checked = (int) Arguments.requireRange(lanes, "lanes", 1, MOST_LANES);
    return new LayeredClient(
        redis, new Lanes(Connections.of(redis), checked, Carriers.atMost(checked)));
  }
}
