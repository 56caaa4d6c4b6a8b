package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.util.SetSystemProperty;

@LeavesServerAlone
@Tag("bed")
@EachClient
class ChildJvmIT {

  private static final List<String> NAMED_BY_RUN =
      List.of("redis.backend", "redis.image", "redis.url", "redis.matrix");

  private final TestRedis redis;

  ChildJvmIT(TestRedis redis) {
    this.redis = redis;
  }

  /** Waits for the start, then counts in Redis, naming its turn, times over. */
  static final class Counting {
    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      try (TestRedis redis = child.redis()) {
        child.awaitStart();
        for (int i = 0; i < Integer.parseInt(args[3]); i++) {
          long value = redis.admin().incr(args[2]);
          child.send(redis + " of " + child.number() + " at " + value);
        }
      }
    }
  }

  /** Starts a child of its own, says which, and never ends by itself. */
  static final class Parent {
    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      try (TestRedis redis = child.redis();
          ChildJvms jvms = ChildJvms.start(redis, 2, Echo.class)) {
        jvms.get(0).send("hello");
        child.send(jvms.get(0).receive() + " " + jvms.get(0).pid());
        jvms.get(1).pause();
        child.send(String.valueOf(jvms.get(1).pid()));
        child.send(child.receive());
      }
    }
  }

  /** Says what it is told, until its parent ends. */
  static final class Echo {
    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      System.out.println("echo starts"); // which is no line of the protocol
      while (true) {
        child.send(child.receive());
      }
    }
  }

  /** Sends lines as fast as it can, faster than they are read, and notes how many it has sent. */
  static final class Chatting {

    private static final String LONG_LINE = "x".repeat(20_000);

    public static void main(String[] args) throws IOException {
      Child child = Child.of(args);
      try (FileChannel file =
          FileChannel.open(
              Path.of(args[2]),
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE)) {
        MappedByteBuffer sent = file.map(FileChannel.MapMode.READ_WRITE, 0, Integer.BYTES);
        for (int number = 1; ; number++) {
          child.send(LONG_LINE);
          sent.putInt(0, number);
        }
      }
    }
  }

  /** Fails. */
  static final class Failing {
    public static void main(String[] args) {
      Child.of(args).send("about to fail");
      System.exit(7);
    }
  }

  @Test
  void severalJvmsStartTogetherOnTheSameRedisAndGiveTheirLines() throws InterruptedException {
    String key = redis.unique("counter");
    try (ChildJvms jvms = ChildJvms.start(redis, 3, Counting.class, key, "2")) {
      jvms.go();
      List<String> lines = jvms.finish();
      assertThat(
          lines.stream().map(line -> line.replaceAll(" at .*", "")).toList(),
          containsInAnyOrder(
              redis + " of 0",
              redis + " of 0",
              redis + " of 1",
              redis + " of 1",
              redis + " of 2",
              redis + " of 2"));
      assertThat(redis.admin().get(key), is("6"));
    }
  }

  @Test
  void noneStartsBeforeAllAreReady() throws InterruptedException {
    String key = redis.unique("counter");
    try (ChildJvms jvms = ChildJvms.start(redis, 2, Counting.class, key, "1")) {
      assertThat(jvms.get(0).receive(), is(Child.READY));
      assertThat(jvms.get(1).receive(), is(Child.READY));
      assertThat(redis.admin().exists(key), is(false));
      jvms.get(0).send(Child.GO);
      jvms.get(1).send(Child.GO);
      jvms.finish();
      assertThat(redis.admin().get(key), is("2"));
    }
  }

  @Test
  void aPausedJvmDoesNothingUntilItIsResumedAndAKilledOneIsGone() throws InterruptedException {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Echo.class)) {
      ChildJvm child = jvms.get(0);
      child.send("one");
      assertThat(child.receive(), is("one"));
      child.pause();
      child.send("two");
      Awaitility.await().during(Duration.ofMillis(200)).until(child::linesSoFar, List::isEmpty);
      child.resume();
      assertThat(child.receive(), is("two"));
      child.kill();
      assertThat(child.isAlive(), is(false));
      AssertionError end = assertThrows(AssertionError.class, child::receive);
      assertThat(end.getMessage(), containsString("exit code 137"));
    }
  }

  @Test
  void aJvmThatIsPausedTwiceGoesOnWhenItIsResumedAndNothingStaysThatHeldIt()
      throws InterruptedException {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Echo.class)) {
      ChildJvm child = jvms.get(0);
      List<ProcessHandle> before = ProcessHandle.current().children().toList();
      child.pause();
      child.pause();
      child.send("one");
      child.resume();
      assertThat(child.receive(), is("one"));
      List<ProcessHandle> after = ProcessHandle.current().children().toList();
      assertThat(after, containsInAnyOrder(before.toArray()));
    }
  }

  @Test
  void aJvmThatHasEndedCannotBePaused() throws InterruptedException {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Echo.class)) {
      ChildJvm child = jvms.get(0);
      child.kill();
      IllegalStateException refusal = assertThrows(IllegalStateException.class, child::pause);
      assertThat(refusal.getMessage(), containsString("cannot stop process " + child.pid()));
    }
  }

  /** Says what it knows of its parent's run, then its own command line. */
  static final class Told {
    public static void main(String[] args) {
      Child child = Child.of(args);
      NAMED_BY_RUN.forEach(name -> child.send(name + " is " + System.getProperty(name)));
      try (TestRedis redis = child.redis()) {
        child.send(redis + " at " + redis.deployment().encode());
      }
      List<String> commandLine =
          new ArrayList<>(ManagementFactory.getRuntimeMXBean().getInputArguments());
      commandLine.addAll(Arrays.asList(args));
      child.send(String.join(" ", commandLine));
    }
  }

  @Test
  @SetSystemProperty(key = "redis.url", value = "redis://user:secret@127.0.0.1:1/2")
  @SetSystemProperty(key = "redis.matrix", value = "full")
  void aChildIsToldWhatTheRunNamesButNotInItsCommandLine() throws InterruptedException {
    String url = "redis://user:secret@127.0.0.1:1/3";
    try (TestRedis external = TestRedis.of(redis.kind(), Deployment.foreign(URI.create(url)));
        ChildJvms jvms = ChildJvms.start(external, 1, Told.class, "last")) {
      List<String> lines = new ArrayList<>(jvms.finish());
      String commandLine = lines.remove(lines.size() - 1);
      List<String> expected = new ArrayList<>();
      NAMED_BY_RUN.forEach(name -> expected.add(name + " is " + System.getProperty(name)));
      expected.add(redis + " at " + url);
      assertThat(lines, is(expected));
      assertThat(commandLine, endsWith(" last"));
      assertThat(commandLine, not(containsString("secret")));
    }
  }

  @Test
  void aClientThatAnotherJvmCannotHaveIsNotSilentlyReplaced() {
    try (FaultProxy proxy = redis.proxy()) {
      List<TestRedis> inOtherWays =
          List.of(
              redis.through(proxy),
              redis.impatient(Duration.ofSeconds(1)),
              redis.retryingFor(Duration.ofSeconds(1)),
              redis.with(config -> config.socketTimeoutMillis(1000)));
      for (TestRedis inOtherWay : inOtherWays) {
        IllegalStateException refusal =
            assertThrows(
                IllegalStateException.class, () -> ChildJvms.start(inOtherWay, 1, Echo.class));
        assertThat(refusal.getMessage(), containsString("without what is set"));
      }
    }
  }

  @Test
  void aFailingJvmFailsItsTest() {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Failing.class)) {
      AssertionError failure = assertThrows(AssertionError.class, jvms::finish);
      assertThat(failure.getMessage(), containsString("exit code is 7"));
    }
  }

  @Test
  void aJvmWhoseParentIsKilledEndsEvenIfItIsPaused() throws InterruptedException {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Parent.class)) {
      String[] hello = jvms.get(0).receive().split(" ", 2);
      assertThat(hello[0], is("hello"));
      ProcessHandle running = ProcessHandle.of(Long.parseLong(hello[1])).orElseThrow();
      ProcessHandle paused = ProcessHandle.of(Long.parseLong(jvms.get(0).receive())).orElseThrow();
      jvms.get(0).kill();
      Awaitility.await().until(() -> !running.isAlive());
      Awaitility.await().until(() -> !paused.isAlive());
    }
  }

  @Test
  void theirNanoTimesAreComparable() throws InterruptedException {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Clock.class)) {
      for (int i = 0; i < 100; i++) {
        long before = System.nanoTime();
        jvms.get(0).send("time");
        long there = Long.parseLong(jvms.get(0).receive());
        long after = System.nanoTime();
        assertThat(before, lessThanOrEqualTo(there));
        assertThat(there, lessThanOrEqualTo(after));
      }
    }
  }

  /** Answers each line with its time. */
  static final class Clock {
    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      while (true) {
        child.receive();
        child.send(String.valueOf(System.nanoTime()));
      }
    }
  }

  @Test
  void whatAChildHadSentWhenItWasKilledIsReceived(@TempDir Path folder) throws Exception {
    for (int round = 0; round < 5; round++) {
      Path file = folder.resolve("sent-" + round);
      try (ChildJvms jvms = ChildJvms.start(redis, 1, Chatting.class, file.toString())) {
        assertThat(jvms.get(0).receive(), is(Chatting.LONG_LINE));
        jvms.get(0).kill();
        List<String> received = jvms.get(0).linesSoFar();
        int sent = ByteBuffer.wrap(Files.readAllBytes(file)).getInt();
        // One more may have been sent, and not noted.
        assertThat(1 + received.size(), is(greaterThanOrEqualTo(sent)));
      }
    }
  }
}
