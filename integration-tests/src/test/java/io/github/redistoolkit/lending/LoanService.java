package io.github.redistoolkit.lending;

import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.RedisPubSub;
import java.time.Duration;
import java.util.NoSuchElementException;
import java.util.UUID;

/**
 * Grants loans, and pays them out of one fund, one at a time. That a request which comes twice is
 * granted once is what stands before this.
 */
final class LoanService {

  private static final Duration LOCK_WAIT = Duration.ofSeconds(60);

  private final LendingDatabase database;
  private final RedisLock fund;
  private final Figures figures;
  private final RedisPubSub events;
  private final String names;

  LoanService(
      LendingDatabase database, RedisLock fund, Figures figures, RedisPubSub events, String names) {
    this.database = database;
    this.fund = fund;
    this.figures = figures;
    this.events = events;
    this.names = names;
  }

  /** Grants a loan. */
  Loan grant(User user, long amountCents) {
    Loan loan = new Loan(UUID.randomUUID().toString(), user.id(), amountCents);
    database.insertLoan(loan);
    publish(LoanEvent.Kind.GRANTED, loan);
    return loan;
  }

  /**
   * Pays a loan; false if it is paid already.
   *
   * @throws NoSuchElementException if there is no such loan
   */
  boolean pay(String loanId) throws InterruptedException {
    Loan loan = database.findLoan(loanId).orElseThrow();
    try (Lease lease = fund.acquire(LOCK_WAIT)) {
      if (database.isPaid(loanId)) {
        return false;
      }
      database.pay(loan, database.fundCents(), lease.token());
    }
    publish(LoanEvent.Kind.PAID, loan);
    return true;
  }

  private void publish(LoanEvent.Kind kind, Loan loan) {
    long subscribers = events.publish(names + LoanEvent.CHANNEL, new LoanEvent(kind, loan.id()));
    if (subscribers == 0) {
      throw new IllegalStateException("no one heard of " + loan.id());
    }
    figures.published();
  }
}
