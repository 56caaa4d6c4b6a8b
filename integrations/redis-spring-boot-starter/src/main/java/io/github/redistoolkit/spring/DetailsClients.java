package io.github.redistoolkit.spring;

import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import javax.net.ssl.SSLParameters;
import org.apache.commons.pool2.impl.GenericObjectPoolConfig;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails.Cluster;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails.Node;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails.Sentinel;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails.Standalone;
import org.springframework.boot.data.redis.autoconfigure.DataRedisProperties;
import org.springframework.boot.ssl.SslBundle;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.JedisCluster;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisPoolConfig;
import redis.clients.jedis.JedisSentinelPool;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * The way to what Boot knows of Redis, be it from {@code spring.data.redis.*} or a container. Of
 * kinds that every version of Jedis has which Boot brings.
 *
 * @param details where Redis is
 * @param properties how to go there
 */
@SuppressWarnings("deprecation") // in Jedis 8, and the only ones that Jedis 7.0 has too
record DetailsClients(DataRedisConnectionDetails details, DataRedisProperties properties) {

  /** A pool without a limit would have callers wait for ever. */
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(10);

  /**
   * Makes a pool of one server or of a primary that sentinels watch.
   *
   * @throws IllegalStateException if the details are of neither
   */
  Pool<Jedis> pool() {
    if (details.getCluster() != null) {
      throw new IllegalStateException(
          "the connection details are those of a Cluster, but spring.data.redis.cluster.nodes is"
              + " not set; define a bean of a RedisClusterClient, or of a JedisCluster before"
              + " Jedis 7.2");
    }
    Sentinel sentinel = details.getSentinel();
    if (sentinel != null) {
      return new JedisSentinelPool(
          sentinel.getMaster(),
          addresses(sentinel.getNodes()),
          limits(new JedisPoolConfig()),
          config(details.getUsername(), details.getPassword(), sentinel.getDatabase()),
          config(sentinel.getUsername(), sentinel.getPassword(), 0));
    }
    Standalone standalone = details.getStandalone();
    if (standalone == null) {
      throw new IllegalStateException(
          "spring.data.redis.* names neither one server nor sentinels; define a bean of a"
              + " UnifiedJedis or a Pool<Jedis>");
    }
    return new JedisPool(
        limits(new JedisPoolConfig()),
        new HostAndPort(standalone.getHost(), standalone.getPort()),
        config(details.getUsername(), details.getPassword(), standalone.getDatabase()));
  }

  /**
   * Makes a client of a Cluster.
   *
   * @throws IllegalStateException if the details are not of one
   */
  UnifiedJedis cluster() {
    Cluster cluster = details.getCluster();
    if (cluster == null) {
      throw new IllegalStateException(
          "spring.data.redis.cluster.nodes is set, but the connection details are not those of a"
              + " Cluster; define a bean of a UnifiedJedis or a Pool<Jedis>");
    }
    DataRedisProperties.Cluster settings = properties.getCluster();
    Integer redirects = settings == null ? null : settings.getMaxRedirects();
    int attempts = redirects == null ? JedisCluster.DEFAULT_MAX_ATTEMPTS : redirects + 1;
    JedisClientConfig config = config(details.getUsername(), details.getPassword(), 0);
    return new JedisCluster(
        addresses(cluster.getNodes()),
        config,
        attempts,
        patience(config.getSocketTimeoutMillis(), attempts),
        limits(new ConnectionPoolConfig()));
  }

  /** For how long a call may be tried again: Jedis would take no timeout for no time at all. */
  private static Duration patience(int timeoutMillis, int attempts) {
    return timeoutMillis == 0
        ? LONGEST_WAIT
        : Duration.ofMillis(timeoutMillis).multipliedBy(attempts);
  }

  private static Set<HostAndPort> addresses(List<Node> nodes) {
    Set<HostAndPort> addresses = new LinkedHashSet<>();
    nodes.forEach(node -> addresses.add(new HostAndPort(node.host(), node.port())));
    return addresses;
  }

  private JedisClientConfig config(@Nullable String user, @Nullable String password, int database) {
    DefaultJedisClientConfig.Builder config =
        DefaultJedisClientConfig.builder().user(user).password(password).database(database);
    if (properties.getTimeout() != null) {
      config.socketTimeoutMillis(millis(properties.getTimeout()));
    }
    if (properties.getConnectTimeout() != null) {
      config.connectionTimeoutMillis(millis(properties.getConnectTimeout()));
    }
    if (properties.getClientName() != null) {
      config.clientName(properties.getClientName());
    }
    SslBundle bundle = tls();
    if (bundle != null) {
      config.ssl(true).sslSocketFactory(bundle.createSslContext().getSocketFactory());
      config.sslParameters(parameters(bundle));
    }
    return config.build();
  }

  /** Boot's details do not say that a URL asks for TLS, which Boot's own client looks up too. */
  private @Nullable SslBundle tls() {
    SslBundle bundle = details.getSslBundle();
    String url = properties.getUrl();
    Standalone server = details.getStandalone();
    boolean isAskedFor =
        bundle == null
            && url != null
            && url.startsWith("rediss:")
            // The details of a container are not those of the URL.
            && server != null
            && server.getHost().equals(URI.create(url).getHost());
    return isAskedFor ? SslBundle.systemDefault() : bundle;
  }

  private static int millis(Duration timeout) {
    // None at all is for Jedis to wait for ever, as it is for Boot; a part of a millisecond is not.
    return timeout.isZero() ? 0 : Math.max(1, Math.toIntExact(timeout.toMillis()));
  }

  private static SSLParameters parameters(SslBundle bundle) {
    SSLParameters parameters = new SSLParameters();
    // Jedis does not look at the name of the server unless told to.
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    if (bundle.getOptions().getCiphers() != null) {
      parameters.setCipherSuites(bundle.getOptions().getCiphers());
    }
    if (bundle.getOptions().getEnabledProtocols() != null) {
      parameters.setProtocols(bundle.getOptions().getEnabledProtocols());
    }
    return parameters;
  }

  private <C extends GenericObjectPoolConfig<?>> C limits(C config) {
    config.setMaxWait(LONGEST_WAIT);
    config.setJmxEnabled(false);
    DataRedisProperties.Pool pool = properties.getJedis().getPool();
    config.setMaxTotal(pool.getMaxActive());
    config.setMaxIdle(pool.getMaxIdle());
    config.setMinIdle(pool.getMinIdle());
    if (pool.getMaxWait() != null && !pool.getMaxWait().isNegative()) {
      config.setMaxWait(pool.getMaxWait());
    }
    if (pool.getTimeBetweenEvictionRuns() != null) {
      config.setTimeBetweenEvictionRuns(pool.getTimeBetweenEvictionRuns());
    }
    return config;
  }
}
