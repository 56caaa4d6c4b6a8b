package io.github.redistoolkit.servlet;

import jakarta.servlet.DispatcherType;
import jakarta.servlet.Filter;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.EnumSet;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.Wrapper;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;
import org.eclipse.jetty.ee11.servlet.FilterHolder;
import org.eclipse.jetty.ee11.servlet.ServletContextHandler;
import org.eclipse.jetty.ee11.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;

/** A container on a free port of the loopback interface, with filters before one application. */
final class WebServer implements AutoCloseable {

  /** Which one. */
  enum Container {
    TOMCAT,
    JETTY
  }

  /** An application. */
  interface Application {
    void handle(HttpServletRequest request, HttpServletResponse response)
        throws IOException, ServletException;
  }

  private static final String LOOPBACK = "127.0.0.1";

  /** Held, so that its level is kept: what tests provoke would fill the log. */
  private static final Logger TOMCAT_LOG = Logger.getLogger("org.apache");

  static {
    TOMCAT_LOG.setLevel(Level.OFF);
  }

  private final AutoCloseable container;
  private final int port;

  private WebServer(AutoCloseable container, int port) {
    this.container = container;
    this.port = port;
  }

  static WebServer start(Container container, Application application, Filter... filters) {
    HttpServlet servlet = new Servlet(application);
    try {
      return container == Container.TOMCAT ? tomcat(servlet, filters) : jetty(servlet, filters);
    } catch (Exception e) {
      throw new IllegalStateException("cannot start " + container, e);
    }
  }

  private static WebServer tomcat(HttpServlet servlet, Filter... filters)
      throws LifecycleException {
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir("target/tomcat");
    Connector connector = new Connector();
    connector.setPort(0);
    connector.setProperty("address", LOOPBACK);
    tomcat.setConnector(connector);
    Context context = tomcat.addContext("", null);
    context.setSuspendWrappedResponseAfterForward(false);
    Wrapper wrapper = Tomcat.addServlet(context, "application", servlet);
    wrapper.setAsyncSupported(true);
    wrapper.addMapping("/*");
    for (int i = 0; i < filters.length; i++) {
      FilterDef definition = new FilterDef();
      definition.setFilterName("filter-" + i);
      definition.setFilter(filters[i]);
      definition.setAsyncSupported("true");
      context.addFilterDef(definition);
      FilterMap mapping = new FilterMap();
      mapping.setFilterName(definition.getFilterName());
      mapping.addURLPattern("/*");
      EnumSet.allOf(DispatcherType.class).forEach(type -> mapping.setDispatcher(type.name()));
      context.addFilterMap(mapping);
    }
    tomcat.start();
    AutoCloseable stop =
        () -> {
          tomcat.stop();
          tomcat.destroy();
        };
    return new WebServer(stop, connector.getLocalPort());
  }

  private static WebServer jetty(HttpServlet servlet, Filter... filters) throws Exception {
    Server server = new Server(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    ServletContextHandler context = new ServletContextHandler("/");
    ServletHolder holder = new ServletHolder(servlet);
    holder.setAsyncSupported(true);
    context.addServlet(holder, "/*");
    for (Filter filter : filters) {
      FilterHolder filterHolder = new FilterHolder(filter);
      filterHolder.setAsyncSupported(true);
      context.addFilter(filterHolder, "/*", EnumSet.allOf(DispatcherType.class));
    }
    server.setHandler(context);
    server.start();
    return new WebServer(server::stop, server.getURI().getPort());
  }

  URI uri(String path) {
    return URI.create("http://" + LOOPBACK + ":" + port + path);
  }

  int port() {
    return port;
  }

  @Override
  public void close() {
    try {
      container.close();
    } catch (Exception e) {
      throw new IllegalStateException("the container does not stop", e);
    }
  }

  /** Gives the application every request. */
  private static final class Servlet extends HttpServlet {

    private static final long serialVersionUID = 1L;

    private final transient Application application;

    Servlet(Application application) {
      this.application = application;
    }

    @Override
    public void service(HttpServletRequest request, HttpServletResponse response)
        throws IOException, ServletException {
      application.handle(request, response);
    }
  }
}
