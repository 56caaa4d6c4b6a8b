package io.github.redistoolkit.idempotency;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Turns results into what a record holds and back. */
record ResultCodec(Gson gson, int maxResultBytes) {

  /** A result made ready for its record. */
  sealed interface Encoded {}

  /** A result that can be stored. */
  record Fit(String json) implements Encoded {}

  /** A result that cannot be stored, so that only the fact of completion can. */
  record Unfit(Reason reason, @Nullable Throwable cause) implements Encoded {}

  <T> Encoded encode(@Nullable T result, TypeToken<T> type) {
    String json;
    try {
      json = Json.encode(gson, result, type);
    } catch (RuntimeException | Error e) {
      // The work has run: whatever an adapter throws (a cycle overflows the stack, a missing class
      // is a LinkageError) must not keep its completion from being recorded.
      return new Unfit(Reason.NOT_ENCODABLE, e);
    }
    if (!isUtf8(json)) {
      return new Unfit(Reason.NOT_ENCODABLE, null);
    }
    return isTooLarge(json) ? new Unfit(Reason.TOO_LARGE, null) : new Fit(json);
  }

  <T> @Nullable T decode(String json, TypeToken<T> type) {
    try {
      return Json.decode(gson, json, type);
    } catch (RuntimeException e) {
      // Not only Gson's: a record's constructor may refuse what it finds.
      throw new StoredResultException(
          "the stored result cannot be read as "
              + type
              + " ("
              + e.getClass().getSimpleName()
              + "); it is kept until the record is forgotten or expires");
    }
  }

  /** Whether Jedis sends this text as it is; it would replace an unpaired surrogate by '?'. */
  private static boolean isUtf8(String json) {
    return json.chars().noneMatch(c -> Character.isSurrogate((char) c))
        || StandardCharsets.UTF_8.newEncoder().canEncode(json);
  }

  private boolean isTooLarge(String json) {
    return json.length() > maxResultBytes
        // No char takes more than three bytes, so most results need not be encoded to know.
        || (json.length() > maxResultBytes / 3
            && json.getBytes(StandardCharsets.UTF_8).length > maxResultBytes);
  }
}
