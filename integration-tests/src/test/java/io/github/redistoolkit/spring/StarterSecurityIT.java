package io.github.redistoolkit.spring;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterAutoConfiguration;
import org.springframework.boot.security.autoconfigure.web.servlet.ServletWebSecurityAutoConfiguration;
import org.springframework.boot.test.context.assertj.AssertableWebApplicationContext;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.tomcat.autoconfigure.servlet.TomcatServletWebServerAutoConfiguration;
import org.springframework.boot.web.server.servlet.context.AnnotationConfigServletWebServerApplicationContext;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.web.SecurityFilterChain;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/** Spring Security before the filters of the starter, as Boot puts it there. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class StarterSecurityIT {

  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private final String ann;
  private final String bob;
  private final WebApplicationContextRunner application;

  StarterSecurityIT(TestRedis redis) {
    this.ann = redis.unique("ann").replace(':', '-');
    this.bob = redis.unique("bob").replace(':', '-');
    String limiter = "l" + Integer.toUnsignedString(ann.hashCode(), 36);
    WebApplicationContextRunner bare =
        new WebApplicationContextRunner(AnnotationConfigServletWebServerApplicationContext::new)
            .withConfiguration(
                AutoConfigurations.of(
                    TomcatServletWebServerAutoConfiguration.class,
                    ServletWebSecurityAutoConfiguration.class,
                    SecurityFilterAutoConfiguration.class,
                    RedisToolkitAutoConfiguration.class))
            .withUserConfiguration(Secured.class)
            .withPropertyValues(
                "server.port=0",
                "server.address=127.0.0.1",
                "redis.toolkit.idempotency.name=" + redis.unique("secured").replace(':', '-'),
                "redis.toolkit.idempotency.http.paths=/payments",
                "redis.toolkit.ratelimit.limits." + limiter + "=1/1h",
                "redis.toolkit.ratelimit.http." + limiter + "=/api,/open");
    this.application =
        redis.over(
            pool ->
                bare.withBean(
                    "pool", Pool.class, () -> pool, bean -> bean.setDestroyMethodName("")),
            client ->
                bare.withBean(
                    "client",
                    UnifiedJedis.class,
                    () -> client,
                    bean -> bean.setDestroyMethodName("")));
  }

  /** An application of which one path is open to all. Whoever knows the password is known. */
  @Configuration(proxyBeanMethods = false)
  static class Secured {

    @Bean
    ServletRegistrationBean<StarterWebIT.Counter> counter() {
      return new ServletRegistrationBean<>(new StarterWebIT.Counter(), "/*");
    }

    @Bean
    SecurityFilterChain chain(HttpSecurity security) throws Exception {
      return security
          .csrf(csrf -> csrf.disable())
          .authorizeHttpRequests(
              paths -> paths.requestMatchers("/open").permitAll().anyRequest().authenticated())
          .httpBasic(Customizer.withDefaults())
          .build();
    }

    @Bean
    UserDetailsService users() {
      return name -> User.withUsername(name).password("{noop}secret").roles("USER").build();
    }
  }

  private static HttpRequest.Builder to(AssertableWebApplicationContext context, String path) {
    int port =
        ((AnnotationConfigServletWebServerApplicationContext) context.getSourceApplicationContext())
            .getWebServer()
            .getPort();
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path));
  }

  private static HttpRequest.Builder by(HttpRequest.Builder request, String user, String password) {
    byte[] credentials = (user + ":" + password).getBytes(StandardCharsets.UTF_8);
    return request
        .copy()
        .setHeader("Authorization", "Basic " + Base64.getEncoder().encodeToString(credentials));
  }

  private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private static boolean isLimited(HttpResponse<?> response) {
    return response.headers().firstValue("RateLimit-Policy").isPresent();
  }

  @Test
  void aLimitIsThatOfTheUserWhomSecurityKnows() {
    application.run(
        context -> {
          HttpRequest.Builder api = to(context, "/api");
          HttpResponse<String> first = send(by(api, ann, "secret"));
          assertThat(first.statusCode(), is(200));
          assertThat(isLimited(first), is(true));
          assertThat(send(by(api, ann, "secret")).statusCode(), is(429));
          assertThat(send(by(api, bob, "secret")).statusCode(), is(200));
        });
  }

  @Test
  void whatSecurityAnswersItselfIsNotLimited() {
    application.run(
        context -> {
          HttpRequest.Builder api = to(context, "/api");
          for (int attempt = 0; attempt < 3; attempt++) {
            for (HttpResponse<String> refused : List.of(send(api), send(by(api, ann, "wrong")))) {
              assertThat(refused.statusCode(), is(401));
              assertThat(isLimited(refused), is(false));
            }
          }
          assertThat(send(by(api, ann, "secret")).statusCode(), is(200));
        });
  }

  @Test
  void whereSecurityLetsAnybodyPassALimitIsThatOfTheAddress() {
    application.run(
        context -> {
          HttpRequest.Builder open = to(context, "/open");
          assertThat(send(open).statusCode(), is(200));
          assertThat(send(open).statusCode(), is(429));
          assertThat(send(by(open, ann, "secret")).statusCode(), is(200));
        });
  }

  @Test
  void anIdempotencyKeyIsTheUsersWhomSecurityKnows() {
    application.run(
        context -> {
          HttpRequest.Builder payment =
              to(context, "/payments")
                  .header("Idempotency-Key", "\"1\"")
                  .POST(HttpRequest.BodyPublishers.ofString("10"));
          assertThat(send(payment).statusCode(), is(401));
          HttpResponse<String> first = send(by(payment, ann, "secret"));
          assertThat(first.statusCode(), is(200));
          assertThat(send(by(payment, ann, "secret")).body(), is(first.body()));
          assertThat(send(by(payment, bob, "secret")).body(), is(not(first.body())));
        });
  }
}
