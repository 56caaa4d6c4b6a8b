package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.util.ArrayList;
import java.util.List;

/**
 * While the lease of an owner lasts nobody else runs the work of its key. The event {@value #OWNED}
 * is from the begin of the work to its end, or to when the lease may have ended.
 */
record OneOwner() implements Check {

  static final String OWNED = "owned";

  @Override
  public List<Violation> violations(History history, Losses losses) {
    List<Violation> found = new ArrayList<>();
    Events.bySubject(history, OWNED)
        .forEach(
            (key, owners) -> {
              for (int i = 1; i < owners.size(); i++) {
                Event next = owners.get(i);
                owners.subList(0, i).stream()
                    .filter(owner -> owner.receivedNanos() - next.sentNanos() > 0)
                    .filter(owner -> !losses.between(owner.sentNanos(), next.sentNanos()))
                    .map(
                        owner ->
                            new Violation(
                                key,
                                "owned by " + owner.value() + " and " + next.value(),
                                next.sentNanos()))
                    .forEach(found::add);
              }
            });
    return found;
  }
}
