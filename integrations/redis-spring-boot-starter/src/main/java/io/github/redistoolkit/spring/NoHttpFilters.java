package io.github.redistoolkit.spring;

import java.util.Map;
import org.springframework.beans.factory.BeanRegistrar;
import org.springframework.beans.factory.BeanRegistry;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.core.env.Environment;

/**
 * Refuses paths before which no filter can stand, in a servlet application without redis-servlet:
 * they would be unprotected, and nobody would know.
 */
final class NoHttpFilters implements BeanRegistrar {

  @Override
  public void register(BeanRegistry registry, Environment environment) {
    Binder binder = Binder.get(environment);
    for (String property : new String[] {HttpFilters.LIMITED, HttpFilters.IDEMPOTENT}) {
      binder
          .bind(property, Bindable.mapOf(String.class, Object.class))
          .ifBound(settings -> refuse(property, settings));
    }
  }

  private static void refuse(String property, Map<String, Object> settings) {
    throw new InvalidConfigurationPropertyValueException(
        property, settings, "it needs redis-servlet on the class path");
  }
}
