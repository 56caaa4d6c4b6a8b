package io.github.redistoolkit.coalescing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.coalescing.ScriptedServer.Fate;
import io.github.redistoolkit.coalescing.ScriptedServer.Gate;
import io.github.redistoolkit.core.Failures;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.Builder;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.args.Rawable;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** Leaders and followers over a server in memory, which runs a flush at once. */
@Timeout(60)
class LanesTest {

  private final ScriptedServer server = new ScriptedServer();
  private final Executor noCarriers =
      task -> {
        throw new AssertionError("no thread is virtual");
      };
  private final Lanes lanes = new Lanes(server, 1, noCarriers);
  private final Gate gate = new Gate();

  @AfterEach
  void everyConnectionAndLaneIsBack() {
    assertThat(server.borrowedNow(), is(0));
    assertThat(lanes.freeLanes(), is(1));
    assertThat(lanes.queued(), is(0));
  }

  private static CommandObject<Long> incr(String key) {
    return new CommandObject<>(new CommandArguments(Command.INCR).key(key), BuilderFactory.LONG);
  }

  private static CommandObject<String> echo(String text) {
    return new CommandObject<>(new CommandArguments(Command.ECHO).add(text), BuilderFactory.STRING);
  }

  /** A call on a thread of its own. */
  private final class Caller<T> {
    private final CompletableFuture<T> outcome = new CompletableFuture<>();
    private final CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
    private final Thread thread;

    Caller(CommandObject<T> command) {
      thread =
          new Thread(
              () -> {
                try {
                  outcome.complete(lanes.executeCommand(command));
                } catch (Throwable e) {
                  outcome.completeExceptionally(e);
                }
                interrupted.complete(Thread.currentThread().isInterrupted());
              });
      thread.start();
    }

    T reply() throws Exception {
      return outcome.get(30, TimeUnit.SECONDS);
    }

    Throwable failure() {
      return assertThrows(ExecutionException.class, () -> outcome.get(30, TimeUnit.SECONDS))
          .getCause();
    }
  }

  /** Has one caller read, who is held, and queues others behind it one by one. */
  private <T> List<Caller<T>> queueBehindOne(List<CommandObject<T>> commands) {
    server.beforeReplies = gate;
    holder = new Caller<>(echo("holder"));
    gate.awaitOne();
    List<Caller<T>> callers = new ArrayList<>();
    for (CommandObject<T> command : commands) {
      callers.add(new Caller<>(command));
      awaitQueued(callers.size());
    }
    return callers;
  }

  private Caller<String> holder;

  private void awaitQueued(int callers) {
    while (lanes.queued() < callers) {
      LockSupport.parkNanos(50_000);
    }
  }

  private static List<CommandObject<String>> echoes(int count) {
    return IntStream.range(0, count).mapToObj(i -> echo("call " + i)).toList();
  }

  @Test
  void whoeverComesAloneGoesAlone() {
    assertThat(lanes.executeCommand(echo("a")), is("a"));
    assertThat(lanes.executeCommand(echo("b")), is("b"));
    assertThat(server.flushSizes(), contains(1, 1));
  }

  @Test
  void thoseWhoWaitShareOneFlushAndEachGetsItsOwnReply() throws Exception {
    List<Caller<String>> callers = queueBehindOne(echoes(10));
    gate.open();
    for (int i = 0; i < callers.size(); i++) {
      assertThat(callers.get(i).reply(), is("call " + i));
    }
    assertThat(holder.reply(), is("holder"));
    assertThat(server.flushSizes(), contains(1, 10));
    assertThat(server.borrowedAtMost(), is(1));
  }

  @Test
  void aFlushHasNoMoreThan64Commands() throws Exception {
    List<Caller<String>> callers = queueBehindOne(echoes(100));
    gate.open();
    for (Caller<String> caller : callers) {
      assertThat(caller.reply().startsWith("call "), is(true));
    }
    assertThat(server.flushSizes(), contains(1, 64, 36));
  }

  @Test
  void aFlushHasNoMoreThan8KibBeyondItsFirstCommand() throws Exception {
    String large = "x".repeat(3_000);
    List<Caller<String>> callers =
        queueBehindOne(
            List.of(echo("x".repeat(7_000)), echo(large), echo(large), echo(large), echo("last")));
    gate.open();
    for (Caller<String> caller : callers) {
      var unused = caller.reply();
    }
    // What Jedis's own buffer of 8 KiB does not hold is written earlier: look at the connections.
    assertThat(server.flushes().stream().mapToInt(List::size).sum(), is(6));
    assertThat(server.discarded(), is(0));
    assertThat(server.borrowings(), is(3));
  }

  @Test
  void anErrorThatTheServerAnswersIsItsCallersAlone() throws Exception {
    server.rule = command -> command.contains("call 1") ? Fate.ERROR : Fate.ANSWERED;
    List<Caller<String>> callers = queueBehindOne(echoes(3));
    gate.open();
    assertThat(callers.get(0).reply(), is("call 0"));
    assertThat(callers.get(1).failure(), is(instanceOf(JedisDataException.class)));
    assertThat(callers.get(2).reply(), is("call 2"));
    assertThat(server.discarded(), is(0));
  }

  @Test
  void eachDecodesItsReplyOnItsOwnThread() throws Exception {
    List<Thread> decoders = new CopyOnWriteArrayList<>();
    CommandObject<String> watched =
        new CommandObject<>(
            new CommandArguments(Command.ECHO).add("watched"),
            new Builder<String>() {
              @Override
              public String build(Object data) {
                decoders.add(Thread.currentThread());
                throw new IllegalStateException("cannot be decoded");
              }
            });
    List<Caller<String>> callers = queueBehindOne(List.of(echo("a"), watched, echo("b")));
    gate.open();
    assertThat(callers.get(0).reply(), is("a"));
    assertThat(callers.get(1).failure().getMessage(), is("cannot be decoded"));
    assertThat(callers.get(2).reply(), is("b"));
    assertThat(decoders, contains(callers.get(1).thread));
    assertThat(server.discarded(), is(0));
  }

  @Test
  void whatCannotBeEncodedFailsBeforeItQueues() throws Exception {
    Rawable bad =
        () -> {
          throw new IllegalStateException("cannot be encoded");
        };
    List<Caller<String>> callers = queueBehindOne(echoes(1));
    CommandObject<String> command =
        new CommandObject<>(new CommandArguments(Command.ECHO).add(bad), BuilderFactory.STRING);
    assertThat(new Caller<>(command).failure().getMessage(), is("cannot be encoded"));
    awaitQueued(1);
    gate.open();
    assertThat(callers.get(0).reply(), is("call 0"));
    assertThat(server.flushSizes(), contains(1, 1));
  }

  @Test
  void aReadThatTimesOutFailsThoseOfItsFlushWithoutAReply() throws Exception {
    List<CommandObject<String>> commands = new ArrayList<>(echoes(70));
    server.rule = command -> command.contains("call 2") ? Fate.SILENT : Fate.ANSWERED;
    List<Caller<String>> callers = queueBehindOne(commands);
    gate.open();
    for (int i = 0; i < 70; i++) {
      if (i < 2 || i >= 64) {
        assertThat(callers.get(i).reply(), is("call " + i));
      } else {
        Throwable failure = callers.get(i).failure();
        assertThat(failure, is(instanceOf(JedisConnectionException.class)));
        assertThat(failure.getCause(), is(instanceOf(SocketTimeoutException.class)));
        assertThat(Failures.mayHaveRun((JedisException) failure), is(true));
      }
    }
    assertThat(server.flushSizes(), contains(1, 64, 6));
    assertThat(server.discarded(), is(1));
  }

  @Test
  void whatIsLostWithItsConnectionIsUnknownAndNeverSentAgain() throws Exception {
    server.rule = command -> command.contains("b") ? Fate.LOST_AFTER : Fate.ANSWERED;
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a"), incr("b"), incr("c")));
    gate.open();
    assertThat(callers.get(0).reply(), is(1L));
    for (Caller<Long> lost : callers.subList(1, 3)) {
      assertThat(Failures.mayHaveRun((JedisException) lost.failure()), is(true));
    }
    assertThat(
        List.of(server.executed("a"), server.executed("b"), server.executed("c")),
        contains(1, 1, 0));
    assertThat(server.discarded(), is(1));
  }

  @Test
  void withoutAConnectionAllWhoWaitHearThatNothingWasSent() throws Exception {
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a"), incr("b"), incr("c")));
    server.beforeBorrowing =
        () -> {
          throw new JedisException("closed", new IllegalStateException("Pool not open"));
        };
    gate.open();
    for (Caller<Long> caller : callers) {
      assertThat(Failures.mayHaveRun((JedisException) caller.failure()), is(false));
    }
    assertThat(server.flushSizes(), contains(1));
  }

  @Test
  void anExhaustedPoolFailsOnlyWhoWaitedForIt() throws Exception {
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a"), incr("b")));
    failOnce(new JedisException("none", new java.util.NoSuchElementException()));
    gate.open();
    assertThat(Failures.isExhausted((JedisException) callers.get(0).failure()), is(true));
    assertThat(callers.get(1).reply(), is(1L));
  }

  private void failOnce(JedisException failure) {
    AtomicInteger times = new AtomicInteger();
    server.beforeBorrowing =
        () -> {
          if (times.getAndIncrement() == 0) {
            throw failure;
          }
        };
  }

  @Test
  void anInterruptWhileItBorrowsEndsOnlyTheLeadersCall() throws Exception {
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a"), incr("b")));
    failOnce(ScriptedServer.interrupted());
    gate.open();
    assertThat(Failures.isInterrupt((JedisException) callers.get(0).failure()), is(true));
    assertThat(callers.get(1).reply(), is(1L));
    assertThat(server.executed("a"), is(0));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void anInterruptInTheQueueEndsNothingAndIsKept(int position) throws Exception {
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a"), incr("b")));
    callers.get(position).thread.interrupt();
    gate.open();
    assertThat(callers.get(0).reply(), is(1L));
    assertThat(callers.get(1).reply(), is(1L));
    assertThat(callers.get(position).interrupted.get(30, TimeUnit.SECONDS), is(true));
    assertThat(callers.get(1 - position).interrupted.get(30, TimeUnit.SECONDS), is(false));
  }

  @Test
  void anErrorWhileALeaderReadsLeavesNobodyWaiting() throws Exception {
    server.rule = command -> command.contains("a") ? Fate.TOO_LARGE : Fate.ANSWERED;
    List<CommandObject<Long>> commands = new ArrayList<>();
    commands.add(incr("a"));
    IntStream.range(0, 65).forEach(i -> commands.add(incr("k" + i)));
    List<Caller<Long>> callers = queueBehindOne(commands);
    gate.open();
    assertThat(callers.get(0).failure(), is(instanceOf(OutOfMemoryError.class)));
    for (int i = 1; i < 64; i++) {
      JedisException failure = (JedisException) callers.get(i).failure();
      assertThat(failure, is(instanceOf(JedisConnectionException.class)));
      assertThat(Failures.mayHaveRun(failure), is(true));
    }
    assertThat(callers.get(64).reply(), is(1L));
    assertThat(callers.get(65).reply(), is(1L));
  }

  /** As while the stack is nearly full: there, nothing can be said of what was thrown. */
  @Test
  void anErrorThatCannotBeToldLeavesNobodyWaiting() throws Exception {
    AtomicBoolean full = new AtomicBoolean(true);
    Error untold =
        new Error() {
          private static final long serialVersionUID = 1;

          @Override
          public String getMessage() {
            if (full.get()) {
              throw new StackOverflowError();
            }
            return "untold";
          }
        };
    server.onTooLarge = () -> untold;
    server.rule = command -> command.contains("a") ? Fate.TOO_LARGE : Fate.ANSWERED;
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a"), incr("b"), incr("c")));
    gate.open();
    for (Caller<Long> caller : callers) {
      assertThat(caller.interrupted.get(30, TimeUnit.SECONDS), is(false));
    }
    full.set(false);
    assertThat(callers.get(0).failure(), is(sameInstance(untold)));
    for (Caller<Long> follower : callers.subList(1, 3)) {
      JedisException failure = (JedisException) follower.failure();
      assertThat(failure, is(instanceOf(JedisConnectionException.class)));
      assertThat(Failures.mayHaveRun(failure), is(true));
    }
    assertThat(server.discarded(), is(1));
  }

  @Test
  void anErrorWhileALeaderBorrowsIsItsOwn() throws Exception {
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a"), incr("b")));
    AtomicInteger times = new AtomicInteger();
    server.beforeBorrowing =
        () -> {
          if (times.getAndIncrement() == 0) {
            throw new StackOverflowError();
          }
        };
    gate.open();
    assertThat(callers.get(0).failure(), is(instanceOf(StackOverflowError.class)));
    assertThat(callers.get(1).reply(), is(1L));
  }

  @Test
  void whoWaitsAsLongAsThePoolAllowsLeavesTheQueue() throws Exception {
    server.maxWait = Optional.of(Duration.ofMillis(20));
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a")));
    JedisException failure = (JedisException) callers.get(0).failure();
    assertThat(Failures.isExhausted(failure), is(true));
    assertThat(Failures.mayHaveRun(failure), is(false));
    assertThat(lanes.queued(), is(0));
    gate.open();
    assertThat(holder.reply(), is("holder"));
    assertThat(server.executed("a"), is(0));
  }

  /** Or it would be given a lane that it never leaves. */
  @Test
  void whoeverFailsBeforeItWaitsDoesNotStandInTheQueue() throws Exception {
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a")));
    server.beforeMaxWait =
        () -> {
          throw new OutOfMemoryError("no room for a bound");
        };
    assertThat(new Caller<>(incr("b")).failure(), is(instanceOf(OutOfMemoryError.class)));
    assertThat(lanes.queued(), is(1));
    gate.open();
    assertThat(callers.get(0).reply(), is(1L));
    assertThat(holder.reply(), is("holder"));
  }

  @Test
  void aWaitTooLongToBeCountedIsNone() throws Exception {
    server.maxWait = Optional.of(Duration.ofSeconds(Long.MAX_VALUE));
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a")));
    gate.open();
    assertThat(callers.get(0).reply(), is(1L));
  }

  @Test
  void aReadOnlyAnswerEndsTheConnection() throws Exception {
    server.errorText = "-READONLY You can't write against a read only replica.\r\n";
    server.rule = command -> command.contains("a") ? Fate.ERROR : Fate.ANSWERED;
    List<Caller<Long>> callers = queueBehindOne(List.of(incr("a"), incr("b")));
    gate.open();
    assertThat(callers.get(0).failure(), is(instanceOf(JedisDataException.class)));
    assertThat(callers.get(1).reply(), is(1L));
    assertThat(server.discarded(), is(1));
  }

  @Test
  void whatMustNotShareGoesBesideTheLane() throws Exception {
    List<Caller<String>> callers = queueBehindOne(echoes(2));
    server.beforeReplies = () -> {};
    CommandObject<String> alone =
        new CommandObject<>(
            new CommandArguments(Command.ECHO).add("now").blocking(), BuilderFactory.STRING);
    assertThat(lanes.executeCommand(alone), is("now"));
    gate.open();
    assertThat(callers.get(1).reply(), is("call 1"));
    assertThat(server.flushSizes(), contains(1, 1, 2));
  }

  /** As a user may send them: with Jedis's mark of a blocking command and without. */
  @ParameterizedTest
  @CsvSource({
    "BLPOP, true",
    "BLPOP, false",
    "BRPOP, false",
    "BLMOVE, false",
    "BZPOPMIN, false",
    "XREAD, true",
    "XREAD, false",
    "XREADGROUP, false",
    "WAIT, false",
    "WAITAOF, false",
    "MULTI, false",
    "EXEC, false",
    "WATCH, false",
    "SELECT, false",
    "AUTH, false",
    "HELLO, false",
    "CLIENT, false",
    "SUBSCRIBE, false",
    "PSUBSCRIBE, false",
    "SSUBSCRIBE, false",
    "RESET, false"
  })
  void whatWaitsOrChangesItsConnectionGoesBesideTheLane(Command name, boolean saysSo)
      throws Exception {
    List<Caller<String>> callers = queueBehindOne(echoes(2));
    server.beforeReplies = () -> {};
    CommandArguments arguments = new CommandArguments(name).add("1");
    if (saysSo) {
      arguments.blocking();
    }
    assertThat(
        lanes.executeCommand(new CommandObject<>(arguments, BuilderFactory.STRING)), is("1"));
    gate.open();
    assertThat(callers.get(1).reply(), is("call 1"));
    assertThat(server.flushSizes(), contains(1, 1, 2));
  }

  /** What a caller of counters saw. */
  private record History(int acknowledged, int unknown, int notSent, List<Long> replies) {}

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void histories(int count) throws Exception {
    Lanes several = new Lanes(server, count, noCarriers);
    Random faults = new Random(30);
    server.rule =
        command -> {
          int dice = faults.nextInt(100); // under the server's lock
          return dice >= 6 ? Fate.ANSWERED : List.of(Fate.values()).get(dice);
        };
    AtomicInteger borrowings = new AtomicInteger();
    server.beforeBorrowing =
        () -> {
          if (borrowings.incrementAndGet() % 50 == 0) {
            throw new JedisException("closed", new IllegalStateException());
          }
        };
    List<CompletableFuture<History>> all = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      String key = "counter " + i;
      CompletableFuture<History> future = new CompletableFuture<>();
      all.add(future);
      Thread thread = new Thread(() -> complete(future, several, key));
      threads.add(thread);
      thread.start();
    }
    for (int i = 0; i < 3_000; i++) {
      threads.get(i % threads.size()).interrupt();
      LockSupport.parkNanos(50_000);
    }
    for (int i = 0; i < all.size(); i++) {
      History history = all.get(i).get(50, TimeUnit.SECONDS);
      int executed = server.executed("counter " + i);
      assertThat(executed, is(greaterThanOrEqualTo(history.acknowledged())));
      assertThat(executed, is(lessThanOrEqualTo(history.acknowledged() + history.unknown())));
      List<Long> sorted = history.replies().stream().distinct().sorted().toList();
      assertThat("a reply of somebody else, or twice the same", history.replies(), is(sorted));
      assertThat(history.replies(), everyItem(lessThanOrEqualTo((long) executed)));
    }
    assertThat(server.borrowedAtMost(), is(lessThanOrEqualTo(count)));
    assertThat(several.freeLanes(), is(count));
    assertThat(server.flushSizes(), everyItem(greaterThan(0)));
  }

  private static void complete(CompletableFuture<History> future, Lanes lanes, String key) {
    try {
      List<Long> replies = new ArrayList<>();
      int unknown = 0;
      int notSent = 0;
      for (int i = 0; i < 200; i++) {
        try {
          replies.add(lanes.executeCommand(incr(key)));
        } catch (JedisException e) {
          if (Failures.mayHaveRun(e)) {
            unknown++;
          } else {
            notSent++; // or answered with an error, which here comes instead of an execution
          }
        } catch (OutOfMemoryError e) {
          unknown++;
        }
      }
      future.complete(new History(replies.size(), unknown, notSent, replies));
    } catch (Throwable e) {
      future.completeExceptionally(e);
    }
  }
}
