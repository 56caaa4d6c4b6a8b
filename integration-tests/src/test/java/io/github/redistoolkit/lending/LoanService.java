package io.github.redistoolkit.lending;

import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.Decision;
import io.github.redistoolkit.ratelimit.RateLimiter;
import java.time.Duration;
import java.util.UUID;

/** Grants loans, once for each request, and pays them out of one fund, one at a time. */
final class LoanService {

  private static final Duration LOCK_WAIT = Duration.ofSeconds(60);

  private final LendingDatabase database;
  private final UserService users;
  private final IdempotencyService requests;
  private final RateLimiter perUser;
  private final RedisLock fund;
  private final RedisPubSub events;
  private final String names;

  LoanService(
      LendingDatabase database,
      UserService users,
      IdempotencyService requests,
      RateLimiter perUser,
      RedisLock fund,
      RedisPubSub events,
      String names) {
    this.database = database;
    this.users = users;
    this.requests = requests;
    this.perUser = perUser;
    this.fund = fund;
    this.events = events;
    this.names = names;
  }

  /**
   * Grants a loan. The same request again gets the same loan.
   *
   * @throws TooManyRequestsException if the user asks too often
   */
  Loan apply(String requestId, String userId, long amountCents) {
    Decision decision = perUser.tryAcquire(names + userId);
    if (!decision.allowed()) {
      throw new TooManyRequestsException(decision.retryAfter().orElseThrow());
    }
    User user = users.get(userId);
    return requests.execute(
        names + "apply:" + userId + ":" + requestId, Loan.class, own -> grant(user, amountCents));
  }

  /** Pays a loan; false if it is paid already. */
  boolean pay(Loan loan) throws InterruptedException {
    try (Lease lease = fund.acquire(LOCK_WAIT)) {
      if (database.isPaid(loan.id())) {
        return false;
      }
      long balance = database.fundCents();
      database.pay(loan, balance - loan.amountCents(), lease.token());
    }
    publish(LoanEvent.Kind.PAID, loan);
    return true;
  }

  private Loan grant(User user, long amountCents) {
    Loan loan = new Loan(UUID.randomUUID().toString(), user.id(), amountCents);
    database.insertLoan(loan);
    publish(LoanEvent.Kind.GRANTED, loan);
    return loan;
  }

  private void publish(LoanEvent.Kind kind, Loan loan) {
    long subscribers = events.publish(names + LoanEvent.CHANNEL, new LoanEvent(kind, loan.id()));
    if (subscribers == 0) {
      throw new IllegalStateException("no one heard of " + loan.id());
    }
  }
}
