package io.github.redistoolkit.linkage;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** One idea has one form, in the public types of all modules. */
class PublicNamesTest {

  @Test
  void whatListenersAreToldBeginsWithOn() {
    List<Class<?>> listeners =
        publicTypes()
            .filter(type -> type.isInterface() && type.getSimpleName().endsWith("Listener"))
            .toList();
    assertThat(listeners.size(), is(greaterThanOrEqualTo(6)));
    List<String> others =
        listeners.stream()
            .flatMap(PublicNamesTest::publicMethods)
            .filter(method -> !Modifier.isStatic(method.getModifiers()))
            .filter(method -> method.getReturnType() == void.class)
            .filter(method -> !method.getName().matches("on[A-Z].*"))
            .map(PublicNamesTest::shown)
            .toList();
    assertThat(others, is(empty()));
  }

  @Test
  void aBuilderIsNestedInWhatItBuilds() {
    List<Class<?>> builders =
        publicTypes().filter(type -> type.getSimpleName().endsWith("Builder")).toList();
    assertThat(builders.size(), is(greaterThanOrEqualTo(10)));
    List<String> others =
        builders.stream()
            .filter(type -> !type.getSimpleName().equals("Builder") || !buildsWhereItIs(type))
            .map(Class::getName)
            .toList();
    assertThat(others, is(empty()));
  }

  private static boolean buildsWhereItIs(Class<?> builder) {
    return publicMethods(builder)
        .anyMatch(
            method ->
                method.getName().equals("build")
                    && method.getReturnType() == builder.getEnclosingClass());
  }

  @Test
  void whoeverIsToBearAnInterruptSaysForHowLongItWaits() {
    List<Method> waiting =
        publicTypes()
            .flatMap(PublicNamesTest::publicMethods)
            .filter(
                method -> List.of(method.getExceptionTypes()).contains(InterruptedException.class))
            .toList();
    assertThat(waiting.size(), is(greaterThanOrEqualTo(10)));
    List<String> others =
        waiting.stream()
            .filter(method -> !takesATime(method) || isShortOf(method, waiting))
            .map(PublicNamesTest::shown)
            .toList();
    assertThat(others, is(empty()));
  }

  private static boolean takesATime(Method method) {
    return List.of(method.getParameterTypes()).contains(Duration.class);
  }

  /** Whether another form of it has all its parameters and more: that is the one that waits. */
  private static boolean isShortOf(Method method, List<Method> waiting) {
    List<Class<?>> taken = List.of(method.getParameterTypes());
    return waiting.stream()
        .filter(other -> other.getDeclaringClass() == method.getDeclaringClass())
        .filter(other -> other.getName().equals(method.getName()))
        .map(other -> List.of(other.getParameterTypes()))
        .anyMatch(
            more -> more.size() > taken.size() && more.subList(0, taken.size()).equals(taken));
  }

  private static Stream<Class<?>> publicTypes() {
    return Modules.all().entrySet().stream()
        .filter(module -> !module.getKey().equals(Modules.CORE))
        .flatMap(module -> module.getValue().byName().keySet().stream())
        .filter(name -> !name.endsWith("-info"))
        .sorted()
        .<Class<?>>map(name -> load(name.replace('/', '.')))
        .filter(PublicNamesTest::isPublic);
  }

  private static Class<?> load(String name) {
    try {
      return Class.forName(name, false, PublicNamesTest.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean isPublic(Class<?> type) {
    Class<?> around = type.getEnclosingClass();
    return Modifier.isPublic(type.getModifiers()) && (around == null || isPublic(around));
  }

  private static Stream<Method> publicMethods(Class<?> type) {
    return Arrays.stream(type.getDeclaredMethods())
        .filter(method -> Modifier.isPublic(method.getModifiers()) && !method.isSynthetic());
  }

  private static String shown(Method method) {
    return method.getDeclaringClass().getSimpleName() + "." + method.getName();
  }
}
