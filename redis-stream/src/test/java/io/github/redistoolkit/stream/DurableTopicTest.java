package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.JedisPool;

/** Wrong arguments, which are refused before any I/O: there is no server here. */
@SuppressWarnings("deprecation") // what most code holds
class DurableTopicTest {

  private final JedisPool pool = new JedisPool("localhost", 1);
  private final DurableTopic.Builder<String> builder =
      DurableTopic.builder(pool, "topic", String.class);
  private final DurableTopic<String> topic = builder.build();

  @AfterEach
  void close() {
    topic.close();
    pool.close();
  }

  private static void refused(String argument, Callable<?> call) {
    RuntimeException e = assertThrows(RuntimeException.class, call::call);
    if (!(e instanceof NullPointerException) && !(e instanceof IllegalArgumentException)) {
      throw e;
    }
    assertThat(e.getMessage(), containsString(argument));
  }

  @Test
  void namesWhatIsWrongWithTheBuilder() {
    refused("pool", () -> DurableTopic.builder((JedisPool) null, "topic", String.class));
    refused("name", () -> DurableTopic.builder(pool, null, String.class));
    refused("name", () -> DurableTopic.builder(pool, "", String.class));
    refused("name", () -> DurableTopic.builder(pool, "\ud800", String.class));
    refused("type", () -> DurableTopic.builder(pool, "topic", (Class<String>) null));
    refused("prefix", () -> builder.prefix(""));
    refused("prefix", () -> builder.prefix("a{b}:"));
    refused("prefix", () -> builder.prefix("app"));
    refused("executor", () -> builder.executor(null));
    refused("gson", () -> builder.gson(null));
    refused("codec", () -> builder.codec(null));
    refused("partitions", () -> builder.partitions(0));
    refused("partitions", () -> builder.partitions(1_001));
    refused("concurrency", () -> builder.concurrency(0));
    refused("concurrency", () -> builder.concurrency(1_001));
    refused("batch", () -> builder.batch(0));
    refused("batch", () -> builder.batch(1_001));
    refused("lease", () -> builder.lease(null));
    refused("lease", () -> builder.lease(Duration.ofMillis(99)));
    refused("lease", () -> builder.lease(Duration.ofDays(2)));
    refused("retryDelay", () -> builder.retryDelay(Duration.ZERO));
    refused("maxDeliveries", () -> builder.maxDeliveries(0));
    refused("handlerTimeout", () -> builder.handlerTimeout(null));
    refused("handlerTimeout", () -> builder.handlerTimeout(Duration.ZERO));
    refused("replicas", () -> builder.waitReplicas(0, Duration.ofSeconds(1)));
    refused("replicas", () -> builder.waitReplicas(101, Duration.ofSeconds(1)));
    refused("maxWait", () -> builder.waitReplicas(1, null));
    refused("maxWait", () -> builder.waitReplicas(1, Duration.ZERO));
    refused("closeTimeout", () -> builder.closeTimeout(Duration.ofHours(2)));
    refused("maxAge", () -> builder.maxAge(Duration.ZERO));
    refused("maxLength", () -> builder.maxLength(0, WhenFull.TRIM));
    refused("whenFull", () -> builder.maxLength(1, null));
    refused("listener", () -> builder.listener(null));
    refused("next", () -> DurableListener.logging().andThen(null));
  }

  @Test
  void refusesATypeThatCannotBeReadBack() {
    DurableTopic.Builder<Runnable> unreadable = DurableTopic.builder(pool, "topic", Runnable.class);
    refused("Runnable", unreadable::build);
  }

  @Test
  void showsWhatOthersChoseOnOneLine() {
    DurableTopic<String> twoParts = builder.partitions(2).build();
    String line = "1-0\nINFO all is well";
    for (Executable call :
        List.<Executable>of(
            () -> builder.prefix("{" + line),
            () -> From.after(line),
            () -> topic.redrive("group", line + "@0"),
            () -> twoParts.redrive("group", line))) {
      String message = assertThrows(IllegalArgumentException.class, call).getMessage();
      assertThat(message, containsString("1-0\\u000AINFO"));
      assertThat(message, not(containsString("\n")));
    }
    for (RuntimeException e :
        List.of(
            new TopicFullException(line, 1),
            new TooFewReplicasException(line, "1-0", 2, 1),
            new TooFewReplicasException(line, "1-0", 2, new RuntimeException()))) {
      assertThat(e.getMessage(), containsString("topic 1-0\\u000AINFO"));
    }
    twoParts.close();
  }

  @Test
  void namesWhatIsWrongWithACall() {
    DurableHandler<String> handler = message -> {};
    refused("message", () -> topic.publish(null));
    refused("surrogate", () -> topic.publish("\ud800"));
    refused("key", () -> topic.publish(null, "message"));
    refused("key", () -> topic.publish("", "message"));
    refused("message", () -> topic.publish("key", null));
    refused("group", () -> topic.subscribe(null, From.now(), handler));
    refused("group", () -> topic.subscribe("", From.now(), handler));
    refused("from", () -> topic.subscribe("group", null, handler));
    refused("handler", () -> topic.subscribe("group", From.now(), null));
    refused("from", () -> topic.follow(null, handler));
    refused("handler", () -> topic.follow(From.now(), null));
    refused("from", () -> topic.read(null, 1));
    refused("most", () -> topic.read(From.start(), 0));
    refused("most", () -> topic.read(From.start(), 10_001));
    refused("group", () -> topic.state(""));
    refused("group", () -> topic.deadLetters("", 1));
    refused("most", () -> topic.deadLetters("group", 0));
    refused("from", () -> topic.read(From.after("1-0@0"), 1));
    for (String id : List.of("", "1", "$", "a-b", "1-0@0")) {
      refused("deadLetterId", () -> topic.redrive("group", id));
    }
    refused("id", () -> From.after("now"));
  }
}
