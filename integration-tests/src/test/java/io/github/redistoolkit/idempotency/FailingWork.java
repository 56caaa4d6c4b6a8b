package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.CanIgnoreReturnValue;

/** Work that throws, whose caller gets just that exception. */
final class FailingWork {

  private FailingWork() {}

  /** Executes work that first does something, and returns what its caller got. */
  @CanIgnoreReturnValue
  static IllegalStateException execute(IdempotencyService service, String key, Runnable before) {
    IllegalStateException failure = new IllegalStateException();
    IllegalStateException thrown =
        assertThrows(
            IllegalStateException.class,
            () ->
                service.execute(
                    key,
                    Integer.class,
                    own -> {
                      before.run();
                      throw failure;
                    }));
    assertThat(thrown, is(sameInstance(failure)));
    return thrown;
  }
}
