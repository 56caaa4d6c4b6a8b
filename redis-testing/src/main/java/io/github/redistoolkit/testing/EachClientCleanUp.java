package io.github.redistoolkit.testing;

import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterClassTemplateInvocationCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.ParameterInfo;

/** Empties the keyspace after each test, and looks for what is left behind after the class. */
final class EachClientCleanUp implements AfterEachCallback, AfterClassTemplateInvocationCallback {

  @Override
  public void afterEach(ExtensionContext context) {
    TestRedis redis = redisOf(context);
    if (context.getExecutionException().isEmpty()) {
      redis.afterEach();
    } else {
      redis.afterFailed();
    }
  }

  @Override
  public void afterClassTemplateInvocation(ExtensionContext context) {
    TestRedis redis = redisOf(context);
    redis.afterClass(LeakGuard.of(redis, context));
  }

  /** What the class was given; a parameterized test has arguments of its own, so look outwards. */
  private static TestRedis redisOf(ExtensionContext context) {
    return Stream.iterate(Optional.of(context), Optional::isPresent, c -> c.get().getParent())
        .map(c -> ParameterInfo.get(c.get()))
        .filter(info -> info != null && info.getArguments().get(0) instanceof TestRedis)
        .map(info -> info.getArguments().get(0, TestRedis.class))
        .findFirst()
        .orElseThrow();
  }
}
