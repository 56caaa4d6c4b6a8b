package io.github.redistoolkit.spring;

import io.github.redistoolkit.stream.DurableTopic;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.aot.hint.BindingReflectionHintsRegistrar;
import org.springframework.beans.factory.aot.BeanFactoryInitializationAotContribution;
import org.springframework.beans.factory.aot.BeanFactoryInitializationAotProcessor;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;

/**
 * Has a native image keep what JSON needs of the messages of durable topics: their classes are
 * named by properties, which nothing else shows it. Called by Spring.
 */
final class MessageTypeHints implements BeanFactoryInitializationAotProcessor {

  @Override
  public @Nullable BeanFactoryInitializationAotContribution processAheadOfTime(
      ConfigurableListableBeanFactory beans) {
    List<Class<?>> types = new ArrayList<>();
    for (String name : beans.getBeanNamesForType(DurableTopic.class, true, false)) {
      Class<?> type = beans.containsBeanDefinition(name) ? typeOf(beans, name) : null;
      if (type != null) {
        types.add(type);
      }
    }
    BindingReflectionHintsRegistrar hints = new BindingReflectionHintsRegistrar();
    return types.isEmpty()
        ? null
        : (generation, code) ->
            hints.registerReflectionHints(
                generation.getRuntimeHints().reflection(), types.toArray(Class<?>[]::new));
  }

  private static @Nullable Class<?> typeOf(ConfigurableListableBeanFactory beans, String topic) {
    return beans
        .getMergedBeanDefinition(topic)
        .getResolvableType()
        .as(DurableTopic.class)
        .resolveGeneric(0);
  }
}
