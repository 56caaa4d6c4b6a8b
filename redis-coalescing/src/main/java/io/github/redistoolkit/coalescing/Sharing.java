package io.github.redistoolkit.coalescing;

import io.github.redistoolkit.core.LayeredClient;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Protocol.Command;

/**
 * Which commands may share a flush with others: those that neither wait nor leave anything behind
 * on the connection, by their names. All others have a connection to themselves, above all those
 * that are not known here.
 */
final class Sharing {

  /** {@code XREAD} and {@code XREADGROUP} are missing since they wait if they are asked to. */
  private static final Set<String> NAMES =
      Set.of(
          """
          PING ECHO TIME DBSIZE RANDOMKEY SCAN LASTSAVE PUBLISH SPUBLISH PUBSUB
          EXISTS DEL DELEX UNLINK TYPE RENAME RENAMENX DUMP RESTORE COPY TOUCH OBJECT SORT SORT_RO
          EXPIRE EXPIREAT EXPIRETIME PEXPIRE PEXPIREAT PEXPIRETIME TTL PTTL PERSIST
          SET GET GETDEL GETEX DIGEST LCS GETSET MGET SETNX SETEX PSETEX MSETEX MSET MSETNX
          DECR DECRBY INCR INCRBY INCRBYFLOAT INCREX STRLEN APPEND SUBSTR SETRANGE GETRANGE
          SETBIT GETBIT BITPOS BITCOUNT BITOP BITFIELD BITFIELD_RO
          HSET HGET HSETNX HMSET HMGET HINCRBY HINCRBYFLOAT HEXISTS HDEL HLEN HKEYS HVALS HGETALL
          HSTRLEN HRANDFIELD HSCAN HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HTTL HPTTL HEXPIRETIME
          HPEXPIRETIME HPERSIST HSETEX HGETEX HGETDEL
          RPUSH LPUSH LLEN LRANGE LTRIM LINDEX LSET LREM LPOP RPOP LINSERT LPOS RPOPLPUSH LMOVE
          LMOVEM LMPOP LPUSHX RPUSHX
          SADD SMEMBERS SREM SPOP SMOVE SCARD SRANDMEMBER SINTER SINTERSTORE SINTERCARD SUNION
          SUNIONSTORE SUNIONCARD SDIFF SDIFFSTORE SDIFFCARD SISMEMBER SMISMEMBER SSCAN
          ZADD ZDIFF ZDIFFSTORE ZRANGE ZREM ZINCRBY ZRANK ZREVRANK ZREVRANGE ZRANDMEMBER ZCARD
          ZSCORE ZMSCORE ZPOPMAX ZPOPMIN ZMPOP ZCOUNT ZUNION ZUNIONSTORE ZINTER ZINTERSTORE
          ZINTERCARD ZRANGEBYSCORE ZREVRANGEBYSCORE ZREMRANGEBYRANK ZREMRANGEBYSCORE ZLEXCOUNT
          ZRANGEBYLEX ZREVRANGEBYLEX ZREMRANGEBYLEX ZRANGESTORE ZSCAN
          GEOADD GEODIST GEOHASH GEOPOS GEORADIUS GEORADIUS_RO GEOSEARCH GEOSEARCHSTORE
          GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO
          PFADD PFCOUNT PFMERGE
          XADD XLEN XDEL XTRIM XRANGE XREVRANGE XACK XGROUP XPENDING XCLAIM XAUTOCLAIM XINFO XDELEX
          XACKDEL XCFGSET XNACK
          EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO
          VADD VSIM VDIM VCARD VISMEMBER VEMB VREM VLINKS VRANDMEMBER VGETATTR VSETATTR VINFO
          ARCOUNT ARDEL ARDELRANGE ARGET ARGETRANGE ARGREP ARINFO ARINSERT ARLASTITEMS ARLEN ARMGET
          ARMSET ARNEXT AROP ARRING ARSCAN ARSEEK ARSET
          """
              .split("\\s+"));

  /** Those of these names that the Jedis on the class path has. */
  private static final Set<Command> COMMANDS = known();

  private Sharing() {}

  private static Set<Command> known() {
    Set<Command> known = EnumSet.noneOf(Command.class);
    for (Command command : Command.values()) {
      if (NAMES.contains(command.name())) {
        known.add(command);
      }
    }
    return Collections.unmodifiableSet(known);
  }

  static boolean allows(CommandObject<?> command) {
    CommandArguments arguments = command.getArguments();
    return arguments.getCommand() instanceof Command name
        && COMMANDS.contains(name)
        && !arguments.isBlocking()
        && !LayeredClient.hasHooks(command);
  }

  /** Whether commands of this name may share a flush. */
  static boolean allows(Command name) {
    return COMMANDS.contains(name);
  }
}
