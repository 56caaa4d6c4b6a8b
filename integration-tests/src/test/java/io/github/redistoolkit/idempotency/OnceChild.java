package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;

/** A JVM of many: takes part in the storm that its arguments describe and sends what happened. */
final class OnceChild {

  private OnceChild() {}

  /** What claims to run the work once. */
  enum Subject {
    SERVICE,
    CHECK_THEN_SET
  }

  /** What all the children do. */
  record Plan(Subject subject, int threads, int keys, String keyPrefix) {

    String[] arguments() {
      return new String[] {
        subject.name(), String.valueOf(threads), String.valueOf(keys), keyPrefix
      };
    }

    static Plan of(List<String> arguments) {
      return new Plan(
          Subject.valueOf(arguments.get(0)),
          Integer.parseInt(arguments.get(1)),
          Integer.parseInt(arguments.get(2)),
          arguments.get(3));
    }

    OnceStorm storm() {
      List<String> all = IntStream.range(0, keys).mapToObj(n -> keyPrefix + "-" + n).toList();
      return new OnceStorm(threads, all, Duration.ofMillis(20));
    }

    RunsOnce on(TestRedis redis) {
      if (subject == Subject.CHECK_THEN_SET) {
        return new CheckThenSet(redis.client(), Duration.ofMinutes(5));
      }
      IdempotencyService service = Services.builder(redis).maxWait(Duration.ofMinutes(2)).build();
      return (key, work) -> service.execute(key, String.class, work);
    }
  }

  public static void main(String[] args) throws Exception {
    Child child = Child.of(args);
    Plan plan = Plan.of(List.of(args).subList(2, args.length));
    History history = new History();
    try (TestRedis redis = child.redis()) {
      RunsOnce subject = plan.on(redis);
      child.awaitStart();
      plan.storm().run(subject, history);
    }
    child.send(history);
  }
}
