package io.github.redistoolkit.micrometer;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.List;
import org.junit.jupiter.api.Test;

class LabelsTest {

  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

  @Test
  void aLabelStandsBesideTheTagsOfTheApplication() {
    assertThat(
        Labels.tags("lock", "orders", List.of(Tag.of("application", "shop"))),
        is(Tags.of("application", "shop", "lock", "orders")));
  }

  @Test
  void anEmptyLabelIsRefusedByItsName() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> LockMetrics.listener(registry, ""));
    assertThat(e.getMessage(), is("lock must not be empty"));
    assertThat(registry.getMeters().isEmpty(), is(true));
  }

  @Test
  void nothingMayBeNull() {
    assertThat(nullIn(() -> LockMetrics.listener(null, "orders")), is("registry"));
    assertThat(nullIn(() -> IdempotencyMetrics.listener(registry, null)), is("operation"));
    assertThat(nullIn(() -> PubSubMetrics.listener(registry, "events", null)), is("tags"));
    assertThat(nullIn(() -> RateLimiterMetrics.listener(null)), is("registry"));
    assertThat(nullIn(() -> CacheMetrics.monitor(registry, null, "users")), is("subject"));
    assertThat(nullIn(() -> PubSubMetrics.monitor(registry, null, "events")), is("subject"));
  }

  private static String nullIn(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(NullPointerException.class, call).getMessage();
  }
}
