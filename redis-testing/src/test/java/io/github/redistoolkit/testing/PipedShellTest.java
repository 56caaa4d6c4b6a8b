package io.github.redistoolkit.testing;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** On a shell of this machine. */
class PipedShellTest {

  private final PipedShell shell = new PipedShell();
  private Process process;

  @BeforeEach
  void start() throws IOException {
    process = new ProcessBuilder("sh").redirectErrorStream(true).start();
    new Thread(this::read).start();
    new Thread(this::write).start();
  }

  @AfterEach
  void end() throws InterruptedException {
    shell.close();
    process.waitFor(); // it has read its input to the end
  }

  private void write() {
    byte[] bytes = new byte[16]; // a command takes several
    try (OutputStream out = process.getOutputStream()) {
      for (int count = shell.input().read(bytes); count > 0; count = shell.input().read(bytes)) {
        out.write(bytes, 0, count);
        out.flush();
      }
    } catch (IOException e) {
      shell.printed(e.toString().getBytes(UTF_8)); // it was killed
    }
  }

  private void read() {
    byte[] bytes = new byte[4]; // an answer takes several
    try (InputStream in = process.getInputStream()) {
      for (int count = in.read(bytes); count > 0; count = in.read(bytes)) {
        shell.printed(Arrays.copyOf(bytes, count));
      }
    } catch (IOException e) {
      shell.printed(e.toString().getBytes(UTF_8)); // it was killed
    }
    shell.ended();
  }

  @Test
  void returnsExactlyWhatIsPrinted() {
    assertThat(shell.run(List.of("printf", "%s", "no line's end")), is("no line's end"));
    assertThat(shell.run(List.of("echo", "é")), is("é\n"));
    assertThat(shell.run(List.of("true")), is(""));
    assertThat(shell.run(List.of("sh", "-c", "echo error >&2")), is("error\n"));
  }

  @Test
  void noWordMeansAnythingToTheShell() {
    String word = "it's \"$HOME\" `id` \\ * ; exit\n";
    assertThat(shell.run(List.of("printf", "%s", word)), is(word));
  }

  @Test
  void aCommandHasNothingToRead() {
    assertThat(shell.run(List.of("cat")), is(""));
  }

  @Test
  void aFailingCommandIsAnErrorAndNotTheLast() {
    IllegalStateException failure =
        assertThrows(
            IllegalStateException.class, () -> shell.run(List.of("sh", "-c", "echo why; exit 3")));
    assertThat(failure.getMessage(), containsString("why"));
    assertThat(shell.run(List.of("echo", "next")), is("next\n"));
  }

  @Test
  void commandsOfSeveralThreadsFollowEachOther() {
    List<String> numbers = IntStream.range(0, 100).mapToObj(String::valueOf).toList();
    List<String> answers =
        numbers.parallelStream().map(number -> shell.run(List.of("printf", "%s", number))).toList();
    assertThat(answers, is(numbers));
  }

  @Test
  void anEndedShellIsAnErrorForEveryCommand() throws InterruptedException {
    process.destroyForcibly().waitFor();
    for (int i = 0; i < 2; i++) {
      IllegalStateException failure =
          assertThrows(IllegalStateException.class, () -> shell.run(List.of("true")));
      assertThat(failure.getMessage(), containsString("no answer"));
    }
  }
}
