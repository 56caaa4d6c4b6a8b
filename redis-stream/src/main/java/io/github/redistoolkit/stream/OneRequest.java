package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Renewable;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * What is sent until it is answered, or until its time is over. That Redis cannot be reached is
 * told by who reads; what it refuses is logged here.
 *
 * @param reports where that is logged
 * @param supplier what to send, null if that has become needless
 * @param taker takes the reply and when it was asked for; once for each time that it was sent, if
 *     all are answered
 * @param ending what to do if it was not answered in time
 */
record OneRequest(
    Reports reports,
    Supplier<Renewable.@Nullable Request> supplier,
    BiConsumer<@Nullable Object, Long> taker,
    Runnable ending)
    implements Renewable {

  @Override
  public @Nullable Request request() {
    return supplier.get();
  }

  @Override
  public Answer answered(@Nullable Object reply, long asked) {
    taker.accept(reply, asked);
    return Answer.GONE;
  }

  @Override
  public void failed(RuntimeException why) {
    // Sent again as long as there is time.
    if (!(why instanceof JedisException e && Failures.isPassing(e))) {
      reports.log.warn(why, "Redis refuses what a consumer says of its messages; trying again");
    }
  }

  @Override
  public void over() {
    ending.run();
  }
}
