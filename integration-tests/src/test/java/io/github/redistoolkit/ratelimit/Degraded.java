package io.github.redistoolkit.ratelimit;

import org.hamcrest.Description;
import org.hamcrest.Matcher;
import org.hamcrest.TypeSafeMatcher;
import redis.clients.jedis.exceptions.JedisException;

/** A decision that a policy made in Redis's place, whatever the cause. */
final class Degraded extends TypeSafeMatcher<Decision> {

  private final boolean allowed;
  private final Limit limit;

  private Degraded(boolean allowed, Limit limit) {
    this.allowed = allowed;
    this.limit = limit;
  }

  static Matcher<Decision> to(boolean allowed, Limit limit) {
    return new Degraded(allowed, limit);
  }

  @Override
  protected boolean matchesSafely(Decision decision) {
    JedisException cause = decision.cause().orElse(new JedisException("there is none"));
    return decision.degraded() && decision.equals(Decision.degraded(allowed, limit, cause));
  }

  @Override
  public void describeTo(Description description) {
    description.appendText("degraded, allowed ").appendValue(allowed).appendValue(limit);
  }
}
