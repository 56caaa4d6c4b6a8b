package io.github.redistoolkit.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.AfterClassTemplateInvocationCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.ParameterInfo;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.provider.ArgumentsSource;
import org.junit.jupiter.params.support.ParameterDeclarations;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Runs a suite once through each kind of client; the suite takes a {@link TestRedis} in its
 * constructor. The keyspace is empty before each test; on an external server, the suite's own part
 * of it.
 *
 * <p>Which kinds these are depends on {@link #topologies}, on the {@linkplain Matrix size of the
 * run} and on what it is {@linkplain Narrowing narrowed} to: then a suite may have nothing to run.
 * In a run on an external server, suites that {@linkplain LeavesServerAlone leave it alone} use
 * that for the standalone one; all else is started as if no backend were named.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Tag("integration")
@ParameterizedClass(name = "{0}", allowZeroInvocations = true)
@ArgumentsSource(EachClient.Clients.class)
@ExtendWith(EachClient.CleanUp.class)
public @interface EachClient {

  /** What the suite runs on. */
  Topology[] topologies() default {Topology.STANDALONE};

  /**
   * What a run of the default size leaves out. The costliest suites, where it does not matter to
   * the test which of the two reaches a standalone server, take one of them, now this and now that.
   */
  ClientKind[] notByDefault() default {};

  /** One argument for each kind of client; JUnit closes it after the class. */
  final class Clients implements ArgumentsProvider {
    @Override
    public Stream<? extends Arguments> provideArguments(
        ParameterDeclarations parameters, ExtensionContext context) {
      EachClient suite =
          AnnotationSupport.findAnnotation(context.getRequiredTestClass(), EachClient.class)
              .orElseThrow();
      List<Topology> topologies = List.of(suite.topologies());
      Function<ClientKind, TestRedis> redis =
          AnnotationSupport.isAnnotated(context.getRequiredTestClass(), LeavesServerAlone.class)
              ? TestRedis::of
              : TestRedis::started;
      List<ClientKind> leftOut =
          Matrix.ofThisRun() == Matrix.DEFAULT && !Narrowing.isAsked()
              ? List.of(suite.notByDefault())
              : List.of();
      List<ClientKind> kinds =
          Arrays.stream(ClientKind.values())
              .filter(kind -> topologies.contains(kind.topology()) && kind.isInThisRun())
              .filter(kind -> !leftOut.contains(kind))
              .toList();
      if (kinds.isEmpty() && !Narrowing.isAsked()) {
        throw new IllegalStateException(context.getRequiredTestClass() + " runs through no client");
      }
      return kinds.stream().map(kind -> Arguments.of(redis.apply(kind)));
    }
  }

  /** Empties the keyspace after each test, and looks for what is left behind after the class. */
  final class CleanUp implements AfterEachCallback, AfterClassTemplateInvocationCallback {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

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
      redisOf(context).afterClass(PATIENCE);
    }

    /**
     * What the class was given; a parameterized test has arguments of its own, so look outwards.
     */
    private static TestRedis redisOf(ExtensionContext context) {
      return Stream.iterate(Optional.of(context), Optional::isPresent, c -> c.get().getParent())
          .map(c -> ParameterInfo.get(c.get()))
          .filter(info -> info != null && info.getArguments().get(0) instanceof TestRedis)
          .map(info -> info.getArguments().get(0, TestRedis.class))
          .findFirst()
          .orElseThrow();
    }
  }
}
