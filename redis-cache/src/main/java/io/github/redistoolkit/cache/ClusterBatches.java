package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.RedisAccess;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.Response;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisNoScriptException;
import redis.clients.jedis.exceptions.JedisRedirectionException;
import redis.clients.jedis.params.SetParams;

/**
 * Batches over a cluster: one command per key, since a command with many would have to stay in one
 * slot, pipelined to all nodes at once.
 */
final class ClusterBatches extends Batches {

  /** Pipelined rounds after which what is still redirected is done singly. */
  private static final int MOST_ROUNDS = 32;

  /**
   * A cluster pipeline takes a connection per node as it meets the nodes. Two at once, taking them
   * in different order from small pools, could wait for each other.
   */
  private final ReentrantLock onePipeline = new ReentrantLock();

  ClusterBatches(RedisAccess redis, String prefix) {
    super(redis, prefix);
  }

  /** How one key is done: within a pipeline, and singly, where Jedis follows redirections. */
  private record Command<T>(
      BiFunction<AbstractPipeline, String, Response<T>> append,
      Function<String, T> single,
      BiConsumer<String, @Nullable T> result) {}

  @Override
  Map<String, byte[]> get(List<String> keys) {
    Map<String, byte[]> found = new LinkedHashMap<>();
    keys.forEach(key -> found.put(key, new byte[0]));
    List<String> absent = new ArrayList<>();
    run(
        keys,
        new Command<>(
            (pipeline, key) -> pipeline.get(redisKey(key)),
            key -> redis.execute(redis.commands().get(redisKey(key))),
            (key, bytes) -> {
              if (bytes == null) {
                absent.add(key);
              } else {
                found.put(key, bytes);
              }
            }));
    absent.forEach(found::remove);
    return found;
  }

  @Override
  void set(Map<String, String> entries, long ttlMillis) {
    SetParams params = SetParams.setParams().px(ttlMillis);
    run(
        List.copyOf(entries.keySet()),
        new Command<>(
            (pipeline, key) -> pipeline.set(prefix.concat(key), json(entries, key), params),
            key ->
                redis.execute(redis.commands().set(prefix.concat(key), json(entries, key), params)),
            (key, ok) -> {}));
  }

  @Override
  long delete(List<String> keys) {
    AtomicLong removed = new AtomicLong();
    run(
        keys,
        new Command<Object>(
            (pipeline, key) ->
                pipeline.evalsha(Entries.DELETE.sha1(), redisKeys(List.of(key)), List.of()),
            key ->
                Objects.requireNonNull(
                    Entries.DELETE.run(redis, redisKeys(List.of(key)), List.of())),
            (key, reply) -> removed.addAndGet((Long) reply)));
    return removed.get();
  }

  private static String json(Map<String, String> entries, String key) {
    return Objects.requireNonNull(entries.get(key));
  }

  private <T> void run(List<String> keys, Command<T> command) {
    Replies replies = new Replies(keys.size());
    FutureTask<Boolean> task =
        new FutureTask<>(
            () -> {
              onePipeline.lock();
              try {
                runRounds(keys, command, replies);
              } finally {
                onePipeline.unlock();
              }
            },
            true);
    runUninterrupted(task);
    replies.throwIfAnyFailed();
  }

  private <T> void runRounds(List<String> keys, Command<T> command, Replies replies) {
    List<String> redirected = runPipelined(keys, command, replies);
    for (int round = 1; !redirected.isEmpty(); round++) {
      // By doing one singly Jedis learns where its slot went, or the node learns the script.
      runSingly(redirected.get(0), command, replies);
      redirected = redirected.subList(1, redirected.size());
      if (round < MOST_ROUNDS) {
        redirected = runPipelined(redirected, command, replies);
      }
    }
  }

  /** Returns the keys that must be asked for again. */
  private <T> List<String> runPipelined(List<String> keys, Command<T> command, Replies replies) {
    Map<String, Response<T>> responses = new LinkedHashMap<>();
    // Closing reads the replies; asking for them before, too, would wait twice for a node that is
    // silent. Should a node refuse a connection, the keys after that are not sent.
    try (AbstractPipeline pipeline = redis.pipelined()) {
      for (String key : keys) {
        responses.put(key, command.append().apply(pipeline, key));
      }
    } catch (JedisException e) {
      replies.broken(e);
    }
    List<String> again = new ArrayList<>();
    for (String key : keys) {
      try {
        command.result().accept(key, replies.require(responses.get(key)));
      } catch (JedisRedirectionException | JedisNoScriptException e) {
        again.add(key);
      } catch (JedisException e) {
        failed(key, e, command, replies);
      }
    }
    return again;
  }

  private <T> void runSingly(String key, Command<T> command, Replies replies) {
    try {
      command.result().accept(key, command.single().apply(key));
    } catch (JedisException e) {
      failed(key, e, command, replies);
    }
  }

  private static <T> void failed(
      String key, JedisException e, Command<T> command, Replies replies) {
    if (isWrongType(e)) {
      command.result().accept(key, null); // Only GET answers so; MGET calls it absent.
    } else {
      replies.failed(List.of(key), e);
    }
  }

  /**
   * Runs the task on a thread that nobody can interrupt: a pipeline that is interrupted while it
   * reads would give connections back with replies still to come.
   */
  private static void runUninterrupted(FutureTask<?> task) {
    Thread thread = new Thread(task, "redis-cache-cluster-batch");
    thread.setDaemon(true);
    thread.start();
    boolean interrupted = false;
    try {
      while (true) {
        try {
          task.get();
          return;
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          throw LoaderRuns.same(e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
