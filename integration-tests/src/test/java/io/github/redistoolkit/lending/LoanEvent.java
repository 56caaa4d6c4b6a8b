package io.github.redistoolkit.lending;

/** What the services tell each other about a loan. */
record LoanEvent(Kind kind, String loanId) {

  static final String CHANNEL = "events:loan";

  enum Kind {
    GRANTED,
    PAID
  }
}
