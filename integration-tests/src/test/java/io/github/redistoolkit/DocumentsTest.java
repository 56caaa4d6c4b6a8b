package io.github.redistoolkit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The Markdown pages of the repository: that each link between them leads somewhere, and that what
 * they name in backticks is still called so.
 */
class DocumentsTest {

  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  private static final Pattern FENCED = Pattern.compile("(?ms)^ *```.*?^ *```");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
  private static final Pattern HEADING = Pattern.compile("(?m)^#+ +(.*)$");
  private static final Pattern BADGE = Pattern.compile("/badge/(\\w+)-(.+)-\\w+\\)]");
  private static final Pattern SPAN = Pattern.compile("`([^`\n]+)`");

  /** A type, with or without its arguments, and perhaps one of its members. */
  private static final Pattern NAME =
      Pattern.compile(
          "@?([A-Z]\\w*[a-z]\\w*)(?:\\.([A-Z]\\w*[a-z]\\w*))?(?:<[^>]*>)?(?:[.#](\\w+))?(?:\\([^()]*\\))?");

  private static final Pattern NO_WORD = Pattern.compile("\\W+");
  private static final Pattern TEST = Pattern.compile("\\w+(IT|Test|Suite)");

  /** By name: the Java files that are called so. */
  private static final Map<String, List<Path>> TYPES = new HashMap<>();

  /** Every word of every source. */
  private static final Set<String> WORDS = new HashSet<>();

  static {
    for (Path source : files("(java|lua|xml|properties|json)")) {
      String name = source.getFileName().toString();
      if (name.endsWith(".java")) {
        String type = name.substring(0, name.length() - ".java".length());
        TYPES.computeIfAbsent(type, unseen -> new ArrayList<>()).add(source);
      }
      // But for the names that this file makes up.
      if (!name.equals(DocumentsTest.class.getSimpleName() + ".java")) {
        WORDS.addAll(words(source));
      }
    }
  }

  @Test
  void everyLinkLeadsSomewhere() {
    List<String> broken = new ArrayList<>();
    for (Path page : pages()) {
      broken.addAll(brokenLinks(page, text(page)));
    }
    assertThat(broken, is(empty()));
  }

  /** Of the form that shields.io makes badges of: {@code badge/Java-17%2B-blue}. */
  @Test
  void theBadgesSayWhatTheBuildSays() {
    String pom = text(ROOT.resolve("pom.xml"));
    Map<String, String> badges = new TreeMap<>();
    Matcher badge = BADGE.matcher(text(ROOT.resolve("README.md")));
    while (badge.find()) {
      String value = URLDecoder.decode(badge.group(2), StandardCharsets.UTF_8);
      badges.put(badge.group(1), value.replace("--", "-").replace('_', ' '));
    }
    String jedis = line(property(pom, "jedis-7.0.version"));
    assertThat(
        badges,
        is(
            Map.of(
                "Java", property(pom, "maven.compiler.release") + "+",
                "Jedis", jedis + " to " + line(property(pom, "jedis.version")),
                "Gson", line(property(pom, "gson-oldest.version")) + "+",
                "License", property(pom.substring(pom.indexOf("<license>")), "name"))));
  }

  private static String property(String pom, String name) {
    Matcher value = Pattern.compile("<" + Pattern.quote(name) + ">([^<]+)<").matcher(pom);
    assertThat(name, value.find(), is(true));
    return value.group(1);
  }

  /** {@code 7.0} of {@code 7.0.1}. */
  private static String line(String version) {
    return version.substring(0, version.lastIndexOf('.'));
  }

  @Test
  void everyNameInBackticksExists() {
    List<String> unknown = new ArrayList<>();
    int names = 0;
    for (Path page : pages()) {
      unknown.addAll(unknownNames(page, text(page)));
      names += (int) SPAN.matcher(text(page)).results().count();
    }
    assertThat(unknown, is(empty()));
    assertThat(names, is(greaterThan(100)));
  }

  @Test
  void aLinkToNothingIsFound() {
    String text =
        "[here](README.md) [gone](gone.md) [part](README.md#no-such-part) [out](https://a.b)";
    assertThat(
        brokenLinks(ROOT.resolve("any.md"), text),
        contains("any.md: gone.md", "any.md: README.md#no-such-part"));
  }

  @Test
  void aNameThatNothingHasIsFound() {
    String text =
        "`ReadmeIT` `NoSuchIT` `Lease.keepAlive` `Lease.noSuchMethod` `NoSuchTypeAnywhere<V>`"
            + " `Retry-After`";
    assertThat(
        unknownNames(ROOT.resolve("any.md"), text),
        contains(
            "any.md: NoSuchIT", "any.md: Lease.noSuchMethod", "any.md: NoSuchTypeAnywhere<V>"));
  }

  private static List<String> brokenLinks(Path page, String text) {
    List<String> broken = new ArrayList<>();
    Matcher link = LINK.matcher(FENCED.matcher(text).replaceAll(""));
    while (link.find()) {
      String target = link.group(1);
      if (!target.matches("[a-z]+:.*") && !resolves(page, target)) {
        broken.add(ROOT.relativize(page) + ": " + target);
      }
    }
    return broken;
  }

  private static boolean resolves(Path page, String target) {
    int hash = target.indexOf('#');
    String file = hash < 0 ? target : target.substring(0, hash);
    Path path = file.isEmpty() ? page : page.resolveSibling(file).normalize();
    if (!Files.exists(path)) {
      return false;
    }
    return hash < 0
        || HEADING
            .matcher(FENCED.matcher(text(path)).replaceAll(""))
            .results()
            .anyMatch(heading -> anchor(heading.group(1)).equals(target.substring(hash + 1)));
  }

  /** As GitHub makes it of a heading. */
  private static String anchor(String heading) {
    return heading
        .toLowerCase(Locale.ROOT)
        .strip()
        .replaceAll("[^\\p{L}\\p{N} _-]", "")
        .replace(' ', '-');
  }

  private static List<String> unknownNames(Path page, String text) {
    List<String> unknown = new ArrayList<>();
    Matcher span = SPAN.matcher(FENCED.matcher(text).replaceAll(""));
    while (span.find()) {
      Matcher name = NAME.matcher(span.group(1));
      if (name.matches() && !isKnown(name.group(1), name.group(2), name.group(3))) {
        unknown.add(ROOT.relativize(page) + ": " + span.group(1));
      }
    }
    return unknown;
  }

  private static boolean isKnown(String type, String inner, String member) {
    List<Path> files = TYPES.getOrDefault(type, List.of());
    if (!TYPES.containsKey(type)) {
      return !TEST.matcher(type).matches() && WORDS.contains(type);
    }
    return has(files, inner) && has(files, member);
  }

  private static boolean has(List<Path> files, String word) {
    return word == null || files.stream().anyMatch(file -> words(file).contains(word));
  }

  private static List<Path> pages() {
    return files("md");
  }

  /** Those whose names end so, but for what a build has made. */
  private static List<Path> files(String ending) {
    Pattern wanted = Pattern.compile("(?!(.*/)?(target|\\.git)/).*\\." + ending);
    try (Stream<Path> all = Files.walk(ROOT)) {
      return all.filter(path -> wanted.matcher(ROOT.relativize(path).toString()).matches())
          .filter(Files::isRegularFile)
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Set<String> words(Path file) {
    return NO_WORD.splitAsStream(text(file)).collect(Collectors.toSet());
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
