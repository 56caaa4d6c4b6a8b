package io.github.redistoolkit.spring;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.ratelimit.OnUnavailable;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.stream.DurableMessage;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.aot.generate.ClassNameGenerator;
import org.springframework.aot.generate.DefaultGenerationContext;
import org.springframework.aot.generate.FileSystemGeneratedFiles;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails;
import org.springframework.boot.test.util.TestPropertyValues;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.aot.ApplicationContextAotGenerator;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.javapoet.ClassName;

/**
 * An application as a native image has it: what Spring generates ahead of time is compiled and run,
 * on the JVM, and the hints that a native image goes by are looked at.
 */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class StarterAheadOfTimeIT {

  private final TestRedis redis;

  StarterAheadOfTimeIT(TestRedis redis) {
    this.redis = redis;
  }

  /** An application that is told at run time where its Redis is. */
  @Configuration(proxyBeanMethods = false)
  static class Application {

    @Bean
    DataRedisConnectionDetails details(@Value("${port}") int port) {
      return new DataRedisConnectionDetails() {
        @Override
        public Standalone getStandalone() {
          return Standalone.of("127.0.0.1", port);
        }
      };
    }
  }

  /** A message that only a property names. */
  record Note(String text) {}

  private static void configure(GenericApplicationContext context) {
    TestPropertyValues.of(
            "redis.toolkit.ratelimit.limits.api=2/1h",
            "redis.toolkit.ratelimit.on-unavailable=deny",
            "redis.toolkit.streams.notes.type=" + Note.class.getName())
        .applyTo(context);
  }

  @Test
  void whatIsGeneratedAheadOfTimeRuns(@TempDir Path directory) throws Exception {
    DefaultGenerationContext generation =
        new DefaultGenerationContext(
            new ClassNameGenerator(ClassName.get(Application.class)),
            new FileSystemGeneratedFiles(directory));
    ClassName initializer;
    try (AnnotationConfigApplicationContext source = new AnnotationConfigApplicationContext()) {
      source.register(Application.class, RedisToolkitAutoConfiguration.class);
      configure(source);
      initializer = new ApplicationContextAotGenerator().processAheadOfTime(source, generation);
    }
    generation.writeGeneratedContent();

    lookAt(generation.getRuntimeHints());
    assertThat(
        RuntimeHintsPredicates.reflection()
            .onConstructorInvocation(Note.class.getDeclaredConstructors()[0])
            .test(generation.getRuntimeHints()),
        is(true));
    compile(directory.resolve("sources"), directory.resolve("classes"));
    try (URLClassLoader loader = loader(directory.resolve("classes"))) {
      loader
          .loadClass(Run.class.getName())
          .getMethod("run", String.class, int.class, String.class)
          .invoke(
              null, initializer.reflectionName(), redis.address().getPort(), redis.unique("id"));
    }
  }

  private static void lookAt(RuntimeHints hints) {
    for (Class<?> bound :
        List.of(
            RedisToolkitProperties.class,
            RedisToolkitProperties.Idempotency.class,
            RedisToolkitProperties.IdempotencyHttp.class,
            RedisToolkitProperties.RateLimits.class,
            RedisToolkitProperties.Stream.class,
            Note.class)) {
      assertThat(
          bound.getName(), RuntimeHintsPredicates.reflection().onType(bound).test(hints), is(true));
    }
  }

  private static void compile(Path sources, Path classes) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter said = new StringWriter();
    Files.createDirectories(classes);
    try (Stream<Path> files = Files.walk(sources);
        StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
      List<Path> found = files.filter(Files::isRegularFile).toList();
      boolean compiled =
          compiler
              .getTask(
                  said,
                  manager,
                  null,
                  List.of("-d", classes.toString(), "-proc:none"),
                  null,
                  manager.getJavaFileObjectsFromPaths(found))
              .call();
      assertThat(said.toString(), compiled, is(true));
    }
  }

  /** Everything anew in one loader, since what is generated reaches what its package hides. */
  private static URLClassLoader loader(Path classes) throws IOException {
    List<URL> urls = new ArrayList<>();
    urls.add(classes.toUri().toURL());
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      urls.add(Path.of(entry).toUri().toURL());
    }
    return new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
  }

  /** What runs in the other loader; public, as it is called from outside of it. */
  public static final class Run {

    private Run() {}

    /** Starts the application by what was generated, and uses it. */
    public static void run(String initializer, int port, String id) throws Exception {
      ClassLoader loader = Run.class.getClassLoader();
      ClassLoader before = Thread.currentThread().getContextClassLoader();
      Thread.currentThread().setContextClassLoader(loader);
      try (GenericApplicationContext context = new GenericApplicationContext()) {
        context.setClassLoader(loader);
        configure(context);
        TestPropertyValues.of("port=" + port, "redis.toolkit.streams.notes.name=" + id)
            .applyTo(context);
        @SuppressWarnings("unchecked")
        ApplicationContextInitializer<GenericApplicationContext> generated =
            (ApplicationContextInitializer<GenericApplicationContext>)
                loader.loadClass(initializer).getConstructor().newInstance();
        generated.initialize(context);
        context.refresh();
        RateLimiter api = context.getBean("apiRateLimiter", RateLimiter.class);
        assertThat(api.isAllowed(id), is(true));
        assertThat(
            context.getBean(RedisToolkitProperties.class).ratelimit().onUnavailable(),
            is(OnUnavailable.DENY));
        assertThat(
            context.getBean(IdempotencyService.class).execute(id, String.class, claim -> "done"),
            is("done"));
        @SuppressWarnings("unchecked")
        DurableTopic<Note> notes = context.getBean("notesDurableTopic", DurableTopic.class);
        notes.publish(new Note(id));
        assertThat(
            notes.read(From.start(), 100).stream().map(DurableMessage::body).toList(),
            is(List.of(new Note(id))));
      } finally {
        Thread.currentThread().setContextClassLoader(before);
      }
    }
  }
}
