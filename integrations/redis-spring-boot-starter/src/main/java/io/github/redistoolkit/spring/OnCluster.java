package io.github.redistoolkit.spring;

import java.util.Arrays;
import java.util.Objects;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.ConfigurationCondition;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotatedTypeMetadata;

/**
 * That the properties name the nodes of a Cluster and are what Boot goes by: it prefers sentinels,
 * and to both the details of a container.
 */
class OnCluster implements ConfigurationCondition {

  @Override
  public ConfigurationPhase getConfigurationPhase() {
    return ConfigurationPhase.REGISTER_BEAN;
  }

  @Override
  public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
    return namesCluster(context.getEnvironment())
        && areOfProperties(Objects.requireNonNull(context.getBeanFactory()));
  }

  private static boolean namesCluster(Environment environment) {
    return Binder.get(environment)
            .bind("spring.data.redis.cluster.nodes", Bindable.listOf(String.class))
            .isBound()
        && environment.getProperty("spring.data.redis.sentinel.master") == null;
  }

  /** Their class is Boot's own, and not public. No bean is made to find that out. */
  private static boolean areOfProperties(ConfigurableListableBeanFactory beans) {
    return Arrays.stream(beans.getBeanNamesForType(DataRedisConnectionDetails.class, true, false))
        .map(name -> beans.getType(name, false))
        .allMatch(type -> type != null && type.getSimpleName().startsWith("Properties"));
  }

  /** That it is not so. */
  static final class No extends OnCluster {

    @Override
    public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
      return !super.matches(context, metadata);
    }
  }
}
