package io.github.redistoolkit.linkage;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.is;

import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Nothing is logged but through the one place that escapes names and holds back what floods. */
class LoggingTest {

  private static final String LOGGING = "org/slf4j/";

  @Test
  void onlyTheEventLogNamesTheLoggingLibrary() {
    assertThat(
        whoLogs(Modules.together()), containsInAnyOrder("io/github/redistoolkit/core/EventLog"));
  }

  @Test
  void aClassThatLogsByItselfIsFound() {
    assertThat(whoLogs(ClassFiles.only(LogsByItself.class)).size(), is(1));
  }

  /** Classes with their nested ones as one. */
  private static Set<String> whoLogs(ClassFiles classes) {
    Set<String> found = new TreeSet<>();
    classes
        .byName()
        .forEach(
            (name, reader) -> {
              ClassFiles one = new ClassFiles(java.util.Map.of(name, reader), Set.of());
              if (Linker.references(one, LOGGING) > 0) {
                found.add(name.replaceAll("\\$.*", ""));
              }
            });
    return found;
  }

  static final class LogsByItself {
    static Object logger() {
      return org.slf4j.LoggerFactory.getLogger(LogsByItself.class);
    }
  }
}
