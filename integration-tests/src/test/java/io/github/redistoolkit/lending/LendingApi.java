package io.github.redistoolkit.lending;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.github.redistoolkit.lock.LockTimeoutException;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.util.NoSuchElementException;
import java.util.Objects;

/**
 * The lending service over HTTP, in JSON.
 *
 * <table>
 *   <caption>What it answers</caption>
 *   <tr><td>{@code POST /loans}</td><td>grants a loan: 201. An {@code Idempotency-Key} is required,
 *     and there is a limit per user</td></tr>
 *   <tr><td>{@code POST /loans/<id>/disbursement}</td><td>pays it: 204, or 409 if it is paid
 *     </td></tr>
 *   <tr><td>{@code GET /users/<id>}</td><td>200</td></tr>
 *   <tr><td>{@code PUT /users/<id>}</td><td>renames the caller: 204</td></tr>
 *   <tr><td>{@code GET /}, {@code GET /figures}</td><td>a page with the figures, and what it shows
 *     </td></tr>
 * </table>
 */
final class LendingApi extends HttpServlet {

  private static final long serialVersionUID = 1L;
  private static final String PAGE = "figures.html";
  private static final Gson GSON = new Gson();

  private final transient UserService users;
  private final transient LoanService loans;
  private final transient Figures figures;

  LendingApi(UserService users, LoanService loans, Figures figures) {
    this.users = users;
    this.loans = loans;
    this.figures = figures;
  }

  /** What is asked for. */
  private record Application(long amountCents) {}

  /** A user's new name. */
  record Name(String name) {}

  @Override
  protected void service(HttpServletRequest request, HttpServletResponse response)
      throws IOException, ServletException {
    String[] path = request.getPathInfo().substring(1).split("/", -1);
    try {
      switch (request.getMethod() + route(path)) {
        case "POST /loans" -> apply(request, response);
        case "POST /loans/*/disbursement" -> pay(path[1], response);
        case "GET /users/*" -> send(response, 200, users.get(path[1]));
        case "PUT /users/*" -> rename(path[1], request, response);
        case "GET /" -> sendPage(response);
        case "GET /figures" -> send(response, 200, figures.read());
        default -> response.sendError(HttpServletResponse.SC_NOT_FOUND);
      }
    } catch (JsonParseException e) {
      response.sendError(HttpServletResponse.SC_BAD_REQUEST);
    } catch (NoSuchElementException e) {
      response.sendError(HttpServletResponse.SC_NOT_FOUND);
    }
  }

  /** With a star for an id. */
  private static String route(String[] path) {
    return switch (path.length) {
      case 1 -> " /" + path[0];
      case 2 -> " /" + path[0] + (path[1].isEmpty() ? "/" : "/*");
      case 3 -> " /" + path[0] + "/*/" + path[2];
      default -> "";
    };
  }

  private void apply(HttpServletRequest request, HttpServletResponse response) throws IOException {
    Application application = read(request, Application.class);
    if (application.amountCents() <= 0) {
      response.sendError(HttpServletResponse.SC_BAD_REQUEST);
      return;
    }
    User user = users.get(request.getUserPrincipal().getName());
    Loan loan = loans.grant(user, application.amountCents());
    response.setHeader("Location", "/loans/" + loan.id());
    send(response, 201, loan);
  }

  private void pay(String loanId, HttpServletResponse response)
      throws IOException, ServletException {
    try {
      response.setStatus(loans.pay(loanId) ? 204 : 409);
    } catch (LockTimeoutException e) {
      response.setHeader("Retry-After", "1");
      response.sendError(HttpServletResponse.SC_SERVICE_UNAVAILABLE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ServletException(e);
    }
  }

  private void rename(String id, HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    if (!id.equals(request.getUserPrincipal().getName())) {
      response.sendError(HttpServletResponse.SC_FORBIDDEN);
      return;
    }
    String name = read(request, Name.class).name();
    if (name == null || name.isBlank()) {
      response.sendError(HttpServletResponse.SC_BAD_REQUEST);
      return;
    }
    users.rename(id, name);
    response.setStatus(204);
  }

  private static <T> T read(HttpServletRequest request, Class<T> type) throws IOException {
    T read = GSON.fromJson(request.getReader(), type);
    if (read == null) {
      throw new JsonParseException("no body");
    }
    return read;
  }

  private static void send(HttpServletResponse response, int status, Object value)
      throws IOException {
    response.setStatus(status);
    response.setContentType("application/json");
    response.setCharacterEncoding("UTF-8");
    response.getWriter().write(GSON.toJson(value));
  }

  private static void sendPage(HttpServletResponse response) throws IOException {
    try (InputStream page = LendingApi.class.getResourceAsStream(PAGE)) {
      response.setContentType("text/html; charset=UTF-8");
      response.setHeader(
          "Content-Security-Policy",
          "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline';"
              + " style-src 'unsafe-inline'");
      Objects.requireNonNull(page, PAGE).transferTo(response.getOutputStream());
    }
  }
}
