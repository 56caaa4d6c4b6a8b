package io.github.redistoolkit.report;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Says which guarantee of the README a test proves: it fails if the guarantee is not kept. {@link
 * GuaranteesTest} holds the ids against the README's.
 */
@Documented
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface Proves {

  /** The ids of the guarantees, as {@code lock.one-holder}. */
  String[] value();
}
