package io.github.redistoolkit.coalescing;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.args.Rawable;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The command of one caller that has to wait for a lane: encoded, so that nothing of it can fail
 * once it stands between others, and later its outcome.
 *
 * <p>{@code QUEUED → LEADING → SETTLED} for the caller that is given the lane, {@code QUEUED →
 * SETTLED} for one whose command somebody else carries. A call that is still in the queue can be
 * withdrawn from it.
 */
final class Call {

  enum State {
    /** In the queue, or carried by another thread. */
    QUEUED,
    /** The lane is the caller's, who has to take it on. */
    LEADING,
    /** There is an outcome. */
    SETTLED
  }

  private final Thread caller = Thread.currentThread();
  private final boolean virtual = VirtualThreads.isVirtual(caller);
  private final CommandArguments arguments;
  private final int bytes;

  /** Whose command is in the same flush behind this one; of the thread that carries both. */
  private @Nullable Call next;

  private volatile State state = State.QUEUED;
  private @Nullable Object reply;
  private @Nullable Throwable failure;

  private Call(CommandArguments arguments, int bytes) {
    this.arguments = arguments;
    this.bytes = bytes;
  }

  /**
   * Encodes a command for the current thread.
   *
   * @throws RuntimeException whatever an argument throws that cannot be encoded
   */
  static Call of(CommandArguments command) {
    byte[] name = command.getCommand().getRaw();
    CommandArguments encoded = new CommandArguments(() -> name);
    int bytes = name.length;
    boolean isName = true;
    for (Rawable argument : command) {
      if (!isName) {
        byte[] raw = argument.getRaw();
        bytes += raw.length;
        encoded = encoded.add(raw);
      }
      isName = false;
    }
    return new Call(encoded, bytes);
  }

  CommandArguments arguments() {
    return arguments;
  }

  int bytes() {
    return bytes;
  }

  /** Whether an interrupt of the caller closes the socket that it reads from. */
  boolean isVirtual() {
    return virtual;
  }

  boolean isOfCurrentThread() {
    return caller == Thread.currentThread();
  }

  @Nullable Call next() {
    return next;
  }

  void setNext(Call behind) {
    next = behind;
  }

  State state() {
    return state;
  }

  void lead() {
    state = State.LEADING;
    LockSupport.unpark(caller);
  }

  /** Settles it. The caller does not hear of it before it is woken. */
  void answer(@Nullable Object answered) {
    reply = answered;
    state = State.SETTLED;
  }

  /** Settles it, unless it has an outcome. */
  void fail(Throwable cause) {
    if (state != State.SETTLED) {
      failure = cause;
      state = State.SETTLED;
    }
  }

  void wake() {
    if (!isOfCurrentThread()) {
      LockSupport.unpark(caller);
    }
  }

  /** Returns the reply, or throws what took its place. Called once it is settled. */
  @Nullable Object outcome() {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure instanceof RuntimeException exception) {
      throw forThisCaller(exception);
    }
    if (reply instanceof RuntimeException error) { // an error that the server answered
      throw error;
    }
    return reply;
  }

  /**
   * The same failure with a stack trace of its own, which callers that share it may add to: as the
   * same kind, and with the same cause, by which it is told whether the command may have run.
   */
  private static RuntimeException forThisCaller(RuntimeException failure) {
    Throwable cause = failure.getCause() == null ? failure : failure.getCause();
    if (failure.getClass() == JedisConnectionException.class) {
      return new JedisConnectionException(failure.getMessage(), cause);
    }
    return failure.getClass() == JedisException.class
        ? new JedisException(failure.getMessage(), cause)
        : failure;
  }
}
