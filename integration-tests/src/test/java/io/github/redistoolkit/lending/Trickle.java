package io.github.redistoolkit.lending;

import com.google.gson.Gson;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** A few requests a second of every kind, for whoever looks at the page, until it is closed. */
final class Trickle implements AutoCloseable {

  private static final int THREADS = 4;
  private static final long PAUSE_MILLIS = 400;
  private static final long LOAN_CENTS = 1_00;

  private final ExecutorService callers = Executors.newFixedThreadPool(THREADS);
  private final LendingClient client = new LendingClient(exchange -> {});
  private final List<Branch> branches;
  private final List<String> users;
  private final String greedy;

  /**
   * Starts it.
   *
   * @param greedy who asks more often than the limit allows
   */
  Trickle(List<Branch> branches, List<String> users, String greedy) {
    this.branches = branches;
    this.users = users;
    this.greedy = greedy;
    for (int thread = 0; thread < THREADS; thread++) {
      String keys = "later-" + thread + "-";
      callers.execute(() -> goOn(keys));
    }
  }

  private void goOn(String keys) {
    try {
      for (int turn = 0; ; turn++) {
        takeTurn(keys + turn, turn);
        TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    } catch (IOException e) {
      System.err.println("A branch does not answer: " + e);
    }
  }

  private void takeTurn(String key, int turn) throws IOException, InterruptedException {
    String user = users.get(Math.floorMod(key.hashCode(), users.size()));
    Exchange answer = client.apply(branch(turn), user, key, LOAN_CENTS);
    if (answer.is(201)) {
      client.pay(branch(turn + 1), new Gson().fromJson(answer.body(), Loan.class));
    }
    if (turn % 2 == 0) {
      client.apply(branch(turn + 1), user, key, LOAN_CENTS);
    }
    if (turn % 10 == 0) {
      client.apply(branch(turn), user, key, 2 * LOAN_CENTS);
    }
    client.apply(branch(turn), greedy, key, LOAN_CENTS);
    for (int i = 0; i < 5; i++) {
      client.read(branch(i), users.get((turn + i) % users.size()));
    }
    if (turn % 5 == 0) {
      client.rename(branch(turn), user, "name-" + turn);
    }
  }

  private Branch branch(int turn) {
    return branches.get(turn % branches.size());
  }

  @Override
  public void close() {
    callers.shutdownNow();
  }
}
