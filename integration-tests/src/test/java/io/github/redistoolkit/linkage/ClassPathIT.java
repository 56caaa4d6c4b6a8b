package io.github.redistoolkit.linkage;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import com.google.gson.Gson;
import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.UnifiedJedis;

/** That a run with another Jedis or Gson is one. */
@Tag("integration")
@Tag("smoke")
class ClassPathIT {

  @Test
  void jedisIsTheOneThatThisRunNames() throws IOException {
    assertThat(
        version(UnifiedJedis.class, "redis.clients/jedis"),
        is(named("run.jedis", "jedis.version")));
  }

  @Test
  void gsonIsTheOneThatThisRunNames() throws IOException {
    assertThat(
        version(Gson.class, "com.google.code.gson/gson"), is(named("run.gson", "gson.version")));
  }

  private static String named(String forThisRun, String byDefault) {
    return System.getProperty(forThisRun, System.getProperty(byDefault));
  }

  private static String version(Class<?> of, String artifact) throws IOException {
    try (InputStream in =
        of.getResourceAsStream("/META-INF/maven/" + artifact + "/pom.properties")) {
      Properties properties = new Properties();
      properties.load(in);
      return properties.getProperty("version");
    }
  }
}
