package io.github.redistoolkit.spring;

import io.github.redistoolkit.cache.CacheService;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.springframework.cache.Cache;
import org.springframework.cache.interceptor.SimpleKey;
import org.springframework.cache.support.SimpleValueWrapper;

/** One cache, as Spring asks for it. */
final class ToolkitCache<V> implements Cache {

  private final String name;
  private final Class<? super V> type;
  private final Duration ttl;
  private final CacheService<V> service;

  ToolkitCache(String name, Class<? super V> type, Duration ttl, CacheService<V> service) {
    this.name = name;
    this.type = type;
    this.ttl = ttl;
    this.service = service;
  }

  /** What the method that is cached has thrown, on its way through the cache to all who wait. */
  private static final class MethodFailedException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    MethodFailedException(Exception cause) {
      super(null, cause, false, false);
    }
  }

  @Override
  public String getName() {
    return name;
  }

  @Override
  public CacheService<V> getNativeCache() {
    return service;
  }

  @Override
  public @Nullable ValueWrapper get(Object key) {
    return wrapped(service.get(text(key)));
  }

  private static @Nullable ValueWrapper wrapped(Optional<?> value) {
    return value.map(SimpleValueWrapper::new).orElse(null);
  }

  @Override
  public <T> @Nullable T get(Object key, @Nullable Class<T> wanted) {
    Object value = service.get(text(key)).orElse(null);
    if (value != null && wanted != null && !wanted.isInstance(value)) {
      throw new IllegalStateException(
          "cache %s has values of %s, not of %s".formatted(name, type.getName(), wanted.getName()));
    }
    @SuppressWarnings("unchecked") // as was just looked at, or as the caller says
    T found = (T) value;
    return found;
  }

  @Override
  public <T> @Nullable T get(Object key, Callable<T> method) {
    Object value;
    try {
      value = service.getOrLoad(text(key), ttl, () -> load(method));
    } catch (MethodFailedException e) {
      throw new ValueRetrievalException(key, method, Objects.requireNonNull(e.getCause()));
    }
    @SuppressWarnings("unchecked") // the type that the caller loads
    T found = (T) value;
    return found;
  }

  private @Nullable V load(Callable<?> method) {
    Object value;
    try {
      value = method.call();
    } catch (Exception e) {
      throw new MethodFailedException(e);
    }
    return value == null ? null : checked(value);
  }

  @Override
  public void put(Object key, @Nullable Object value) {
    if (value == null) {
      evict(key);
    } else {
      service.set(text(key), checked(value), ttl);
    }
  }

  /** A null counts as none, so there is nothing to put. */
  @Override
  public @Nullable ValueWrapper putIfAbsent(Object key, @Nullable Object value) {
    boolean put = value != null && service.putIfAbsent(text(key), checked(value), ttl);
    return put ? null : get(key);
  }

  @Override
  public void evict(Object key) {
    boolean unused = service.delete(text(key));
  }

  @Override
  public boolean evictIfPresent(Object key) {
    return service.delete(text(key));
  }

  @Override
  public void clear() {
    long unused = service.clear();
  }

  private V checked(Object value) {
    if (!type.isInstance(value)) {
      throw new IllegalArgumentException(
          "cache %s has values of %s, not of %s"
              .formatted(name, type.getName(), value.getClass().getName()));
    }
    @SuppressWarnings("unchecked") // what it has as parameters the codec looks at
    V fits = (V) value;
    return fits;
  }

  private String text(Object key) {
    if (key instanceof String text) {
      return text;
    }
    if (key instanceof Enum<?> constant) {
      return constant.name();
    }
    if (key instanceof Long
        || key instanceof Integer
        || key instanceof Short
        || key instanceof Byte
        || key instanceof UUID
        || key instanceof Boolean
        || key instanceof Character
        || SimpleKey.EMPTY.equals(key)) {
      return key.toString();
    }
    throw new IllegalArgumentException(
        "a key of cache %s must be text, a whole number, a UUID, a boolean, a character or an enum"
                .formatted(name)
            + " constant, but is a "
            + key.getClass().getName()
            + "; name one with key = …");
  }
}
