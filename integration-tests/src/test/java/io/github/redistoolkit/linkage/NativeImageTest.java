package io.github.redistoolkit.linkage;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.notNullValue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.redistoolkit.core.RedisAccess;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * The hints for GraalVM's native-image that the jars carry: that what they name exists, and that
 * they name what the modules reach by reflection or read as a resource.
 */
class NativeImageTest {

  /** Looked for in every version, and hinted at for the one that has it. */
  private static final Set<String> SINCE_JEDIS_8 =
      Set.of("redis.clients.jedis.CommandObject.preProcessHooks");

  private static final String INTERNALS = RedisAccess.class.getPackageName() + ".JedisInternals";

  @Test
  void everyHintNamesWhatExists() throws Exception {
    int types = 0;
    for (JsonObject type : reflection()) {
      Class<?> found = Class.forName(type.get("name").getAsString());
      for (JsonElement field : elements(type, "fields")) {
        String name = field.getAsJsonObject().get("name").getAsString();
        if (!SINCE_JEDIS_8.contains(found.getName() + "." + name)) {
          assertThat(found.getDeclaredField(name), is(notNullValue()));
        }
      }
      types++;
    }
    assertThat(types, is(greaterThan(0)));
    for (String resource : resources()) {
      assertThat(resource, ClassLoader.getSystemResource(resource), is(notNullValue()));
    }
  }

  @Test
  void everyFieldReadByReflectionHasAHint() throws Exception {
    Set<String> hinted = new TreeSet<>();
    for (JsonObject type : reflection()) {
      for (JsonElement field : elements(type, "fields")) {
        hinted.add(
            type.get("name").getAsString()
                + "."
                + field.getAsJsonObject().get("name").getAsString());
      }
    }
    Set<String> read = new TreeSet<>();
    for (Field constant : Class.forName(INTERNALS).getDeclaredFields()) {
      if (constant.getType() == Field.class) {
        constant.setAccessible(true);
        Field field = (Field) constant.get(null);
        if (field != null) {
          read.add(field.getDeclaringClass().getName() + "." + field.getName());
        }
      }
    }
    read.addAll(SINCE_JEDIS_8);
    assertThat(hinted, is(read));
  }

  /**
   * Look at the classes of the user's values, for which an application has hints as for Gson; and
   * at classes of the JDK by their names, which have hints here.
   */
  private static final List<String> READ_VALUES =
      List.of(
          "io.github.redistoolkit.core.Difference",
          "io.github.redistoolkit.core.GsonCodec",
          "io.github.redistoolkit.core.GsonCodec$Plain",
          "io.github.redistoolkit.core.StrictEnums$Constants",
          "io.github.redistoolkit.core.Types");

  /** Other classes that look for members would need hints of their own. */
  @Test
  void noOtherClassReadsMembersByReflection() {
    List<String> reading =
        Modules.together().byName().values().stream()
            .filter(
                reader ->
                    Linker.references(reader).stream()
                        .anyMatch(
                            reference ->
                                reference.owner().equals("java/lang/Class")
                                    && reference
                                        .name()
                                        .matches(
                                            "forName|get(Declared)?(Field|Method|Constructor)s?")))
            .map(reader -> reader.getClassName().replace('/', '.'))
            .filter(name -> READ_VALUES.stream().noneMatch(name::startsWith))
            .toList();
    assertThat(reading, contains(INTERNALS));
  }

  @Test
  void everyResourceOfTheModulesHasAHint() {
    for (String resource : Modules.together().resources()) {
      if (!resource.startsWith("META-INF/")) {
        assertThat(resources(), hasItem(resource));
      }
    }
    assertThat(resources(), hasItem("io/github/redistoolkit/ratelimit/decide.lua"));
  }

  private static List<JsonObject> reflection() {
    List<JsonObject> all = new ArrayList<>();
    hints("reflect-config.json")
        .forEach(file -> file.getAsJsonArray().forEach(type -> all.add(type.getAsJsonObject())));
    return all;
  }

  /** Each is given as a literal text. */
  private static List<String> resources() {
    List<String> all = new ArrayList<>();
    for (JsonElement file : hints("resource-config.json")) {
      JsonObject resources = file.getAsJsonObject().getAsJsonObject("resources");
      for (JsonElement include : elements(resources, "includes")) {
        String pattern = include.getAsJsonObject().get("pattern").getAsString();
        assertThat(pattern, pattern.startsWith("\\Q") && pattern.endsWith("\\E"), is(true));
        all.add(pattern.substring(2, pattern.length() - 2));
      }
    }
    return all;
  }

  private static JsonArray elements(JsonObject of, String name) {
    return of.has(name) ? of.getAsJsonArray(name) : new JsonArray();
  }

  /** The files of this name, each in its own module's folder, as native-image expects it. */
  private static List<JsonElement> hints(String file) {
    List<JsonElement> found = new ArrayList<>();
    for (Map.Entry<String, ClassFiles> module : Modules.all().entrySet()) {
      String folder = "META-INF/native-image/io.github.redistoolkit/" + module.getKey() + "/";
      for (String resource : module.getValue().resources()) {
        if (resource.startsWith("META-INF/native-image/") && resource.endsWith("/" + file)) {
          assertThat(resource, is(folder + file));
          found.add(parse(resource));
        }
      }
    }
    return found;
  }

  private static JsonElement parse(String resource) {
    try (InputStream in = ClassLoader.getSystemResourceAsStream(resource)) {
      return JsonParser.parseReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
