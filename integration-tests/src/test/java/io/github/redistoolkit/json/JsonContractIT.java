package io.github.redistoolkit.json;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * The contract of values, for all modules and codecs: one JVM stores, another, in another time zone
 * and another language, reads. What was accepted is equal there.
 */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class JsonContractIT {

  private static final List<String> WRITING =
      List.of(
          "-Duser.timezone=Pacific/Auckland",
          "-Duser.language=ar",
          "-Duser.country=EG",
          "-Duser.extensions=u-nu-arab");
  private static final List<String> READING =
      List.of("-Duser.timezone=America/Los_Angeles", "-Duser.language=tr", "-Duser.country=TR");

  /** What nobody can promise with the default. */
  private static final Set<String> REFUSED_BY_DEFAULT =
      Set.of(
          "nestedTooDeep",
          "events",
          "figures",
          "optional",
          "subclass",
          "anonymous",
          "untypedInt",
          "notANumber",
          "nullKey",
          "halfAPair",
          "thread");

  /** What is stored without a declared type comes back as its own class; these need the type. */
  private static final Set<String> NEEDS_THE_TYPE =
      Set.of("events", "figures", "untypedInt", "untypedLong");

  private final TestRedis redis;
  private final String prefix;

  JsonContractIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("contract");
  }

  @Test
  void whatOneJvmIsAllowedToStoreAnotherReadsBackEqual() throws Exception {
    Map<String, String> written;
    Map<String, String> read;
    try (ChildJvm reader = child(READING, "read");
        ChildJvm writer = child(WRITING, "write")) {
      assertThat(reader.receive(), is("!ready"));
      assertThat(writer.receive(), is("!ready"));
      reader.send("!go");
      writer.send("!go");
      written = outcomes(writer);
      long messages =
          written.entrySet().stream()
              .filter(e -> e.getKey().startsWith("pubsub ") && e.getValue().equals("accepted"))
              .count();
      reader.send(String.valueOf(messages));
      read = outcomes(reader);
    }
    assertThat(written.keySet(), is(read.keySet()));
    assertThat(written.size(), is(4 * Codecs.values().length * Sample.all().size()));
    assertThat(wrong(written, read), is(empty()));
    for (String module : List.of("cache", "idempotency")) {
      assertThat(refused(written, module, Codecs.DEFAULT), is(REFUSED_BY_DEFAULT));
    }
    for (Codecs jackson : List.of(Codecs.JACKSON_2, Codecs.JACKSON_3)) {
      assertThat(
          accepted(written, "cache", jackson),
          hasItems("record", "generic", "figures", "optional", "date", "instant", "nestedDeep"));
      assertThat(
          refused(written, "cache", jackson),
          hasItems("events", "subclass", "untypedLong", "nullKey", "nestedTooDeep", "anonymous"));
    }
    assertThat(accepted(written, "cache", Codecs.OWN_GSON), hasItems("date", "record", "generic"));
    assertThat(refused(written, "cache", Codecs.OWN_GSON), hasItems("calendar", "dated"));
  }

  private ChildJvm child(List<String> options, String role) {
    return ChildJvms.startDifferent(redis, options, List.of(), ValuesChild.class, prefix, role);
  }

  private static Map<String, String> outcomes(ChildJvm child) throws InterruptedException {
    Map<String, String> outcomes = new HashMap<>();
    for (String line = child.receive(); !line.equals(ValuesChild.DONE); line = child.receive()) {
      int end = line.lastIndexOf(' ');
      outcomes.put(line.substring(0, end), line.substring(end + 1));
    }
    return outcomes;
  }

  private static List<String> wrong(Map<String, String> written, Map<String, String> read) {
    List<String> wrong = new ArrayList<>();
    written.forEach(
        (place, outcome) -> {
          String[] words = place.split(" ", -1);
          boolean ofOwnClass = words[0].equals("stored") || words[0].equals("pubsub");
          String back = read.get(place);
          boolean right =
              switch (outcome) {
                case "accepted" ->
                    back.equals("equal") || (ofOwnClass && NEEDS_THE_TYPE.contains(words[2]));
                // The work of idempotency ran, unless its type alone was refused.
                case "refused" -> !back.equals("equal") && !back.equals("different");
                default -> false;
              };
          if (!right) {
            wrong.add(place + ": " + outcome + ", read " + back);
          }
        });
    return wrong;
  }

  private static Set<String> refused(Map<String, String> written, String module, Codecs codec) {
    return having("refused", written, module, codec);
  }

  private static Set<String> accepted(Map<String, String> written, String module, Codecs codec) {
    Set<String> accepted = having("accepted", written, module, codec);
    assertThat(accepted, is(not(empty())));
    return accepted;
  }

  private static Set<String> having(
      String outcome, Map<String, String> written, String module, Codecs codec) {
    Set<String> names = new TreeSet<>();
    String place = module + " " + codec + " ";
    written.forEach(
        (key, value) -> {
          if (key.startsWith(place) && value.equals(outcome)) {
            names.add(key.substring(place.length()));
          }
        });
    return names;
  }
}
