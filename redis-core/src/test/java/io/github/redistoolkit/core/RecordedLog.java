package io.github.redistoolkit.core;

import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.helpers.FormattingTuple;
import org.slf4j.helpers.MessageFormatter;

/** A logging library that keeps what it is given, or fails, and a clock that is set by hand. */
final class RecordedLog {

  final List<String> lines = new CopyOnWriteArrayList<>();
  final List<Throwable> traces = new CopyOnWriteArrayList<>();
  final AtomicLong nowNanos = new AtomicLong();
  volatile boolean failing;
  final EventLog log;

  RecordedLog() {
    Logger logger =
        (Logger)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Logger.class},
                (proxy, method, arguments) -> {
                  if (failing) {
                    throw new OutOfMemoryError("on purpose");
                  }
                  if (method.getName().startsWith("is")) {
                    return true;
                  }
                  write(arguments);
                  return null;
                });
    this.log = new EventLog(logger, nowNanos::get);
  }

  private void write(Object[] call) {
    Object[] details =
        call[1] instanceof Object[] all ? all : Arrays.copyOfRange(call, 1, call.length);
    FormattingTuple line = MessageFormatter.arrayFormat(String.valueOf(call[0]), details);
    lines.add(line.getMessage());
    if (line.getThrowable() != null) {
      traces.add(line.getThrowable());
    }
  }

  void pass(long seconds) {
    nowNanos.addAndGet(TimeUnit.SECONDS.toNanos(seconds));
  }
}
