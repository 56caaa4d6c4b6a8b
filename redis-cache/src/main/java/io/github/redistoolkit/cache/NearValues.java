package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * How the near cache keeps values, so that no caller can change what another one is given.
 *
 * @param <V> the type of values
 */
interface NearValues<V> {

  /** What is kept of a value that a caller was given; not null. */
  Object keep(V value, String json);

  /** What another caller is given; never null. */
  V give(Object kept);

  /** One instance for all, which nobody can change. */
  static <V> NearValues<V> shared() {
    return new Kept<>(UnaryOperator.identity());
  }

  /** An instance of one's own for each, made by a copier of the user's. */
  static <V> NearValues<V> copied(UnaryOperator<V> copier) {
    return new Kept<>(value -> requireNonNull(copier.apply(value), "what the nearCopier returned"));
  }

  /** An instance of one's own for each, decoded. */
  static <V> NearValues<V> decoded(Codec<V> codec) {
    return new Decoded<>(codec);
  }

  /** Keeps the value itself. */
  record Kept<V>(UnaryOperator<V> copier) implements NearValues<V> {

    @Override
    public Object keep(V value, String json) {
      return requireNonNull(copier.apply(value));
    }

    @Override
    @SuppressWarnings("unchecked") // as it was kept
    public V give(Object kept) {
      return copier.apply((V) kept);
    }
  }

  /** Keeps the JSON. */
  record Decoded<V>(Codec<V> codec) implements NearValues<V> {

    @Override
    public Object keep(V value, String json) {
      return json;
    }

    @Override
    public V give(Object kept) {
      return requireNonNull(codec.decode((String) kept));
    }
  }

  /** How values are kept unless the user says how: shared if nobody can change them. */
  static <V> NearValues<V> of(Codec<V> codec, @Nullable UnaryOperator<V> copier) {
    if (codec.isImmutable()) {
      return shared();
    }
    return copier == null ? decoded(codec) : copied(copier);
  }
}
