package io.github.redistoolkit.micrometer;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import java.util.Objects;

/** The arguments that all have in common. */
final class Labels {

  private Labels() {}

  @CanIgnoreReturnValue
  static MeterRegistry registry(MeterRegistry registry) {
    return Objects.requireNonNull(registry, "registry");
  }

  /** The tags of everything that one label is given to. */
  static Tags tags(String key, String label, Iterable<Tag> more) {
    Objects.requireNonNull(label, key);
    Objects.requireNonNull(more, "tags");
    if (label.isEmpty()) {
      throw new IllegalArgumentException(key + " must not be empty");
    }
    return Tags.of(more).and(key, label);
  }
}
