package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.RedisAccess;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.Response;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisNoScriptException;
import redis.clients.jedis.params.SetParams;

/** Batches where all keys are on one server. */
final class PipelineBatches extends Batches {

  PipelineBatches(RedisAccess redis, String prefix) {
    super(redis, prefix);
  }

  @Override
  Map<String, byte[]> get(List<String> keys) {
    List<List<String>> chunks = chunks(keys, CHUNK);
    List<Response<List<byte[]>>> responses = new ArrayList<>();
    // Should the connection fail, nothing was read at all: that exception passes as it is.
    try (AbstractPipeline pipeline = redis.pipelined()) {
      for (List<String> chunk : chunks) {
        responses.add(pipeline.mget(chunk.stream().map(this::redisKey).toArray(byte[][]::new)));
      }
      pipeline.sync();
    }
    Replies replies = new Replies(keys.size());
    Map<String, byte[]> found = new LinkedHashMap<>();
    for (int i = 0; i < chunks.size(); i++) {
      try {
        collect(chunks.get(i), replies.require(responses.get(i)), found);
      } catch (JedisException e) {
        replies.failed(chunks.get(i), e);
      }
    }
    replies.throwIfAnyFailed();
    return found;
  }

  private static void collect(List<String> keys, List<byte[]> values, Map<String, byte[]> found) {
    for (int i = 0; i < keys.size(); i++) {
      if (values.get(i) != null) {
        found.put(keys.get(i), values.get(i));
      }
    }
  }

  @Override
  void set(Map<String, String> entries, long ttlMillis) {
    SetParams params = SetParams.setParams().px(ttlMillis);
    Replies replies = new Replies(entries.size());
    Map<String, Response<String>> responses = new LinkedHashMap<>();
    try (AbstractPipeline pipeline = redis.pipelined()) {
      entries.forEach(
          (key, json) -> responses.put(key, pipeline.set(prefix.concat(key), json, params)));
      pipeline.sync();
    } catch (JedisException e) {
      if (responses.isEmpty()) {
        throw e; // Nothing was sent.
      }
      replies.broken(e);
    }
    for (String key : entries.keySet()) {
      try {
        String ok = replies.require(responses.get(key));
        assert ok.equals("OK");
      } catch (JedisException e) {
        replies.failed(List.of(key), e);
      }
    }
    replies.throwIfAnyFailed();
  }

  @Override
  long delete(List<String> keys) {
    List<List<String>> chunks = chunks(keys, DELETE_CHUNK);
    Replies replies = new Replies(keys.size());
    List<Response<Object>> responses = new ArrayList<>();
    try (AbstractPipeline pipeline = redis.pipelined()) {
      for (List<String> chunk : chunks) {
        responses.add(pipeline.evalsha(Entries.DELETE.sha1(), redisKeys(chunk), List.of()));
      }
      pipeline.sync();
    } catch (JedisException e) {
      if (responses.isEmpty()) {
        throw e; // Nothing was sent.
      }
      replies.broken(e);
    }
    long removed = 0;
    for (int i = 0; i < chunks.size(); i++) {
      try {
        removed += removed(i < responses.size() ? responses.get(i) : null, chunks.get(i), replies);
      } catch (JedisException e) {
        replies.failed(chunks.get(i), e);
      }
    }
    replies.throwIfAnyFailed();
    return removed;
  }

  private long removed(@Nullable Response<Object> response, List<String> chunk, Replies replies) {
    try {
      return (Long) replies.require(response);
    } catch (JedisNoScriptException e) {
      Object removed = Entries.DELETE.run(redis, redisKeys(chunk), List.of());
      return (Long) Objects.requireNonNull(removed);
    }
  }

  private static List<List<String>> chunks(List<String> keys, int size) {
    List<List<String>> chunks = new ArrayList<>();
    for (int from = 0; from < keys.size(); from += size) {
      chunks.add(keys.subList(from, Math.min(from + size, keys.size())));
    }
    return chunks;
  }
}
