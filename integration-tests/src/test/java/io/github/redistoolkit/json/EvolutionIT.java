package io.github.redistoolkit.json;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a JVM makes of what another has stored, whose classes are of another version: during and
 * after a deployment there are both.
 */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class EvolutionIT {

  /**
   * A change of a class.
   *
   * @param name of the class
   * @param writer its body where it is stored
   * @param reader its body where it is read
   * @param seen what the reader has of it; empty if that cannot be read
   */
  private record Change(String name, String writer, String reader, String seen) {}

  private static final List<Change> CHANGES =
      List.of(
          new Change(
              "Added",
              "public record Added(String id) {" + example("Added(\"1\")") + "}",
              "public record Added(String id, Integer amount, int count, java.util.List<String> l)"
                  + " {}",
              "Added[id=1, amount=null, count=0, l=null]"),
          new Change(
              "AddedAndRequired",
              "public record AddedAndRequired(String id) {"
                  + example("AddedAndRequired(\"1\")")
                  + "}",
              "public record AddedAndRequired(String id, String name) { public AddedAndRequired {"
                  + " java.util.Objects.requireNonNull(name); } }",
              ""),
          new Change(
              "Removed",
              "public record Removed(String id, int amount) {" + example("Removed(\"1\", 5)") + "}",
              "public record Removed(String id) {}",
              "Removed[id=1]"),
          new Change(
              "Renamed",
              "public record Renamed(String id) {" + example("Renamed(\"1\")") + "}",
              "public record Renamed(String number) {}",
              "Renamed[number=null]"),
          new Change(
              "RenamedWithAlternate",
              "public record RenamedWithAlternate(String id) {"
                  + example("RenamedWithAlternate(\"1\")")
                  + "}",
              "public record RenamedWithAlternate(@com.google.gson.annotations.SerializedName("
                  + "value = \"number\", alternate = \"id\") String number) {}",
              "RenamedWithAlternate[number=1]"),
          new Change(
              "ConstantUnknown",
              "public enum ConstantUnknown { RED, BLUE;"
                  + " public static Object example() { return BLUE; } }",
              "public enum ConstantUnknown { RED }",
              ""),
          new Change(
              "ConstantUnknownWithin",
              "public record ConstantUnknownWithin(C c) { public enum C { RED, BLUE }"
                  + example("ConstantUnknownWithin(C.BLUE)")
                  + "}",
              "public record ConstantUnknownWithin(C c) { public enum C { RED } }",
              ""),
          new Change(
              "ConstantAdded",
              "public enum ConstantAdded { RED; public static Object example() { return RED; } }",
              "public enum ConstantAdded { BLUE, RED }",
              "RED"),
          new Change(
              "Widened",
              "public record Widened(int amount) {" + example("Widened(5)") + "}",
              "public record Widened(java.math.BigDecimal amount) {}",
              "Widened[amount=5]"),
          new Change(
              "TypeChanged",
              "public record TypeChanged(String amount) {" + example("TypeChanged(\"five\")") + "}",
              "public record TypeChanged(int amount) {}",
              ""));

  private static String example(String made) {
    return " public static Object example() { return new " + made + "; } ";
  }

  private final TestRedis redis;
  private final String prefix;

  @TempDir private Path folder;

  EvolutionIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("evolving");
  }

  @Test
  void everyModuleDoesOfEachChangeWhatItsDocumentationSays() throws Exception {
    Path writerClasses = folder.resolve("writer");
    Path readerClasses = folder.resolve("reader");
    for (Change change : CHANGES) {
      compile(writerClasses, change.name(), change.writer());
      compile(readerClasses, change.name(), change.reader());
    }
    List<String> seen = new ArrayList<>();
    try (ChildJvm reader = child(readerClasses, "read");
        ChildJvm writer = child(writerClasses, "write")) {
      assertThat(reader.receive(), is("!ready"));
      assertThat(writer.receive(), is("!ready"));
      reader.send("!go");
      writer.send("!go");
      assertThat(writer.finish(), is(List.of()));
      reader.send("read");
      seen.addAll(reader.finish());
    }
    assertThat(seen, is(expected()));
  }

  private static List<String> expected() {
    List<String> expected = new ArrayList<>();
    for (Change change : CHANGES) {
      boolean readable = !change.seen().isEmpty();
      String value = change.seen();
      expected.add(
          change.name()
              + " cache: "
              + (readable ? value + ", undecodable 0" : "absent, undecodable 1"));
      expected.add(
          change.name() + " idempotency: " + (readable ? value : "stored, but not readable"));
      expected.add(change.name() + " pubsub: " + (readable ? value : "undecodable, counted 1"));
    }
    return expected;
  }

  private ChildJvm child(Path classes, String role) {
    List<String> arguments = new ArrayList<>(List.of(prefix, role));
    CHANGES.forEach(change -> arguments.add(change.name()));
    return ChildJvms.startDifferent(
        redis, List.of(), List.of(classes), EvolvingChild.class, arguments.toArray(String[]::new));
  }

  private static void compile(Path folder, String name, String body) throws IOException {
    Path source = Files.createDirectories(folder.resolve("evolving")).resolve(name + ".java");
    Files.writeString(source, "package evolving;\n" + body);
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    boolean compiled =
        compiler
            .getTask(
                messages,
                null,
                null,
                List.of(
                    "-proc:none",
                    "-d",
                    folder.toString(),
                    "-cp",
                    System.getProperty("java.class.path")),
                null,
                compiler.getStandardFileManager(null, null, null).getJavaFileObjects(source))
            .call();
    assertThat(messages.toString(), compiled, is(true));
  }
}
