package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.exceptions.JedisConnectionException;

class SlotLearnerTest {

  private final Deque<Runnable> background = new ArrayDeque<>();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AtomicInteger asked = new AtomicInteger();
  private final RecordedLog recorded = new RecordedLog();

  @Test
  void asksOnceAtATimeAndAgainAfterwards() {
    SlotLearner learner = learner(background::add, asked::incrementAndGet);
    learner.learnSoon();
    learner.learnSoon();
    assertThat(background, hasSize(1));
    background.remove().run();
    learner.learnSoon();
    background.remove().run();
    assertThat(asked.get(), is(2));
    assertThat(recorded.lines, is(empty()));
  }

  @Test
  void asksNothingForAClientThatIsClosed() {
    SlotLearner learner = learner(background::add, asked::incrementAndGet);
    closed.set(true);
    learner.learnSoon();
    assertThat(background, is(empty()));
  }

  @Test
  void asksNothingForAClientThatWasClosedBeforeItsTurnCame() {
    SlotLearner learner = learner(background::add, asked::incrementAndGet);
    learner.learnSoon();
    closed.set(true);
    background.remove().run();
    assertThat(asked.get(), is(0));
  }

  @ParameterizedTest
  @ValueSource(classes = {IllegalStateException.class, InternalError.class})
  void whatIsThrownIsLoggedAndNotThrownAtTheThreadThatAsks(Class<? extends Throwable> kind)
      throws Exception {
    Throwable failure = kind.getConstructor(String.class).newInstance("on purpose");
    SlotLearner learner = learner(background::add, () -> sneak(failure));
    learner.learnSoon();
    background.remove().run();
    assertThat(recorded.lines, contains(containsString(kind.getName() + ": on purpose")));
    learner.learnSoon();
    assertThat(background, hasSize(1));
  }

  @Test
  void aNodeThatDoesNotAnswerIsLoggedToo() {
    SlotLearner learner =
        learner(
            background::add,
            () -> {
              throw new JedisConnectionException("on purpose");
            });
    learner.learnSoon();
    background.remove().run();
    assertThat(recorded.lines, contains(containsString("No node says who has which slots")));
  }

  /** The batch has its outcomes by then, and they must reach the one who ran it. */
  @Test
  void whereNoThreadCanBeHadThatIsLoggedAndTriedAgainNextTime() {
    AtomicBoolean exhausted = new AtomicBoolean(true);
    SlotLearner learner =
        learner(
            task -> {
              if (exhausted.get()) {
                throw new InternalError("no thread, as intended");
              }
              background.add(task);
            },
            asked::incrementAndGet);
    learner.learnSoon();
    assertThat(recorded.lines, contains(containsString("no thread, as intended")));
    exhausted.set(false);
    learner.learnSoon();
    background.remove().run();
    assertThat(asked.get(), is(1));
  }

  private SlotLearner learner(Executor executor, Runnable learn) {
    return new SlotLearner(executor, closed::get, learn, recorded.log);
  }

  private static void sneak(Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    throw (RuntimeException) failure;
  }
}
