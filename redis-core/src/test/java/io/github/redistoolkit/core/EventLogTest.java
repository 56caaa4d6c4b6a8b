package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;

import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisConnectionException;

class EventLogTest {

  private final RecordedLog recorded = new RecordedLog();
  private final EventLog log = recorded.log;

  @Test
  void aFloodIsOneLineAndThenACount() {
    for (int i = 0; i < 20_000; i++) {
      log.warn("Cannot read {} bytes from {}", 3, "channel-" + i);
    }
    assertThat(recorded.lines, contains("Cannot read 3 bytes from channel-0"));
    recorded.pass(10);
    log.warn("Cannot read {} bytes from {}", 4, "late");
    assertThat(
        recorded.lines.get(1),
        is("Cannot read 4 bytes from late (19999 more since this was last logged)"));
  }

  @Test
  void whatContinuesIsLoggedLessAndLessOftenButAtLeastEveryFiveMinutes() {
    for (int second = 0; second < 3600; second++) {
      log.warn("again");
      recorded.pass(1);
    }
    // After 10, 20, 40, 80, 160 s, and then every 300.
    assertThat(recorded.lines.size(), is(1 + 5 + (3600 - 310 - 1) / 300));
    recorded.pass(600);
    log.warn("again");
    int before = recorded.lines.size();
    recorded.pass(11);
    log.warn("again");
    assertThat("as often as at first after it was quiet", recorded.lines, hasSize(before + 1));
  }

  @Test
  void tellsOfWhatWasHeldBackAfterItHasEnded() {
    for (int i = 0; i < 5; i++) {
      log.warn("Lost {}", i);
    }
    log.tick();
    assertThat(recorded.lines, contains("Lost 0"));
    recorded.pass(10);
    log.tick();
    recorded.pass(100);
    log.tick();
    assertThat(recorded.lines, contains("Lost 0", "4 more: Lost …"));
  }

  @Test
  void tellsOfWhatWasHeldBackAlongWithTheNextEventOfWhateverKind() {
    for (int i = 0; i < 5; i++) {
      log.warn("Lost {}", i);
    }
    recorded.pass(11);
    log.warn("Another");
    recorded.pass(11);
    log.warn("Another");
    assertThat(recorded.lines, contains("Lost 0", "Another", "4 more: Lost …", "Another"));
  }

  @Test
  void aCauseThatChangesShowsAtOnce() {
    JedisConnectionException refused = new JedisConnectionException("refused");
    JedisConnectionException wrongPassword =
        new JedisConnectionException(
            "handshake", new JedisAccessControlException("WRONGPASS invalid username"));
    for (int i = 0; i < 10; i++) {
      log.warn(refused, "Cannot connect");
    }
    for (int i = 0; i < 10; i++) {
      log.warn(wrongPassword, "Cannot connect");
    }
    assertThat(recorded.lines, hasSize(2));
    assertThat(recorded.lines.get(0), containsString("refused"));
    assertThat(recorded.lines.get(1), containsString("WRONGPASS invalid username"));
    assertThat("a failure of Redis needs no stack trace", recorded.traces, is(empty()));
  }

  @Test
  void namesAndMessagesCannotForgeALineNorBeLongerThanIsRead() {
    log.warn(
        new IllegalStateException("quoted\n2026-01-01 ERROR forged", new Error("\u001B[2J")),
        "Failed on {} of {}",
        "a\r\nb\u2028c\u202Ed\\e\uD800f",
        "x".repeat(100_000));
    assertThat(recorded.lines, hasSize(1));
    String line = recorded.lines.get(0);
    assertThat(line, containsString("a\\u000D\\u000Ab\\u2028c\\u202Ed\\u005Ce\\uD800f"));
    assertThat(line, containsString("… (100000 characters)"));
    assertThat(line, containsString("quoted\\u000A2026-01-01 ERROR forged"));
    assertThat(line.length(), is(lessThan(1000)));
    String trace = trace();
    assertThat(trace, not(containsString("\n2026-01-01")));
    assertThat(trace, not(containsString("\u001B")));
    assertThat(trace, containsString("EventLogTest.namesAndMessages"));
  }

  private String trace() {
    java.io.StringWriter text = new java.io.StringWriter();
    recorded.traces.get(0).printStackTrace(new java.io.PrintWriter(text));
    return text.toString();
  }

  @Test
  void ordinaryNamesStayAsTheyAre() {
    for (String name : new String[] {"", "events:user", "größe/日本/😀", "x".repeat(200)}) {
      assertThat(EventLog.escape(name), is(name));
    }
  }

  @Test
  void neverThrows() {
    recorded.failing = true;
    log.warn("a");
    log.warn(new IllegalStateException("b"), "c {}", "d");
    recorded.pass(20);
    log.warn("a");
    log.debug(new IllegalStateException("b"), "c {}", "d");
    recorded.failing = false;
    Object detail =
        new Object() {
          @Override
          public String toString() {
            throw new IllegalStateException("on purpose");
          }
        };
    log.warn("e {}", detail);
    log.warn(
        new IllegalStateException() {
          private static final long serialVersionUID = 1;

          @Override
          public String getMessage() {
            throw new StackOverflowError("on purpose");
          }
        },
        "f");
    assertThat(recorded.lines, hasSize(1));
    assertThat(recorded.lines.get(0), containsString("f: "));
  }

  @Test
  void aKindHasNoTextThatOthersChose() {
    Throwable failure =
        new JedisConnectionException(
            "secret", new JedisAccessControlException("NOPERM secret channel"));
    String kind = EventLog.kind(failure);
    assertThat(
        kind,
        is(
            JedisConnectionException.class.getName()
                + " <- "
                + JedisAccessControlException.class.getName()
                + " NOPERM"));
  }
}
