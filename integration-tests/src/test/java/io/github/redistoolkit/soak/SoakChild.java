package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;

/** Another JVM that takes part in a round until it is told to stop, or is killed. */
final class SoakChild {

  static final String STOP = "stop";

  private SoakChild() {}

  public static void main(String[] args) throws Exception {
    Child child = Child.of(args);
    SoakNames names = new SoakNames(args[2]);
    long seed = Long.parseLong(args[3]);
    Recorder recorder = new Recorder(child::send);
    try (TestRedis redis = child.redis()) {
      Access access = Access.to("child " + child.number(), redis);
      DurableActor.Consumer consumer = DurableActor.consume(access, names.topic(), recorder);
      try {
        takePart(child, access, names, seed, recorder);
      } finally {
        consumer.close();
      }
    }
  }

  private static void takePart(
      Child child, Access access, SoakNames names, long seed, Recorder recorder)
      throws InterruptedException {
    child.awaitStart();
    Crowd crowd = new Crowd(recorder);
    Actor lease = new LeaseActor(access, names.leases(), recorder);
    Actor rate = new RateActor(access, names.id(), recorder);
    Actor once = new OnceActor(access, names.requests(), "child-" + child.number(), recorder);
    crowd.start("lease", seed, 20, lease::act);
    crowd.start("rate", seed + 1, 20, rate::act);
    crowd.start("once", seed + 2, 20, once::act);
    String line = child.receive();
    if (!line.equals(STOP)) {
      throw new IllegalStateException("the parent said " + line);
    }
    crowd.stop(Duration.ofSeconds(50));
  }
}
