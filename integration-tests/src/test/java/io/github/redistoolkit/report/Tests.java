package io.github.redistoolkit.report;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * How what JUnit runs is laid out: an engine, its suites, each through its clients, their tests.
 */
final class Tests {

  private Tests() {}

  /** Whether it is a class with all its tests. */
  static boolean isSuite(TestPlan plan, TestIdentifier one) {
    return one.getSource().filter(ClassSource.class::isInstance).isPresent()
        && plan.getParent(one).filter(parent -> parent.getParentId().isEmpty()).isPresent();
  }

  /** The name of the class that something belongs to; of the engine, its own. */
  static String suite(TestPlan plan, TestIdentifier one) {
    return path(plan, one).stream()
        .filter(each -> isSuite(plan, each))
        .findFirst()
        .flatMap(TestIdentifier::getSource)
        .map(source -> ((ClassSource) source).getClassName())
        .orElseGet(one::getDisplayName);
  }

  /** What it is called within its suite, as {@code POOL, aNameIsLocked()}. */
  static String name(TestPlan plan, TestIdentifier one) {
    List<String> names =
        path(plan, one).stream().skip(2).map(TestIdentifier::getDisplayName).toList();
    return String.join(", ", names).replaceAll("\\p{Cntrl}", " ");
  }

  /** The ids of what it proves. */
  static List<String> guarantees(TestIdentifier one) {
    return one.getSource()
        .filter(source -> one.isTest() && source instanceof MethodSource)
        .map(source -> ((MethodSource) source).getJavaMethod().getAnnotation(Proves.class))
        .map(proves -> List.of(proves.value()))
        .orElse(List.of());
  }

  /** From the engine down. */
  static List<TestIdentifier> path(TestPlan plan, TestIdentifier one) {
    List<TestIdentifier> path = new ArrayList<>();
    Optional<TestIdentifier> at = Optional.of(one);
    while (at.isPresent()) {
      path.add(at.get());
      at = plan.getParent(at.get());
    }
    Collections.reverse(path);
    return path;
  }
}
