package io.github.redistoolkit.lending;

import io.github.redistoolkit.lending.LoanEvent.Kind;
import io.github.redistoolkit.lending.Report.Expectation;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.Subscription;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;

/**
 * Many concurrent callers on four branches of the lending service, and the figures that must come
 * out of it whatever the order in which they run.
 */
final class LendingRun implements AutoCloseable {

  private static final int BRANCHES = 4;
  private static final int THREADS = 16;
  private static final int USERS = 20;
  private static final int LOANS_EACH = 10;
  private static final int CALLERS_OF_ONE_REQUEST = 5;
  private static final int GREEDY_REQUESTS = 200;
  private static final String GREEDY = "user-greedy";
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final long FUND_CENTS = 1_000_000_00;
  private static final long LOAN_CENTS = 1_234_56;

  private final Report report = new Report();
  private final LendingDatabase database = new LendingDatabase(FUND_CENTS);
  private final ExecutorService callers = Executors.newFixedThreadPool(THREADS);
  private final Queue<LoanEvent> heard = new ConcurrentLinkedQueue<>();
  private final List<Branch> branches;
  private final Subscription subscription;

  /** A run on branches that are opened as told, with these names in Redis. */
  LendingRun(Function<LendingDatabase, Branch> open, String names) {
    branches = IntStream.range(0, BRANCHES).mapToObj(i -> open.apply(database)).toList();
    subscription =
        branches
            .get(0)
            .events()
            .subscribe(
                names + LoanEvent.CHANNEL, LoanEvent.class, message -> heard.add(message.body()));
  }

  /** Goes through all concerns once. */
  Report run() throws InterruptedException {
    register();
    grantEachRequestOnce();
    limitTheGreedyUser();
    readAndRenameUsers();
    payEachLoanOnce();
    refuseAPausedHolder();
    hearOfEverything();
    return report;
  }

  @Override
  public void close() {
    callers.shutdownNow();
    subscription.close();
    branches.forEach(Branch::close);
    database.close();
  }

  private void register() {
    UserService users = branches.get(0).users();
    for (int i = 0; i < USERS; i++) {
      users.create(new User("user-" + i, "user-" + i + "@example.com", "before"));
    }
    users.create(new User(GREEDY, "greedy@example.com", "greedy"));
  }

  private void grantEachRequestOnce() throws InterruptedException {
    int requests = USERS * LOANS_EACH;
    List<Callable<String>> calls = new ArrayList<>();
    for (int request = 0; request < requests; request++) {
      String id = "request-" + request;
      String user = "user-" + request % USERS;
      for (int caller = 0; caller < CALLERS_OF_ONE_REQUEST; caller++) {
        LoanService branch = branches.get(caller % BRANCHES).loans();
        calls.add(() -> id + " " + branch.apply(id, user, LOAN_CENTS).id());
      }
    }
    List<String> answers = together(calls);
    long granted = database.loans().size();
    report.add(
        "idempotency",
        "%,d calls for %,d requests: %,d loans granted, %,d duplicates answered with the first result"
            .formatted(calls.size(), requests, granted, calls.size() - granted),
        new Expectation("loans granted", granted, requests),
        new Expectation("different answers", answers.stream().distinct().count(), requests));
  }

  private void limitTheGreedyUser() throws InterruptedException {
    AtomicLong limited = new AtomicLong();
    List<Callable<Void>> calls = new ArrayList<>();
    for (int request = 0; request < GREEDY_REQUESTS; request++) {
      String id = "greedy-" + request;
      LoanService branch = branches.get(request % BRANCHES).loans();
      calls.add(
          () -> {
            try {
              branch.apply(id, GREEDY, LOAN_CENTS);
            } catch (TooManyRequestsException e) {
              limited.incrementAndGet();
            }
            return null;
          });
    }
    together(calls);
    long granted = database.loans().stream().filter(loan -> loan.userId().equals(GREEDY)).count();
    report.add(
        "rate limit",
        "%,d requests of one user at %d a minute: %,d allowed, %,d limited"
            .formatted(calls.size(), Branch.REQUESTS_A_MINUTE, granted, limited.get()),
        new Expectation("allowed requests", granted, Branch.REQUESTS_A_MINUTE),
        new Expectation(
            "limited requests", limited.get(), GREEDY_REQUESTS - Branch.REQUESTS_A_MINUTE));
  }

  private void readAndRenameUsers() throws InterruptedException {
    int rounds = 100;
    long readsBefore = database.userReads();
    AtomicLong stale = new AtomicLong();
    List<Callable<Void>> calls = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      for (int user = 0; user < USERS; user++) {
        String id = "user-" + user;
        UserService reader = branches.get((round + user) % BRANCHES).users();
        boolean renames = round == rounds / 2;
        calls.add(
            () -> {
              if (renames) {
                reader.rename(id, "after");
                stale.addAndGet(reader.get(id).name().equals("after") ? 0 : 1);
              } else {
                reader.get(id);
              }
              return null;
            });
      }
    }
    together(calls);
    for (Branch branch : branches) {
      for (int user = 0; user < USERS; user++) {
        stale.addAndGet(branch.users().get("user-" + user).name().equals("after") ? 0 : 1);
      }
    }
    long reads = calls.size() + (long) BRANCHES * USERS;
    report.add(
        "cache",
        "%,d reads of %d users, each renamed meanwhile: %,d from the database, %,d from the cache, %,d stale"
            .formatted(
                reads,
                USERS,
                database.userReads() - readsBefore,
                reads - (database.userReads() - readsBefore),
                stale.get()),
        new Expectation("stale reads", stale.get(), 0));
  }

  private void payEachLoanOnce() throws InterruptedException {
    List<Loan> loans = database.loans();
    List<Callable<Boolean>> calls = new ArrayList<>();
    for (int i = 0; i < loans.size(); i++) {
      Loan loan = loans.get(i);
      for (int attempt = 0; attempt < 2; attempt++) {
        LoanService branch = branches.get((i + attempt) % BRANCHES).loans();
        calls.add(() -> branch.pay(loan));
      }
    }
    Collections.shuffle(calls);
    long paid = together(calls).stream().filter(wasPaid -> wasPaid).count();
    long tokens = database.paidTokens().stream().distinct().count();
    report.add(
        "lock",
        "%,d payments tried by %d threads of %d branches: %,d paid, %,d refused as paid already, %,d fencing tokens"
            .formatted(calls.size(), THREADS, BRANCHES, paid, calls.size() - paid, tokens),
        new Expectation("payments", paid, loans.size()),
        new Expectation("different tokens", tokens, loans.size()),
        new Expectation(
            "cents left in the fund",
            database.fundCents(),
            FUND_CENTS - loans.size() * LOAN_CENTS));
  }

  /** A holder reads the balance, stalls until its lease has passed, and writes too late. */
  private void refuseAPausedHolder() throws InterruptedException {
    RedisLock fund = branches.get(0).fund();
    Loan loan = new Loan("paused", "user-0", LOAN_CENTS);
    database.insertLoan(loan);
    Lease stalled = fund.acquire(PATIENCE);
    long balance = database.fundCents();
    boolean shortened = stalled.extend(Duration.ofSeconds(2));
    try (Lease next = fund.acquire(PATIENCE)) {
      database.pay(loan, balance - LOAN_CENTS, next.token());
    }
    long refused = 0;
    try {
      database.pay(loan, balance, stalled.token());
    } catch (StaleTokenException e) {
      refused++;
    }
    long released = stalled.release() ? 1 : 0;
    report.add(
        "",
        "1 write of a holder that stalled past its lease: %d refused by its token"
            .formatted(refused),
        new Expectation("shortened leases", shortened ? 1 : 0, 1),
        new Expectation("refused writes", refused, 1),
        new Expectation("releases of a lost lease", released, 0));
  }

  private void hearOfEverything() {
    long expected = 2L * USERS * LOANS_EACH + 2L * Branch.REQUESTS_A_MINUTE;
    Awaitility.await().until(() -> heard.size() >= expected);
    long granted = heard.stream().distinct().filter(e -> e.kind() == Kind.GRANTED).count();
    report.add(
        "pub/sub",
        "%,d events published, %,d received, %,d dropped"
            .formatted(expected, heard.size(), subscription.stats().dropped()),
        new Expectation("received events", heard.size(), expected),
        new Expectation("different grants heard of", granted, expected / 2));
  }

  private <T> List<T> together(List<Callable<T>> calls) throws InterruptedException {
    List<T> results = new ArrayList<>();
    for (Future<T> future : callers.invokeAll(calls)) {
      try {
        results.add(future.get());
      } catch (ExecutionException e) {
        throw new IllegalStateException("a caller failed", e.getCause());
      }
    }
    return results;
  }
}
