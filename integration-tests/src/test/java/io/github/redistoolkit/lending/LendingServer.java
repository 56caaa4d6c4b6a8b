package io.github.redistoolkit.lending;

import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpFilter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.security.Principal;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;

/** A Tomcat on a free port of the loopback interface, with the filters before the application. */
final class LendingServer implements AutoCloseable {

  private static final String LOOPBACK = "127.0.0.1";
  private static final AtomicInteger STARTED = new AtomicInteger();

  /** Held, so that its level is kept. */
  private static final Logger TOMCAT_LOG = Logger.getLogger("org.apache");

  private final Tomcat tomcat;
  private final int port;

  private LendingServer(Tomcat tomcat, int port) {
    this.tomcat = tomcat;
    this.port = port;
  }

  /**
   * Starts one.
   *
   * @param responses is told of every response
   * @param limit stands before applications for loans
   * @param once stands there too, after it, so that what is limited is not recorded
   */
  static LendingServer start(LendingApi api, Filter responses, Filter limit, Filter once) {
    if (TOMCAT_LOG.getLevel() == null) {
      TOMCAT_LOG.setLevel(Level.WARNING);
    }
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir("target/tomcat");
    tomcat.getEngine().setName("lending-" + STARTED.incrementAndGet());
    Connector connector = new Connector();
    connector.setPort(0);
    connector.setProperty("address", LOOPBACK);
    // A POST cannot be sent again by the client if the server closes its connection meanwhile.
    connector.setProperty("keepAliveTimeout", "-1");
    connector.setProperty("maxKeepAliveRequests", "-1");
    tomcat.setConnector(connector);
    StandardContext context = (StandardContext) tomcat.addContext("", null);
    // Looks into the JDK for what an application has left behind, and nothing is loaded anew here.
    context.setClearReferencesRmiTargets(false);
    context.setClearReferencesThreadLocals(false);
    Tomcat.addServlet(context, "lending", api).addMapping("/*");
    add(context, "responses", responses, "/loans/*", "/users/*");
    add(context, "authentication", new Authentication(), "/loans/*", "/users/*");
    add(context, "limit", limit, "/loans");
    add(context, "once", once, "/loans");
    try {
      tomcat.start();
    } catch (LifecycleException e) {
      throw new IllegalStateException("cannot start Tomcat", e);
    }
    return new LendingServer(tomcat, connector.getLocalPort());
  }

  private static void add(Context context, String name, Filter filter, String... patterns) {
    FilterDef definition = new FilterDef();
    definition.setFilterName(name);
    definition.setFilter(filter);
    context.addFilterDef(definition);
    FilterMap mapping = new FilterMap();
    mapping.setFilterName(name);
    for (String pattern : patterns) {
      mapping.addURLPattern(pattern);
    }
    context.addFilterMap(mapping);
  }

  URI uri(String path) {
    return URI.create("http://" + LOOPBACK + ":" + port + path);
  }

  @Override
  public void close() {
    try {
      tomcat.stop();
      tomcat.destroy();
    } catch (LifecycleException e) {
      throw new IllegalStateException("Tomcat does not stop", e);
    }
  }

  /** Stands for what authenticates: believes whoever says who he is. */
  private static final class Authentication extends HttpFilter {

    private static final long serialVersionUID = 1L;
    private static final String SCHEME = "Bearer ";

    @Override
    protected void doFilter(
        HttpServletRequest request, HttpServletResponse response, FilterChain chain)
        throws IOException, ServletException {
      String credentials = request.getHeader("Authorization");
      if (credentials == null || credentials.length() <= SCHEME.length()) {
        response.setHeader("WWW-Authenticate", SCHEME.strip());
        response.sendError(HttpServletResponse.SC_UNAUTHORIZED);
        return;
      }
      String user = credentials.substring(SCHEME.length());
      chain.doFilter(
          new HttpServletRequestWrapper(request) {
            @Override
            public Principal getUserPrincipal() {
              return () -> user;
            }
          },
          response);
    }
  }
}
