package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Renewable;
import org.jspecify.annotations.Nullable;

/** A lease or hold that is kept alive in the background, or one that is to be removed there. */
final class KeptLease implements Renewable {

  private static final EventLog LOG = EventLog.shared(CacheService.class);

  private final String what;
  private final Request request;
  private final Runnable lost;
  private volatile boolean ended;

  /**
   * Makes one.
   *
   * @param what for the log
   * @param request what renews it, answering 1 if it was still there
   * @param lost called once it is gone or over; takes no time and throws nothing
   */
  KeptLease(String what, Request request, Runnable lost) {
    this.what = what;
    this.request = request;
    this.lost = lost;
  }

  @Override
  public Request request() {
    return request;
  }

  @Override
  public Answer answered(@Nullable Object reply, long asked) {
    if (Long.valueOf(1).equals(reply)) {
      return Answer.RENEWED;
    }
    over();
    return Answer.GONE;
  }

  @Override
  public void failed(RuntimeException why) {
    LOG.warn(why, "{} could not be renewed, and is tried again", what);
  }

  @Override
  public void over() {
    if (!ended) {
      lost.run();
    }
  }

  /** Its owner has ended it, so that it is gone is no loss. */
  void end() {
    ended = true;
  }

  /**
   * What is said once, whatever the answer.
   *
   * @param done called when it was answered
   * @param late called when it has taken too long
   */
  static Renewable once(Request request, Runnable done, Runnable late) {
    return new Renewable() {
      @Override
      public Request request() {
        return request;
      }

      @Override
      public Answer answered(@Nullable Object reply, long asked) {
        done.run();
        return Answer.GONE;
      }

      @Override
      public void failed(RuntimeException why) {
        LOG.warn(why, "A lease or hold that has ended could not be removed yet");
      }

      @Override
      public void over() {
        late.run();
      }
    };
  }
}
