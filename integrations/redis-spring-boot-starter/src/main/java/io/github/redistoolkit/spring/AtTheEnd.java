package io.github.redistoolkit.spring;

import org.springframework.context.ApplicationContext;
import org.springframework.context.ApplicationListener;
import org.springframework.context.SmartLifecycle;
import org.springframework.context.event.ContextClosedEvent;

/**
 * Something that is done when the context is closed, before any bean is destroyed. A context that
 * is only stopped or paused, and may be started again, does not have it done.
 */
abstract class AtTheEnd implements SmartLifecycle, ApplicationListener<ContextClosedEvent> {

  private final ApplicationContext context;
  private final int phase;
  private volatile boolean running;
  private volatile boolean closing;

  /**
   * Says when it is done.
   *
   * @param phase after those that are higher
   */
  AtTheEnd(ApplicationContext context, int phase) {
    this.context = context;
    this.phase = phase;
  }

  /** Does it. */
  abstract void end();

  @Override
  public final void onApplicationEvent(ContextClosedEvent event) {
    // Not that of a child.
    closing |= event.getApplicationContext() == context;
  }

  @Override
  public final void start() {
    running = true;
  }

  @Override
  public final void stop() {
    running = false;
    if (closing) {
      end();
    }
  }

  @Override
  public final boolean isRunning() {
    return running;
  }

  @Override
  public final int getPhase() {
    return phase;
  }
}
