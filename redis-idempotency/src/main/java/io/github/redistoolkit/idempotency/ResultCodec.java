package io.github.redistoolkit.idempotency;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import java.nio.charset.StandardCharsets;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Turns results into what a record holds and back. Thread-safe. */
final class ResultCodec {

  private static final EventLog LOG = EventLog.shared(IdempotencyService.class);

  private final Json json;
  private final int maxResultBytes;

  ResultCodec(Json json, int maxResultBytes) {
    this.json = json;
    this.maxResultBytes = maxResultBytes;
  }

  /** A result made ready for its record. */
  sealed interface Encoded {}

  /** A result that can be stored. */
  record Fit(String json) implements Encoded {}

  /** A result that cannot be stored, so that only the fact of completion can. */
  record Unfit(Reason reason, @Nullable Throwable cause) implements Encoded {}

  /**
   * Refuses a type whose results could not be read back, before the work runs.
   *
   * @throws IllegalArgumentException if it is one, as far as the type alone says
   */
  void requireReadable(TypeToken<?> type) {
    json.requireReadable(type);
  }

  /** Encodes a result of a declared type. */
  <T> Encoded encode(@Nullable T result, TypeToken<T> type) {
    return encoded(() -> json.encode(result, type));
  }

  /** Encodes a result as its own class has it. */
  Encoded encodeAsItIs(@Nullable Object result) {
    return encoded(() -> json.encodeAsItIs(result));
  }

  private Encoded encoded(Supplier<String> encoding) {
    String text;
    try {
      text = encoding.get();
    } catch (RuntimeException | Error e) {
      // The work has run: whatever an adapter throws (a missing class is a LinkageError) must not
      // keep its completion from being recorded.
      return new Unfit(Reason.NOT_ENCODABLE, e);
    }
    return isTooLarge(text) ? new Unfit(Reason.TOO_LARGE, null) : new Fit(text);
  }

  <T> @Nullable T decode(String text, TypeToken<T> type) {
    try {
      return json.decode(text, type);
    } catch (RuntimeException e) {
      // Not only Gson's: a record's constructor may refuse what it finds. Without the exception
      // itself, as that may quote the result.
      String kind = e.getClass().getSimpleName();
      // The type is part of the event, so that each is heard of.
      LOG.warn(
          "A stored result cannot be read as "
              + type
              + " ("
              + kind
              + "); whoever asks for it gets an exception");
      throw new StoredResultException(
          "the stored result cannot be read as "
              + type
              + " ("
              + kind
              + "); it is kept until the record is forgotten or expires");
    }
  }

  private boolean isTooLarge(String text) {
    return text.length() > maxResultBytes
        // No char takes more than three bytes, so most results need not be encoded to know.
        || (text.length() > maxResultBytes / 3
            && text.getBytes(StandardCharsets.UTF_8).length > maxResultBytes);
  }
}
