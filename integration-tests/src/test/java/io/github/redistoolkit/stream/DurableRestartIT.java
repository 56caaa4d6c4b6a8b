package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import org.junit.jupiter.api.Test;

/** A server that keeps nothing. */
@EachClient
class DurableRestartIT extends StreamSuite {

  private final TestRedis shared;

  DurableRestartIT(TestRedis shared) {
    super(shared.privateServers().redis());
    this.shared = shared;
  }

  @Test
  void goesOnAfterTheServerCameBackEmpty() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take);
    publish(topic, 0, 10);
    assertThat(next(10), is(numbers(0, 10)));
    shared.privateServers().servers().get(0).restartEmpty();
    await("told").until(() -> heard.of("lost"), hasSize(1));
    // Through a pool that has no connection of before.
    DurableTopic<Integer> publisher =
        open(
            builder(redis.with(config -> {}), name, Integer.class)
                .prefix(redis.mark() + "s:")
                .listener(heard));
    publish(publisher, 10, 20);
    assertThat(next(10), is(numbers(10, 20)));
  }
}
