package io.github.redistoolkit.micrometer;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.redistoolkit.stream.From;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/**
 * The documentation's table of meters and the dashboard, held against the meters that there are.
 */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class MeterCatalogueIT {

  private static final Path PAGE = Path.of("../docs/metrics.md");
  private static final Path DASHBOARD =
      Path.of("../integrations/redis-micrometer/grafana/redis-toolkit.json");

  /** A meter's name, its type, the keys of its tags, and the values of those that are fixed. */
  private static final Pattern ROW =
      Pattern.compile("^\\| `((?:redis|cache)\\.[a-z.]+)` \\| ([a-z]+) \\| ([^|]*) \\|.*$");

  private static final Pattern QUOTED = Pattern.compile("`([^`]+)`");

  private final TestRedis redis;

  MeterCatalogueIT(TestRedis redis) {
    this.redis = redis;
  }

  /** A tag's values are empty where each application has its own. */
  private record Row(String type, Map<String, Set<String>> tags) {}

  @Test
  void thePageListsEachMeterWithItsTypeAndTagsAndNoOther() throws IOException {
    Map<String, Row> listed = listed();
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    atWork(registry);
    assertThat(listed, is(existing(registry, listed)));
    assertThat(listed.size(), is(greaterThan(20)));
  }

  private static Map<String, Row> listed() throws IOException {
    Map<String, Row> rows = new TreeMap<>();
    for (String line : Files.readAllLines(PAGE)) {
      Matcher row = ROW.matcher(line);
      if (row.matches()) {
        rows.put(row.group(1), new Row(row.group(2), tags(row.group(3))));
      }
    }
    return rows;
  }

  private static Map<String, Set<String>> tags(String cell) {
    Map<String, Set<String>> tags = new TreeMap<>();
    for (String part : cell.split(";", -1)) {
      List<String> words = QUOTED.matcher(part).results().map(found -> found.group(1)).toList();
      tags.put(words.get(0), new TreeSet<>(words.subList(1, words.size())));
    }
    return tags;
  }

  /** In the table's form, with the values of a tag only if the table lists them. */
  private static Map<String, Row> existing(MeterRegistry registry, Map<String, Row> listed) {
    Map<String, Row> rows = new TreeMap<>();
    for (Meter meter : registry.getMeters()) {
      Meter.Id id = meter.getId();
      String type = id.getType().name().toLowerCase(Locale.ROOT);
      Row row = rows.computeIfAbsent(id.getName(), name -> new Row(type, new TreeMap<>()));
      assertThat(id.getName(), row.type(), is(type));
      for (Tag tag : id.getTags()) {
        if (!Measured.APPLICATION.contains(tag)) {
          Set<String> values = row.tags().computeIfAbsent(tag.getKey(), key -> new TreeSet<>());
          if (isFixed(listed.get(id.getName()), tag.getKey())) {
            values.add(tag.getValue());
          }
        }
      }
    }
    return rows;
  }

  private static boolean isFixed(Row listed, String key) {
    return listed != null && !listed.tags().getOrDefault(key, Set.of()).isEmpty();
  }

  /** The only meters that are not there from the start are those of limiters. */
  private void atWork(MeterRegistry registry) {
    try (Measured measured = new Measured(redis, registry)) {
      String id = redis.unique("id");
      while (measured.limiter.isAllowed(id)) {
        // until it is refused
      }
      measured.topic.subscribe(Measured.GROUP, From.start(), message -> {});
      measured.topic.publish(1);
      Awaitility.await()
          .until(
              () -> registry.find("redis.stream.messages").tag("outcome", "handled").counter(),
              is(notNullValue()));
      try (var proxy = redis.proxy();
          TestRedis behindProxy = redis.through(proxy);
          Measured cutOff = new Measured(behindProxy, registry)) {
        proxy.refuse();
        assertThat(cutOff.limiter.isAllowed(id), is(true));
      }
    }
  }

  @Test
  void theDashboardAsksOnlyForMetersAndLabelsThatExist() throws IOException {
    Map<String, Set<String>> exported = exported();
    List<String> wrong = new ArrayList<>();
    List<String> expressions = expressions();
    for (String expression : expressions) {
      Set<String> labels = labels(expression);
      for (String metric : metrics(expression)) {
        if (!exported.containsKey(metric)) {
          wrong.add(metric + " does not exist: " + expression);
        } else if (!exported.get(metric).containsAll(labels)) {
          wrong.add(metric + " has no labels " + labels + ": " + expression);
        }
      }
    }
    assertThat(wrong, is(empty()));
    assertThat(expressions, is(not(empty())));
  }

  @Test
  void theDashboardShowsEachMeterThatThePageLists() throws IOException {
    String shown = String.join("\n", expressions());
    List<String> missing =
        listed().keySet().stream().filter(name -> !shown.contains(name.replace('.', '_'))).toList();
    assertThat(missing, is(empty()));
  }

  /** The labels of each metric as Prometheus reads them. */
  private Map<String, Set<String>> exported() {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    atWork(registry);
    Map<String, Set<String>> metrics = new HashMap<>();
    Pattern sample = Pattern.compile("(?m)^([a-z_]+)\\{([^}]*)}");
    Matcher line = sample.matcher(registry.scrape());
    while (line.find()) {
      Set<String> labels = new TreeSet<>();
      Matcher label = Pattern.compile("([a-z_]+)=\"").matcher(line.group(2));
      while (label.find()) {
        labels.add(label.group(1));
      }
      metrics.put(line.group(1), labels);
    }
    return metrics;
  }

  private static List<String> expressions() throws IOException {
    List<String> all = new ArrayList<>();
    JsonObject dashboard = JsonParser.parseString(Files.readString(DASHBOARD)).getAsJsonObject();
    for (JsonElement panel : dashboard.getAsJsonArray("panels")) {
      if (panel.getAsJsonObject().has("targets")) {
        for (JsonElement target : panel.getAsJsonObject().getAsJsonArray("targets")) {
          all.add(target.getAsJsonObject().get("expr").getAsString());
        }
      }
    }
    return all;
  }

  private static Set<String> metrics(String expression) {
    Set<String> names = new TreeSet<>();
    Matcher name = Pattern.compile("\\b(?:redis|cache)_[a-z_]+").matcher(expression);
    while (name.find()) {
      names.add(name.group());
    }
    assertThat(expression, names, is(not(empty())));
    return names;
  }

  private static Set<String> labels(String expression) {
    Set<String> labels = new TreeSet<>();
    Matcher grouping = Pattern.compile("by \\(([^)]*)\\)").matcher(expression);
    while (grouping.find()) {
      labels.addAll(List.of(grouping.group(1).split(", *")));
    }
    Matcher selector = Pattern.compile("([a-z_]+)(?:=|=~|!=|!~)\"").matcher(expression);
    while (selector.find()) {
      labels.add(selector.group(1));
    }
    labels.remove("le");
    return labels;
  }
}
