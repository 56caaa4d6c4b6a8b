package io.github.redistoolkit.report;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Suites are called by the words of docs/testing.md, one for each thing, and by no others. */
class SuiteNamesTest {

  private static final Path PAGE = Path.of("../docs/testing.md");
  private static final Path SUITES = Path.of("src/test/java/io/github/redistoolkit");
  private static final Pattern SUFFIX = Pattern.compile("(?m)^\\| `\\*(\\w+)IT` \\|");
  private static final Pattern SUBJECT = Pattern.compile("(?m)^\\| ([A-Z]\\w+) \\| ([\\w, ]*)\\|$");

  @Test
  void everySuiteIsCalledByWordsOfThePageAndEachOfThemIsUsed() throws Exception {
    Words words = Words.of(Files.readString(PAGE));
    Map<Path, List<String>> suites = suites();
    List<String> held =
        suites.values().stream()
            .filter(folder -> folder.stream().anyMatch(name -> words.subject(name).isPresent()))
            .flatMap(List::stream)
            .toList();
    assertThat(held.size(), is(greaterThan(100)));
    assertThat(held.stream().filter(Predicate.not(words::allow)).toList(), is(empty()));
    assertThat(words.unused(held), is(empty()));
  }

  @Test
  void aNameOfOtherWordsAndAWordOfNoNameAreFound() {
    Words words =
        Words.of(
            "| `*JvmsIT` | … |\n| `*ServerIT` | … |\n| Lock | Loss, Waiting |\n| Semaphore | |\n");
    List<String> suites =
        List.of("LockIT", "LockLossJvmsIT", "LockWaitingIT", "LockRestartIT", "SemaphoreJvmsIT");
    assertThat(
        suites.stream().filter(Predicate.not(words::allow)).toList(), contains("LockRestartIT"));
    assertThat(words.unused(suites), containsInAnyOrder("Server"));
  }

  /** By the folder that they are in. */
  private static Map<Path, List<String>> suites() throws Exception {
    try (Stream<Path> files = Files.walk(SUITES)) {
      return files
          .filter(file -> file.toString().endsWith("IT.java"))
          .collect(
              Collectors.groupingBy(
                  Path::getParent,
                  TreeMap::new,
                  Collectors.mapping(SuiteNamesTest::name, Collectors.toList())));
    }
  }

  private static String name(Path file) {
    return file.getFileName().toString().replace(".java", "");
  }

  /** What names are made of: subjects with their topics, and suffixes. */
  private record Words(Map<String, Set<String>> topics, Set<String> suffixes) {

    static Words of(String page) {
      Map<String, Set<String>> topics = new TreeMap<>();
      SUBJECT
          .matcher(page)
          .results()
          .forEach((MatchResult row) -> topics.put(row.group(1), split(row.group(2))));
      return new Words(
          topics,
          SUFFIX
              .matcher(page)
              .results()
              .map((MatchResult row) -> row.group(1))
              .collect(Collectors.toCollection(TreeSet::new)));
    }

    private static Set<String> split(String words) {
      return Arrays.stream(words.split(",", -1))
          .map(String::strip)
          .filter(Predicate.not(String::isEmpty))
          .collect(Collectors.toCollection(TreeSet::new));
    }

    /** The longest subject that a name begins with. */
    Optional<String> subject(String suite) {
      return topics.keySet().stream()
          .filter(suite::startsWith)
          .max(Comparator.comparingInt(String::length));
    }

    boolean allow(String suite) {
      return parts(suite).isPresent();
    }

    /** The topic, if there is one, and the suffix, if there is one. */
    private Optional<List<String>> parts(String suite) {
      Optional<String> subject = subject(suite);
      if (subject.isEmpty()) {
        return Optional.empty();
      }
      String rest = suite.substring(subject.get().length(), suite.length() - "IT".length());
      for (String topic : withNone(topics.get(subject.get()))) {
        for (String suffix : withNone(suffixes)) {
          if (rest.equals(topic + suffix)) {
            return Optional.of(List.of(topic, suffix));
          }
        }
      }
      return Optional.empty();
    }

    private static List<String> withNone(Set<String> words) {
      List<String> all = new ArrayList<>(words);
      all.add("");
      return all;
    }

    Set<String> unused(List<String> suites) {
      Set<String> unused = new TreeSet<>(suffixes);
      topics.values().forEach(unused::addAll);
      suites.forEach(suite -> parts(suite).ifPresent(unused::removeAll));
      topics.keySet().stream()
          .filter(subject -> suites.stream().noneMatch(suite -> suite.startsWith(subject)))
          .forEach(unused::add);
      return unused;
    }
  }
}
