package io.github.redistoolkit.testing;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.support.ParameterDeclarations;
import org.junit.platform.commons.support.AnnotationSupport;

/** One argument for each kind of client; JUnit closes it after the class. */
final class EachClientArguments implements ArgumentsProvider {

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
