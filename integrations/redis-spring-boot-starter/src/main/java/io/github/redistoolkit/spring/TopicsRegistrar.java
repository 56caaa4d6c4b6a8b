package io.github.redistoolkit.spring;

import io.github.redistoolkit.stream.DurableListener;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.WhenFull;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanRegistrar;
import org.springframework.beans.factory.BeanRegistry;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.core.ResolvableType;
import org.springframework.core.env.Environment;

/** Makes a bean of each durable topic that the properties have. */
final class TopicsRegistrar implements BeanRegistrar {

  private static final String STREAMS = "redis.toolkit.streams";

  @Override
  public void register(BeanRegistry registry, Environment environment) {
    Map<String, RedisToolkitProperties.Stream> topics =
        Binder.get(environment)
            .bind(STREAMS, Bindable.mapOf(String.class, RedisToolkitProperties.Stream.class))
            .orElseGet(Map::of);
    topics.forEach(
        (name, settings) -> {
          Class<?> type = settings.type();
          if (type == null) {
            throw Settings.of(name)
                .invalid("type", null, "there must be the class of its messages");
          }
          register(registry, name, settings, type);
        });
  }

  private static <T> void register(
      BeanRegistry registry, String name, RedisToolkitProperties.Stream settings, Class<T> type) {
    // So that it is found where a topic of these messages is asked for.
    ParameterizedTypeReference<DurableTopic<T>> topicType =
        ParameterizedTypeReference.forType(
            ResolvableType.forClassWithGenerics(DurableTopic.class, type).getType());
    registry.registerBean(
        name + "DurableTopic",
        topicType,
        bean -> bean.fallback().supplier(context -> topic(context, name, settings, type)));
  }

  private static <T> DurableTopic<T> topic(
      BeanRegistry.SupplierContext context,
      String property,
      RedisToolkitProperties.Stream settings,
      Class<T> type) {
    Settings of = Settings.of(property);
    Connections redis = context.bean(Connections.class);
    String name = settings.name() == null ? property : settings.name();
    DurableTopic.Builder<T> builder =
        of.take(
            "name",
            name,
            () ->
                redis.over(
                    pool -> DurableTopic.builder(pool, name, type),
                    client -> DurableTopic.builder(client, name, type)));
    of.set("partitions", settings.partitions(), builder::partitions);
    of.set("concurrency", settings.concurrency(), builder::concurrency);
    of.set("batch", settings.batch(), builder::batch);
    of.set("lease", settings.lease(), builder::lease);
    of.set("retry-delay", settings.retryDelay(), builder::retryDelay);
    of.set("max-deliveries", settings.maxDeliveries(), builder::maxDeliveries);
    of.set("handler-timeout", settings.handlerTimeout(), builder::handlerTimeout);
    of.set("close-timeout", settings.closeTimeout(), builder::closeTimeout);
    of.set("max-age", settings.maxAge(), builder::maxAge);
    WhenFull whenFull = settings.whenFull() == null ? WhenFull.REFUSE : settings.whenFull();
    of.set("max-length", settings.maxLength(), most -> builder.maxLength(most, whenFull));
    if (settings.whenFull() != null && settings.maxLength() == null) {
      throw of.invalid("when-full", settings.whenFull(), "there must be a max-length beside it");
    }

    AtomicReference<DurableTopic<?>> made = new AtomicReference<>();
    DurableListener listener = context.bean(TopicSubscriptions.class).listener();
    TopicMeters meters = context.beanProvider(TopicMeters.class).getIfAvailable();
    if (meters != null) {
      listener = listener.andThen(meters.listener(property, made::get));
    }
    builder.listener(
        listener.andThen(
            context.beanProvider(DurableListener.class).getIfAvailable(DurableListener::logging)));
    DurableTopic<T> topic = of.take("type", type.getName(), builder::build);
    made.set(topic);
    return topic;
  }

  /** The properties of one topic. */
  private record Settings(String prefix) {

    static Settings of(String topic) {
      return new Settings(STREAMS + "." + topic + ".");
    }

    /** Takes a setting if it is there. */
    <V> void set(String property, @Nullable V value, Function<V, ?> taking) {
      if (value != null) {
        Object unused = take(property, value, () -> taking.apply(value));
      }
    }

    /** Makes something of a setting, or refuses it by the name of its property. */
    <T> T take(String property, Object value, Supplier<T> taking) {
      try {
        return taking.get();
      } catch (IllegalArgumentException e) {
        throw invalid(property, value, String.valueOf(e.getMessage()));
      }
    }

    InvalidConfigurationPropertyValueException invalid(
        String property, @Nullable Object value, String why) {
      return new InvalidConfigurationPropertyValueException(prefix + property, value, why);
    }
  }
}
