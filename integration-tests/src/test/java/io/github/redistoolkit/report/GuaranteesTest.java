package io.github.redistoolkit.report;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.platform.commons.annotation.Testable;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Each guarantee of the README has a test that proves it, and no test proves what is not promised.
 */
class GuaranteesTest {

  private static final Path README = Path.of("../README.md");

  /** The first cell of a row. */
  private static final Pattern ID = Pattern.compile("(?m)^\\| `([a-z-]+\\.[a-z-]+)` \\|");

  @Test
  void eachGuaranteeIsProvenAndEachProofIsOfAGuarantee() throws Exception {
    List<String> promised = ids(Files.readString(README));
    assertThat(promised.size(), is(greaterThan(20)));
    assertThat(faults(promised, proofs()), is(empty()));
  }

  @Test
  void whatIsNotProvenAndWhatIsNotPromisedIsFound() {
    List<String> promised = ids("| `lock.a` | A. |\n| `lock.b` | B. |\n| `lock.a` | Again. |\n");
    assertThat(
        faults(promised, Map.of("lock.a", List.of("LockIT.a"), "lock.c", List.of("LockIT.c"))),
        contains(
            "the README has lock.a twice",
            "lock.b has no proof",
            "lock.c, which LockIT.c proves, is no guarantee of the README"));
  }

  private static List<String> ids(String readme) {
    return ID.matcher(readme).results().map((MatchResult row) -> row.group(1)).toList();
  }

  private static List<String> faults(List<String> promised, Map<String, List<String>> proofs) {
    List<String> faults = new ArrayList<>();
    Set<String> seen = new TreeSet<>();
    for (String id : promised) {
      if (!seen.add(id)) {
        faults.add("the README has " + id + " twice");
      }
    }
    seen.stream()
        .filter(id -> !proofs.containsKey(id))
        .forEach(id -> faults.add(id + " has no proof"));
    proofs.forEach(
        (id, tests) -> {
          if (!seen.contains(id)) {
            faults.add(
                "%s, which %s proves, is no guarantee of the README"
                    .formatted(id, String.join(", ", tests)));
          }
        });
    return faults;
  }

  /** By id, the tests that say so. */
  private static Map<String, List<String>> proofs() throws Exception {
    Map<String, List<String>> proofs = new TreeMap<>();
    for (Class<?> suite : suites()) {
      for (Method method : suite.getDeclaredMethods()) {
        Proves proves = method.getAnnotation(Proves.class);
        if (proves != null) {
          String name = suite.getSimpleName() + "." + method.getName();
          assertThat(name, AnnotationSupport.isAnnotated(method, Testable.class), is(true));
          for (String id : proves.value()) {
            proofs.computeIfAbsent(id, first -> new ArrayList<>()).add(name);
          }
        }
      }
    }
    return proofs;
  }

  private static Collection<Class<?>> suites() throws Exception {
    Path classes =
        Path.of(GuaranteesTest.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    List<Class<?>> suites = new ArrayList<>();
    try (Stream<Path> files = Files.walk(classes)) {
      for (Path file :
          files.filter(each -> each.toString().endsWith("IT.class")).sorted().toList()) {
        String name = classes.relativize(file).toString().replace('/', '.');
        suites.add(
            Class.forName(
                name.substring(0, name.length() - ".class".length()),
                false,
                GuaranteesTest.class.getClassLoader()));
      }
    }
    return suites;
  }
}
