package io.github.redistoolkit.spring;

import java.util.Map;
import org.springframework.beans.factory.BeanRegistrar;
import org.springframework.beans.factory.BeanRegistry;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.core.env.Environment;

/**
 * Refuses paths before which no filter can stand, in an application that serves HTTP: they would be
 * unprotected, and nobody would know.
 */
abstract sealed class NoHttpFilters implements BeanRegistrar {

  private final String why;

  private NoHttpFilters(String why) {
    this.why = why;
  }

  /** In a servlet application without redis-servlet. */
  static final class WithoutModule extends NoHttpFilters {

    WithoutModule() {
      super("it needs redis-servlet on the class path");
    }
  }

  /** In a reactive application, which has no servlets and so no filters of theirs. */
  static final class Reactive extends NoHttpFilters {

    Reactive() {
      super("it needs a servlet application, and this is a reactive one");
    }
  }

  @Override
  public void register(BeanRegistry registry, Environment environment) {
    Binder binder = Binder.get(environment);
    for (String property : new String[] {HttpFilters.LIMITED, HttpFilters.IDEMPOTENT}) {
      binder
          .bind(property, Bindable.mapOf(String.class, Object.class))
          .ifBound(settings -> refuse(property, settings));
    }
  }

  private void refuse(String property, Map<String, Object> settings) {
    throw new InvalidConfigurationPropertyValueException(property, settings, why);
  }
}
