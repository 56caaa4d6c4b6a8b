package io.github.redistoolkit.testing;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
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
    boolean byDefault = Matrix.ofThisRun() == Matrix.DEFAULT && !Narrowing.isAsked();
    List<Topology> leftOut = byDefault ? List.of(suite.notByDefault()) : List.of();
    List<ClientKind> never = List.of(suite.never());
    List<ClientKind> kinds =
        Arrays.stream(ClientKind.values())
            .filter(kind -> topologies.contains(kind.topology()) && kind.isInThisRun())
            .filter(kind -> !leftOut.contains(kind.topology()) && !never.contains(kind))
            .collect(Collectors.toCollection(ArrayList::new));
    if (byDefault) {
      leaveOneOfEachTopology(kinds, context.getRequiredTestClass());
    }
    if (kinds.isEmpty() && !Narrowing.isAsked()) {
      throw new IllegalStateException(context.getRequiredTestClass() + " runs through no client");
    }
    return kinds.stream().map(kind -> Arguments.of(redis.apply(kind)));
  }

  /** Which one depends on the suite's name, so that each of them has its share of the suites. */
  private static void leaveOneOfEachTopology(List<ClientKind> kinds, Class<?> suite) {
    int dealt = suite.getName().hashCode();
    for (Topology topology : Topology.values()) {
      List<ClientKind> same = kinds.stream().filter(kind -> kind.topology() == topology).toList();
      if (!same.isEmpty()) {
        ClientKind kept = same.get(Math.floorMod(dealt, same.size()));
        kinds.removeIf(kind -> kind.topology() == topology && kind != kept);
      }
    }
  }
}
