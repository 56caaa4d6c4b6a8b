package io.github.redistoolkit.spring;

import io.github.redistoolkit.micrometer.StreamMetrics;
import io.github.redistoolkit.stream.DurableListener;
import io.github.redistoolkit.stream.DurableSubscription;
import io.github.redistoolkit.stream.DurableTopic;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Measures topics, where the application is measured. */
interface TopicMeters {

  /**
   * What measures a topic, and each group of it once it is subscribed to.
   *
   * @param stream the label of the topic
   * @param topic the topic, once it is made
   */
  DurableListener listener(String stream, Supplier<@Nullable DurableTopic<?>> topic);

  /** By redis-micrometer. */
  record InRegistry(MeterRegistry registry) implements TopicMeters {

    @Override
    public DurableListener listener(String stream, Supplier<@Nullable DurableTopic<?>> topic) {
      Set<String> monitored = ConcurrentHashMap.newKeySet();
      DurableListener groups =
          new DurableListener() {
            @Override
            public void onSubscribed(DurableSubscription subscription) {
              subscription
                  .group()
                  .filter(monitored::add)
                  .ifPresent(
                      group ->
                          StreamMetrics.monitor(
                              registry, Objects.requireNonNull(topic.get()), group, stream));
            }
          };
      return StreamMetrics.listener(registry, stream).andThen(groups);
    }
  }
}
