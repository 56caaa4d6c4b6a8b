package io.github.redistoolkit.spring;

import java.util.Arrays;
import java.util.Objects;
import org.springframework.beans.factory.BeanFactoryUtils;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.ConfigurationCondition;
import org.springframework.core.type.AnnotatedTypeMetadata;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/**
 * That the application has no pool of connections to Redis; one of something else does not matter.
 * One of which the type does not say what is in it counts, as it does where one is asked for.
 */
final class OnMissingPool implements ConfigurationCondition {

  @Override
  public ConfigurationPhase getConfigurationPhase() {
    return ConfigurationPhase.REGISTER_BEAN;
  }

  @Override
  public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
    ConfigurableListableBeanFactory beans = Objects.requireNonNull(context.getBeanFactory());
    return Arrays.stream(
            BeanFactoryUtils.beanNamesForTypeIncludingAncestors(beans, Pool.class, true, false))
        .noneMatch(name -> mayHaveJedis(beans, name));
  }

  private static boolean mayHaveJedis(ConfigurableListableBeanFactory beans, String name) {
    if (!beans.containsBeanDefinition(name)
        || !(beans.getMergedBeanDefinition(name) instanceof RootBeanDefinition definition)) {
      return true;
    }
    Class<?> pooled = definition.getResolvableType().as(Pool.class).resolveGeneric(0);
    return pooled == null || Jedis.class.isAssignableFrom(pooled);
  }
}
