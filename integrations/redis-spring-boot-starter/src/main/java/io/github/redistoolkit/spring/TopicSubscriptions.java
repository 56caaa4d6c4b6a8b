package io.github.redistoolkit.spring;

import io.github.redistoolkit.stream.DurableListener;
import io.github.redistoolkit.stream.DurableSubscription;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.context.ApplicationContext;
import org.springframework.context.SmartLifecycle;

/**
 * The subscriptions to the topics of the application. They end when the context is closed: after
 * what serves HTTP, whose last requests may still publish, and before any bean is destroyed, since
 * handlers need those. The topics themselves stay open for who publishes until they are destroyed.
 */
final class TopicSubscriptions extends AtTheEnd {

  /** Boot's web server stops at {@code DEFAULT_PHASE - 2048}; what is higher stops first. */
  private static final int PHASE = SmartLifecycle.DEFAULT_PHASE - 4096;

  private final Set<DurableSubscription> all = ConcurrentHashMap.newKeySet();
  private final Set<DurableSubscription> unreadable = ConcurrentHashMap.newKeySet();

  TopicSubscriptions(ApplicationContext context) {
    super(context, PHASE);
  }

  /** What has to be told of all that happens. No bean, as that would be the application's. */
  DurableListener listener() {
    return new DurableListener() {
      @Override
      public void onSubscribed(DurableSubscription subscription) {
        all.removeIf(each -> !each.isActive());
        all.add(subscription);
      }

      @Override
      public void onDisconnected(DurableSubscription subscription, Throwable cause) {
        unreadable.add(subscription);
      }

      @Override
      public void onReconnected(DurableSubscription subscription, Duration away) {
        unreadable.remove(subscription);
      }
    };
  }

  /** Those that get nothing at the moment, though they should: each topic, and its group. */
  List<String> unreadable() {
    unreadable.removeIf(each -> !each.isActive());
    return unreadable.stream()
        .map(each -> each.group().map(group -> each.topic() + "/" + group).orElse(each.topic()))
        .distinct()
        .sorted()
        .toList();
  }

  /** All at once, so that it takes as long as the slowest. */
  @Override
  void end() {
    List<Thread> closers = new ArrayList<>();
    for (DurableSubscription each : all) {
      Thread closer = new Thread(each::close, "redis-toolkit-closing-" + each.topic());
      closer.setDaemon(true);
      closer.start();
      closers.add(closer);
    }
    try {
      for (Thread closer : closers) {
        closer.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
