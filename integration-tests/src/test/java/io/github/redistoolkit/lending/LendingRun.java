package io.github.redistoolkit.lending;

import com.google.gson.Gson;
import io.github.redistoolkit.lending.LendingDatabase.Payment;
import io.github.redistoolkit.lending.LoanEvent.Kind;
import io.github.redistoolkit.lending.Report.Expectation;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;

/**
 * Many concurrent clients of four branches of the lending service, and the figures that must come
 * out of it whatever the order in which they run. Each is computed from what the clients were
 * answered, what is in the database and what the branches have heard.
 */
final class LendingRun implements AutoCloseable {

  private static final int BRANCHES = 4;
  private static final int THREADS = 16;
  private static final int USERS = 20;
  private static final int LOANS_EACH = 5;
  private static final int CALLERS_OF_ONE_REQUEST = 3;
  private static final int GREEDY_REQUESTS = 100;
  private static final int READS_EACH = 30;
  private static final int RENAMES_EACH = 3;
  private static final String GREEDY = "user-greedy";
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final long FUND_CENTS = 1_000_000_00;
  private static final long LOAN_CENTS = 1_234_56;

  private final Report report = new Report();
  private final LendingDatabase database = new LendingDatabase(FUND_CENTS);
  private final Figures figures = new Figures();
  private final ExecutorService callers = Executors.newFixedThreadPool(THREADS);
  private final Queue<Exchange> exchanges = new ConcurrentLinkedQueue<>();
  private final LendingClient client = new LendingClient(exchanges::add);
  private final List<Branch> branches;
  private final List<Trickle> trickles = new ArrayList<>();

  /** A run on branches that are opened as told, with these names in Redis. */
  LendingRun(Function<HeadOffice, Branch> open, String names) {
    HeadOffice office = new HeadOffice(database, figures, names);
    branches = IntStream.range(0, BRANCHES).mapToObj(i -> open.apply(office)).toList();
    users().forEach(id -> database.insertUser(new User(id, id + "@example.com", name(0))));
    database.insertUser(new User(GREEDY, "greedy@example.com", "greedy"));
  }

  /** Goes through all concerns once. */
  Report run() throws InterruptedException {
    Report unused = grantEachRequestOnce();
    limitTheGreedyUser();
    readAndRenameUsers();
    payEachLoanOnce();
    refuseAPausedHolder();
    hearOfEverything();
    countEverything();
    return report;
  }

  /** Where the figures are shown while it runs. */
  URI page() {
    return branches.get(0).uri("/");
  }

  /** Goes on with a few requests a second until this is closed. Nobody adds them up. */
  void goOn() {
    trickles.add(new Trickle(branches, users(), GREEDY));
  }

  private static List<String> users() {
    return IntStream.range(0, USERS).mapToObj(i -> "user-" + i).toList();
  }

  @Override
  public void close() {
    trickles.forEach(Trickle::close);
    callers.shutdownNow();
    branches.forEach(Branch::close);
    database.close();
  }

  /** The first part of the run, and what is reported until then. */
  Report grantEachRequestOnce() throws InterruptedException {
    int requests = USERS * LOANS_EACH;
    List<Callable<Exchange>> calls = new ArrayList<>();
    for (int request = 0; request < requests; request++) {
      String key = "request-" + request;
      String user = "user-" + request % USERS;
      for (int caller = 0; caller < CALLERS_OF_ONE_REQUEST; caller++) {
        Branch branch = branches.get(caller % BRANCHES);
        calls.add(() -> client.applyUntilAnswered(branch, user, key, LOAN_CENTS));
      }
    }
    // So that most come when the first is answered, and some while it is at work.
    Collections.shuffle(calls, new Random(1));
    List<Exchange> answers = together(calls);
    long other =
        together(
                IntStream.range(0, USERS)
                    .<Callable<Exchange>>mapToObj(
                        user ->
                            () ->
                                client.applyUntilAnswered(
                                    branches.get(user % BRANCHES),
                                    "user-" + user,
                                    "request-" + user,
                                    2 * LOAN_CENTS))
                    .toList())
            .stream()
            .filter(answer -> answer.is(422))
            .count();
    long granted = database.loans().size();
    long answered = answers.stream().filter(answer -> answer.is(201)).count();
    report.add(
        "idempotency",
        "%,d calls for %,d requests: %,d loans granted, %,d duplicates answered with the first response, %,d told to come again"
            .formatted(
                calls.size(),
                requests,
                granted,
                answered - granted,
                count(exchange -> exchange.isApplication() && exchange.is(409))),
        new Expectation("calls that were answered with a loan", answered, calls.size()),
        new Expectation("loans granted", granted, requests),
        new Expectation(
            "different answers",
            answers.stream().map(answer -> answer.key() + answer.body()).distinct().count(),
            requests),
        new Expectation(
            "loans that were answered and are there",
            answers.stream()
                .map(answer -> new Gson().fromJson(answer.body(), Loan.class))
                .distinct()
                .filter(Set.copyOf(database.loans())::contains)
                .count(),
            requests));
    report.add(
        "",
        "%,d calls with another amount under a key that was used: %,d refused"
            .formatted(USERS, other),
        new Expectation("refused calls", other, USERS));
    return report;
  }

  private void limitTheGreedyUser() throws InterruptedException {
    List<Exchange> answers =
        together(
            IntStream.range(0, GREEDY_REQUESTS)
                .<Callable<Exchange>>mapToObj(
                    request ->
                        () ->
                            client.apply(
                                branches.get(request % BRANCHES),
                                GREEDY,
                                "greedy-" + request,
                                LOAN_CENTS))
                .toList());
    List<Exchange> allowed = answers.stream().filter(answer -> answer.is(201)).toList();
    List<Exchange> limited = answers.stream().filter(answer -> answer.is(429)).toList();
    report.add(
        "rate limit",
        "%,d requests of one user at %d a minute: %,d allowed, %,d limited, each told what is left"
            .formatted(
                answers.size(), Branch.APPLICATIONS_A_MINUTE, allowed.size(), limited.size()),
        new Expectation("allowed requests", allowed.size(), Branch.APPLICATIONS_A_MINUTE),
        new Expectation(
            "limited requests", limited.size(), GREEDY_REQUESTS - Branch.APPLICATIONS_A_MINUTE),
        new Expectation(
            "loans of that user",
            database.loans().stream().filter(loan -> loan.userId().equals(GREEDY)).count(),
            allowed.size()),
        new Expectation(
            "different numbers of requests left",
            allowed.stream()
                .map(Exchange::remaining)
                .filter(OptionalInt::isPresent)
                .distinct()
                .count(),
            Branch.APPLICATIONS_A_MINUTE),
        new Expectation(
            "limited requests told to come again within a minute",
            limited.stream()
                .flatMapToInt(answer -> answer.retryAfter().stream())
                .filter(seconds -> seconds >= 1 && seconds <= 60)
                .count(),
            limited.size()));
  }

  private void readAndRenameUsers() throws InterruptedException {
    long readsBefore = database.userReads();
    List<Callable<List<Exchange>>> calls = new ArrayList<>();
    for (int user = 0; user < USERS; user++) {
      String id = "user-" + user;
      for (int round = 0; round < READS_EACH; round++) {
        Branch branch = branches.get((round + user) % BRANCHES);
        calls.add(() -> List.of(client.read(branch, id)));
      }
      int first = user;
      calls.add(() -> renames(id, first));
    }
    Collections.shuffle(calls, new Random(1));
    List<Exchange> answers = new ArrayList<>();
    together(calls).forEach(answers::addAll);
    List<Callable<Exchange>> afterwards = new ArrayList<>();
    for (String user : users()) {
      for (Branch branch : branches) {
        afterwards.add(() -> client.read(branch, user));
      }
    }
    answers.addAll(together(afterwards));
    List<Exchange> reads =
        answers.stream().filter(answer -> answer.method().equals("GET")).toList();
    long fromDatabase = database.userReads() - readsBefore;
    report.add(
        "cache",
        "%,d reads of %d users, each renamed %d times meanwhile: %,d from the database, %,d from the cache, %,d stale"
            .formatted(
                reads.size(),
                USERS,
                RENAMES_EACH,
                fromDatabase,
                reads.size() - fromDatabase,
                stale(answers)),
        new Expectation(
            "reads that were answered",
            reads.stream().filter(answer -> answer.is(200)).count(),
            (long) USERS * (READS_EACH + BRANCHES)),
        new Expectation(
            "renames that were answered",
            answers.stream().filter(answer -> answer.is(204)).count(),
            USERS * RENAMES_EACH),
        new Expectation("stale reads", stale(answers), 0));
  }

  /** One after the other, each at another branch. */
  private List<Exchange> renames(String id, int first) throws IOException, InterruptedException {
    List<Exchange> renames = new ArrayList<>();
    for (int version = 1; version <= RENAMES_EACH; version++) {
      Branch branch = branches.get((first + version) % BRANCHES);
      renames.add(client.rename(branch, id, name(version)));
    }
    return renames;
  }

  private static String name(int version) {
    return "name-" + version;
  }

  /** Returns how many reads got a name that had been replaced before they began. */
  private static long stale(List<Exchange> answers) {
    long stale = 0;
    for (List<Exchange> ofOne :
        answers.stream().collect(Collectors.groupingBy(Exchange::user)).values()) {
      List<Exchange> renames = ofOne.stream().filter(e -> e.method().equals("PUT")).toList();
      for (Exchange read : ofOne) {
        if (read.method().equals("GET") && read.is(200)) {
          int version = version(new Gson().fromJson(read.body(), User.class).name());
          stale +=
              renames.stream()
                      .anyMatch(
                          rename -> rename.isBefore(read) && version < version(newName(rename)))
                  ? 1
                  : 0;
        }
      }
    }
    return stale;
  }

  private static String newName(Exchange rename) {
    return new Gson().fromJson(rename.sent(), LendingApi.Name.class).name();
  }

  private static int version(String name) {
    return Integer.parseInt(name.substring(name.indexOf('-') + 1));
  }

  private void payEachLoanOnce() throws InterruptedException {
    List<Loan> loans = database.loans();
    List<Callable<Exchange>> calls = new ArrayList<>();
    for (int i = 0; i < loans.size(); i++) {
      Loan loan = loans.get(i);
      for (int attempt = 0; attempt < 2; attempt++) {
        Branch branch = branches.get((i + attempt) % BRANCHES);
        calls.add(() -> client.pay(branch, loan));
      }
    }
    Collections.shuffle(calls, new Random(1));
    List<Exchange> answers = together(calls);
    long paid = answers.stream().filter(answer -> answer.is(204)).count();
    long refused = answers.stream().filter(answer -> answer.is(409)).count();
    List<Payment> payments = database.payments();
    report.add(
        "lock",
        "%,d payments tried at %d branches: %,d paid, %,d refused as paid already, %,d fencing tokens"
            .formatted(calls.size(), BRANCHES, paid, refused, tokens(payments)),
        new Expectation("payments", paid, loans.size()),
        new Expectation("refused payments", refused, calls.size() - loans.size()),
        new Expectation(
            "loans that were paid",
            payments.stream().map(Payment::loanId).distinct().count(),
            loans.size()),
        new Expectation("payments written down", payments.size(), loans.size()),
        new Expectation("different tokens", tokens(payments), loans.size()),
        new Expectation("payments that overlap another", overlapping(payments), 0),
        new Expectation(
            "cents left in the fund",
            database.fundCents(),
            FUND_CENTS - loans.stream().mapToLong(Loan::amountCents).sum()));
  }

  private static long tokens(List<Payment> payments) {
    return payments.stream().map(Payment::token).distinct().count();
  }

  /** Returns how many do not go on from where the one of the next lesser token ended. */
  private static long overlapping(List<Payment> payments) {
    long overlapping = 0;
    long left = FUND_CENTS;
    for (Payment payment : payments) {
      overlapping += payment.beforeCents() == left ? 0 : 1;
      left = payment.afterCents();
    }
    return overlapping;
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
      database.pay(loan, balance, next.token());
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

  /** All but the loan of the paused holder, of which nobody was told. */
  private void hearOfEverything() {
    Set<LoanEvent> happened =
        Stream.concat(
                database.loans().stream().map(loan -> new LoanEvent(Kind.GRANTED, loan.id())),
                database.payments().stream()
                    .map(payment -> new LoanEvent(Kind.PAID, payment.loanId())))
            .filter(event -> !event.loanId().equals("paused"))
            .collect(Collectors.toSet());
    awaitEqual(() -> (long) branches.size() * happened.size(), this::heard);
    report.add(
        "pub/sub",
        "%,d events published, %,d received by each of %d branches"
            .formatted(happened.size(), branches.get(0).heard().size(), BRANCHES),
        new Expectation("received events", heard(), (long) BRANCHES * happened.size()),
        new Expectation(
            "branches that heard of exactly what happened",
            branches.stream().filter(b -> Set.copyOf(b.heard()).equals(happened)).count(),
            BRANCHES));
  }

  private long heard() {
    return branches.stream().mapToLong(branch -> branch.heard().size()).sum();
  }

  /** The meters of the branches say what their clients have seen. */
  private void countEverything() {
    // A response is counted when it is sent, which is about when its client has it.
    awaitEqual(() -> figures.read().requests(), () -> (long) exchanges.size());
    awaitEqual(() -> figures.read().received(), this::heard);
    Figures.Snapshot read = figures.read();
    long loans = database.loans().size() - 1L;
    long attempts = count(exchange -> exchange.path().endsWith("/disbursement")) + 2;
    report.add(
        "meters",
        "%,d requests, %,d duplicates, %,d limited, %,d hits, %,d times locked after %,d ms of waiting, %,d events"
            .formatted(
                read.requests(),
                read.replayed() + read.inProgress() + read.mismatched(),
                read.limited(),
                read.hits(),
                read.acquired(),
                read.waitedMillis(),
                read.published()),
        new Expectation("requests", read.requests(), exchanges.size()),
        new Expectation("failed requests", read.failed(), 0),
        new Expectation("handled", read.handled(), loans),
        new Expectation("replayed", read.replayed(), count(e -> e.is(201)) - loans),
        new Expectation(
            "in progress", read.inProgress(), count(e -> e.isApplication() && e.is(409))),
        new Expectation("mismatched", read.mismatched(), count(e -> e.is(422))),
        new Expectation("limited", read.limited(), count(e -> e.is(429))),
        new Expectation("acquired", read.acquired(), attempts),
        new Expectation("attempts that failed", read.lockErrors(), 0),
        new Expectation("leases that were lost", read.lost(), 1),
        new Expectation("published", read.published(), 2 * loans),
        new Expectation("received", read.received(), heard()),
        new Expectation("dropped", read.dropped(), 0));
  }

  private long count(Predicate<Exchange> which) {
    return exchanges.stream().filter(which).count();
  }

  private static void awaitEqual(Callable<Long> one, Callable<Long> other) {
    try {
      Awaitility.await().atMost(PATIENCE).until(() -> one.call().equals(other.call()));
    } catch (ConditionTimeoutException e) {
      // Then the report shows it.
    }
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
