package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.both;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;

/** What the loop does, with a script in place of a reader and its connection. */
class ReadingLoopTest {

  private static final Duration LONG = Duration.ofSeconds(30);

  private enum Step {
    CONNECT,
    JOIN,
    RECOVER,
    READ,
    DROP,
    END
  }

  /** A reader and its connection, which do what they are told and say what they were asked for. */
  private static final class Script implements ReadingLoop.Reader, ReadingLoop.Link {

    final List<Step> steps = new CopyOnWriteArrayList<>();
    final Map<Step, Deque<Throwable>> failures = new EnumMap<>(Step.class);
    Runnable whileJoining = () -> {};
    int reads = 1;
    boolean connected;
    boolean clientIsClosed;
    Runnable work = () -> {};
    volatile boolean over;

    @CanIgnoreReturnValue
    Script failing(Step step, Throwable... errors) {
      failures.computeIfAbsent(step, each -> new ArrayDeque<>()).addAll(List.of(errors));
      return this;
    }

    private void at(Step step) {
      steps.add(step);
      Throwable next = failures.getOrDefault(step, new ArrayDeque<>()).poll();
      if (next != null) {
        ReadingLoopTest.<RuntimeException>sneak(next);
      }
    }

    @Override
    public boolean goesOn() {
      return !over;
    }

    @Override
    public boolean isClosed() {
      return clientIsClosed;
    }

    @Override
    public boolean ready() {
      if (connected) {
        return false;
      }
      at(Step.CONNECT);
      connected = true;
      return true;
    }

    @Override
    public void join() {
      whileJoining.run();
      at(Step.JOIN);
    }

    @Override
    public void recover() {
      at(Step.RECOVER);
    }

    @Override
    public void read() {
      at(Step.READ);
      reads--;
      over |= reads == 0;
    }

    @Override
    public void work() {
      work.run();
    }

    @Override
    public void clientClosed() {
      over = true;
    }

    @Override
    public void drop() {
      connected = false;
      at(Step.DROP);
    }

    @Override
    public void readingEnded() {
      steps.add(Step.END);
    }
  }

  @SuppressWarnings("unchecked")
  private static <E extends Throwable> void sneak(Throwable error) throws E {
    throw (E) error;
  }

  private static final class Heard implements DurableListener {

    final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    @Override
    public void onDisconnected(DurableSubscription subscription, Throwable error) {
      events.add("gone: " + error.getMessage());
    }

    @Override
    public void onReconnected(DurableSubscription subscription, Duration away) {
      events.add("back after " + away);
    }

    String next() throws InterruptedException {
      String event = events.poll(LONG.toSeconds(), TimeUnit.SECONDS);
      return event == null ? "nothing" : event;
    }
  }

  private record Shown() implements DurableSubscription {

    @Override
    public String topic() {
      return "topic";
    }

    @Override
    public Optional<String> group() {
      return Optional.empty();
    }

    @Override
    public boolean isActive() {
      return true;
    }

    @Override
    public long handled() {
      return 0;
    }

    @Override
    public long failed() {
      return 0;
    }

    @Override
    public void close() {}

    @Override
    public boolean close(Duration maxWait) {
      return true;
    }
  }

  private final Script script = new Script();
  private final Heard heard = new Heard();
  private final List<Long> pauses = new ArrayList<>();
  private long now;
  private final List<Thread> started = new CopyOnWriteArrayList<>();
  private final List<Throwable> uncaught = new CopyOnWriteArrayList<>();
  private final AtomicInteger refused = new AtomicInteger();
  private final ReadingLoop loop = loop(this::pause);

  private ReadingLoop loop(ReadingLoop.Rest rest) {
    return new ReadingLoop(
        script, script, rest, () -> now, this::thread, new Reports(heard), new Shown());
  }

  private Thread thread(Runnable task) {
    Thread thread = new Thread(task, "reading-loop-test");
    thread.setDaemon(true);
    thread.setUncaughtExceptionHandler((dead, error) -> uncaught.add(error));
    if (refused.getAndDecrement() > 0) {
      throw new OutOfMemoryError("unable to create native thread");
    }
    started.add(thread);
    return thread;
  }

  private void pause(long nanos) {
    pauses.add(nanos);
    now += nanos;
  }

  private void run() throws InterruptedException {
    run(loop);
  }

  /** Runs a loop to its end, on its own thread. */
  private void run(ReadingLoop one) throws InterruptedException {
    one.start();
    Thread last = started.get(started.size() - 1);
    last.join(LONG.toMillis());
    assertThat(last.isAlive(), is(false));
  }

  private static JedisDataException refusal() {
    return new JedisDataException("LOADING Redis is loading the dataset in memory");
  }

  private static JedisDataException noGroup() {
    return new JedisDataException("NOGROUP No such key 'topic:{topic}' or consumer group 'group'");
  }

  static Stream<Arguments> errorsOfSteps() {
    return Stream.of(Step.CONNECT, Step.JOIN, Step.RECOVER, Step.READ)
        .flatMap(
            step ->
                Stream.of(
                        new JedisConnectionException("cut"),
                        refusal(),
                        noGroup(),
                        new JedisDataException("UNBLOCKED the stream key no longer exists"),
                        new IllegalStateException("unforeseen"),
                        new StackOverflowError(),
                        new NoClassDefFoundError("gone"),
                        new InterruptedException())
                    .map(error -> Arguments.of(step, error)));
  }

  @ParameterizedTest
  @MethodSource("errorsOfSteps")
  void goesOnWhateverAStepThrows(Step step, Throwable error) throws InterruptedException {
    script.failing(step, error, error, error);
    run();
    assertThat(Collections.frequency(script.steps, step), is(greaterThanOrEqualTo(4)));
    assertThat(script.reads, is(0));
    assertThat(script.steps.get(script.steps.size() - 1), is(Step.END));
  }

  @Test
  void joinsAndRecoversOverANewConnectionUntilBothHaveEndedWell() throws InterruptedException {
    script.failing(Step.JOIN, refusal(), refusal()).failing(Step.RECOVER, refusal());
    script.reads = 2;
    run();
    assertThat(
        script.steps,
        contains(
            Step.CONNECT,
            Step.JOIN,
            Step.JOIN,
            Step.JOIN,
            Step.RECOVER,
            Step.RECOVER,
            Step.READ,
            Step.READ,
            Step.DROP,
            Step.END));
  }

  @Test
  void recoversAgainOverTheNextConnection() throws InterruptedException {
    script.failing(Step.READ, new IllegalStateException("in the middle of an answer"));
    run();
    assertThat(
        script.steps,
        contains(
            Step.CONNECT,
            Step.JOIN,
            Step.RECOVER,
            Step.READ,
            Step.DROP,
            Step.CONNECT,
            Step.JOIN,
            Step.RECOVER,
            Step.READ,
            Step.DROP,
            Step.END));
  }

  @Test
  void joinsAtOnceAGroupThatIsGone() throws InterruptedException {
    script.failing(Step.READ, noGroup());
    run();
    assertThat(
        script.steps,
        contains(
            Step.CONNECT,
            Step.JOIN,
            Step.RECOVER,
            Step.READ,
            Step.JOIN,
            Step.READ,
            Step.DROP,
            Step.END));
    assertThat(pauses, is(empty()));
    assertThat(heard.events, is(empty()));
  }

  @Test
  void restsIfJoiningDoesNotHelp() throws InterruptedException {
    script.failing(Step.READ, noGroup(), noGroup(), noGroup());
    run();
    assertThat(pauses.size(), is(2));
    assertThat(heard.next(), startsWith("gone: NOGROUP"));
  }

  @Test
  void joinsOnceMoreIfSomebodyAsksForItMeanwhile() throws InterruptedException {
    script.whileJoining =
        () -> {
          script.whileJoining = () -> {};
          loop.rejoin();
        };
    script.reads = 2;
    run();
    assertThat(Collections.frequency(script.steps, Step.JOIN), is(2));
  }

  @Test
  void restsTwiceAsLongAfterEachFailureUpToASecond() throws InterruptedException {
    Throwable[] errors =
        Stream.generate(ReadingLoopTest::refusal).limit(9).toArray(Throwable[]::new);
    script.failing(Step.READ, errors);
    run();
    assertThat(pauses.size(), is(9));
    long longest = Duration.ofMillis(100).toNanos();
    for (long pause : pauses) {
      assertThat(pause, is(both(greaterThanOrEqualTo(longest / 2)).and(lessThan(longest))));
      longest = Math.min(2 * longest, Duration.ofSeconds(1).toNanos());
    }
  }

  @Test
  void restsShortlyAgainAfterASuccess() throws InterruptedException {
    script.failing(Step.CONNECT, refusal(), refusal(), refusal(), refusal(), refusal());
    run();
    int before = pauses.size();
    assertThat(before, is(5));

    script.over = false;
    script.reads = 1;
    script.failing(Step.CONNECT, refusal());
    run();
    assertThat(pauses.get(before), is(lessThan(Duration.ofMillis(100).toNanos())));
  }

  @Test
  void tellsOfTheFirstFailureAndOfTheReturn() throws InterruptedException {
    script.failing(Step.CONNECT, new JedisConnectionException("refused"), refusal(), refusal());
    run();
    assertThat(heard.next(), is("gone: refused"));
    long away = pauses.stream().mapToLong(Long::longValue).sum();
    assertThat(heard.next(), is("back after " + Duration.ofNanos(away)));
    assertThat(heard.events, is(empty()));
  }

  @Test
  void restsAlsoIfTheConnectionCannotBeEnded() throws InterruptedException {
    script.failing(Step.READ, new IllegalStateException("first"));
    script.failing(Step.DROP, new IllegalStateException("second"));
    run();
    assertThat(pauses.size(), is(1));
    assertThat(script.reads, is(0));
  }

  @Test
  void leavesAConnectionWhoseAnswerWasAnErrorAsItIs() throws InterruptedException {
    script.failing(Step.READ, refusal());
    run();
    assertThat(Collections.frequency(script.steps, Step.CONNECT), is(1));
  }

  @Test
  void endsAtOnceWhileItRests() throws InterruptedException {
    Life life = new Life(() -> 0); // by this clock no rest ever ends
    CountDownLatch resting = new CountDownLatch(1);
    Throwable[] errors =
        Stream.generate(ReadingLoopTest::refusal).limit(9).toArray(Throwable[]::new);
    script.failing(Step.CONNECT, errors);
    ReadingLoop rests =
        loop(
            nanos -> {
              resting.countDown();
              life.pause(nanos);
            });
    rests.start();
    Thread thread = started.get(0);
    assertTrue(resting.await(LONG.toSeconds(), TimeUnit.SECONDS));
    script.over = true;
    life.beginClose();
    thread.join(LONG.toMillis());
    assertThat(thread.isAlive(), is(false));
    assertThat(script.steps, contains(Step.CONNECT, Step.DROP, Step.END));
  }

  @Test
  void endsWithoutAReturnOnceTheClientIsClosed() throws InterruptedException {
    script.failing(Step.CONNECT, new JedisConnectionException("refused"));
    ReadingLoop closing =
        loop(
            nanos -> {
              script.clientIsClosed = true;
            });
    run(closing);
    assertThat(heard.next(), is("gone: refused"));
    assertThat(heard.events, is(empty()));
    assertThat(script.steps, contains(Step.CONNECT, Step.DROP, Step.END));
  }

  @Test
  void saysThatItHasEndedAlsoIfTheConnectionCannotBeEnded() throws InterruptedException {
    script.failing(Step.DROP, new IllegalStateException("cannot be ended"));
    run();
    assertThat(uncaught, contains(instanceOf(IllegalStateException.class)));
    assertThat(script.steps, hasItem(Step.END));
  }

  /** Has the first thread be at something else until it is let go, and the loop go on for ever. */
  private CountDownLatch beAtSomethingElse(Runnable afterwards) {
    CountDownLatch letGo = new CountDownLatch(1);
    Deque<Runnable> works = new ConcurrentLinkedDeque<>();
    works.add(
        () -> {
          await(letGo);
          afterwards.run();
        });
    script.reads = Integer.MAX_VALUE;
    script.work =
        () -> {
          Runnable next = works.poll();
          if (next != null) {
            boolean unused = loop.work(next);
          }
          pauseShortly();
        };
    return letGo;
  }

  private static void await(CountDownLatch latch) {
    try {
      assertTrue(latch.await(LONG.toSeconds(), TimeUnit.SECONDS));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void pauseShortly() {
    try {
      TimeUnit.MILLISECONDS.sleep(1);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private void awaitReads(int count) {
    int before = Collections.frequency(script.steps, Step.READ);
    assertTimeoutPreemptively(
        LONG,
        () -> {
          while (Collections.frequency(script.steps, Step.READ) < before + count) {
            TimeUnit.MILLISECONDS.sleep(1);
          }
        });
  }

  private void end() throws InterruptedException {
    script.over = true;
    for (Thread each : started) {
      each.join(LONG.toMillis());
      assertThat(each.isAlive(), is(false));
    }
  }

  @Test
  void anotherThreadReadsOnIfOneIsAtSomethingElseForLong() throws InterruptedException {
    CountDownLatch letGo = beAtSomethingElse(() -> {});
    loop.start();
    awaitReads(2);
    assertThat(started.size(), is(2));
    assertThat("who reads is at nothing else", loop.isAtWork(), is(false));
    letGo.countDown();
    started.get(0).join(LONG.toMillis());
    assertThat("who came back ends", started.get(0).isAlive(), is(false));
    awaitReads(2);
    assertThat(script.steps, not(hasItem(Step.DROP)));
    end();
    assertThat(Collections.frequency(script.steps, Step.CONNECT), is(1));
    assertThat(Collections.frequency(script.steps, Step.DROP), is(1));
    assertThat(Collections.frequency(script.steps, Step.END), is(1));
    assertThat(uncaught, is(empty()));
  }

  @Test
  void theOtherReadsOnAlsoIfTheFirstFailsThen() throws InterruptedException {
    CountDownLatch letGo =
        beAtSomethingElse(
            () -> {
              throw new StackOverflowError();
            });
    loop.start();
    awaitReads(2);
    letGo.countDown();
    started.get(0).join(LONG.toMillis());
    awaitReads(2);
    assertThat(script.steps, not(hasItem(Step.DROP)));
    assertThat(heard.events, is(empty()));
    end();
    assertThat(Collections.frequency(script.steps, Step.END), is(1));
  }

  @Test
  void aThreadThatCannotBeHadIsAskedForAgain() throws InterruptedException {
    CountDownLatch letGo = beAtSomethingElse(() -> {});
    loop.start();
    refused.set(2);
    awaitReads(2);
    assertThat(refused.get(), is(lessThan(0)));
    assertThat(started.size(), is(2));
    letGo.countDown();
    end();
    assertThat(Collections.frequency(script.steps, Step.END), is(1));
  }

  @Test
  void whoIsBackSoonReadsOn() throws InterruptedException {
    int[] works = {0};
    script.reads = 100;
    script.work =
        () -> {
          assertThat(loop.work(() -> works[0]++), is(true));
          assertThat(loop.isAtWork(), is(false));
          pauseShortly();
        };
    run();
    assertThat(works[0], is(100));
    assertThat(started.size(), is(1));
  }

  @Test
  void itIsKnownWhichThreadReadsAndWhatItIsAt() throws InterruptedException {
    List<Boolean> answers = new ArrayList<>();
    script.work =
        () -> {
          answers.add(loop.isAtWork());
          boolean unused =
              loop.work(
                  () -> {
                    answers.add(loop.isAtWork());
                    answers.add(loop.isOnItsThread());
                  });
        };
    run();
    assertThat(answers, contains(false, true, true));
    assertThat(loop.isOnItsThread(), is(false));
  }
}
