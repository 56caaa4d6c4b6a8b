package io.github.redistoolkit.servlet;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Digests;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.idempotency.Claim;
import io.github.redistoolkit.idempotency.FingerprintMismatchException;
import io.github.redistoolkit.idempotency.Fingerprints;
import io.github.redistoolkit.idempotency.IdempotencyException;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.idempotency.InProgressException;
import io.github.redistoolkit.idempotency.OutcomeOpenException;
import io.github.redistoolkit.idempotency.ReplayedFailureException;
import io.github.redistoolkit.idempotency.Request;
import io.github.redistoolkit.idempotency.ResultNotRecordedException;
import io.github.redistoolkit.idempotency.StoredResultException;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Lets each request that carries an {@code Idempotency-Key} be handled once, and replays its
 * response to whoever repeats it. Implements draft-ietf-httpapi-idempotency-key-header-07.
 *
 * <pre>{@code
 * IdempotencyService service =
 *     IdempotencyService.builder(pool, "http").keepAlive(Duration.ofMinutes(10)).build();
 * Filter filter =
 *     IdempotencyFilter.builder(service, request -> request.getUserPrincipal().getName()).build();
 * }</pre>
 *
 * <p><b>Guarantee.</b> It is that of {@link IdempotencyService}. Of all requests with one key of
 * one caller, only one is handled at a time, on whatever server. Once one has been answered, none
 * is handled until the ttl has passed. The response is recorded before its first byte is sent. So a
 * client that has got a response can rely on getting the same again: its status, its body byte for
 * byte, {@code Content-Type}, {@code Content-Encoding} and {@code Content-Language}, and the
 * {@linkplain Builder#replayedHeaders header fields chosen}.
 *
 * <p><b>Limit.</b> If a server dies while it handles a request, nobody knows whether the request
 * had its effect. It is handled again after the {@linkplain IdempotencyService.Builder#lease
 * lease}, with {@link #attempt} above 1. The same happens if a response could not be recorded
 * because Redis was away for too long.
 *
 * <p>The lease is 60 seconds unless set. A request that takes longer may be handled a second time
 * while the first still runs. So let the service {@linkplain IdempotencyService.Builder#keepAlive
 * keep claims alive}, as above, for longer than any request takes.
 *
 * <p><b>Failure.</b> The bodies of these answers are {@code application/problem+json}.
 *
 * <table>
 *   <caption>What is answered without the application</caption>
 *   <tr><th>situation</th><th>answer</th></tr>
 *   <tr><td>there is no key, unless it is {@linkplain Builder#keyOptional optional}; or it is not
 *     one string in double quotes, of 1 to 255 characters</td><td>400</td></tr>
 *   <tr><td>the body is larger than {@link Builder#maxBodyBytes}</td><td>413, nothing is claimed</td>
 *   </tr>
 *   <tr><td>a form, or the query beside it, is not URL-encoded, or its charset is unknown</td>
 *     <td>400, nothing is claimed</td></tr>
 *   <tr><td>a request with the same key is being handled</td><td>409 with {@code Retry-After: 1},
 *     since it may end long before the lease</td></tr>
 *   <tr><td>the key was used for another method, path, query or body. A multipart body counts as
 *     another one if the client gives it a new boundary at each attempt</td><td>422</td></tr>
 *   <tr><td>the outcome was kept open, or the response was too large to be kept, or its record is
 *     damaged</td><td>409 without {@code Retry-After}</td></tr>
 *   <tr><td>the request has failed, and the service's {@link IdempotencyService.Builder#onFailure
 *     onFailure} keeps that</td><td>500</td></tr>
 *   <tr><td>Redis fails before anything has run</td><td>503</td></tr>
 *   <tr><td>the scope is null or empty, or its function throws</td><td>the exception goes to the
 *     container, which answers 500</td></tr>
 * </table>
 *
 * <table>
 *   <caption>What the application does, and what follows</caption>
 *   <tr><th>the application</th><th>then</th></tr>
 *   <tr><td>answers, also by a redirection</td><td>the answer is recorded and sent</td></tr>
 *   <tr><td>answers with a status of {@link Builder#abandonWhen}, 429 and 5xx by default</td>
 *     <td>the answer is sent, and the key is free for another attempt</td></tr>
 *   <tr><td>calls {@code sendError}</td><td>the same as for an answer with that status. But the
 *     container makes the body, now and at each replay, and the fields that describe it</td></tr>
 *   <tr><td>throws</td><td>the exception is thrown on. The key is free, unless the service's {@link
 *     IdempotencyService.Builder#onFailure onFailure} says otherwise</td></tr>
 *   <tr><td>gives an answer that is larger than the service's {@link
 *     IdempotencyService.Builder#maxResultBytes maxResultBytes}, or that Redis does not accept. The
 *     limit is on Base64, so a body may have about three quarters of it</td>
 *     <td>the answer is sent, a warning is logged, and the service's listener is told</td></tr>
 *   <tr><td>gives an answer with a body of more than 64 MiB, whatever {@code maxResultBytes}
 *     is</td><td>the answer is sent, a warning is logged, and the key is completed without the
 *     answer</td></tr>
 *   <tr><td>begins an asynchronous response, an upgrade or {@code text/event-stream}, or asks the
 *     container for the parts of a body</td><td>{@link IllegalStateException} at once</td></tr>
 *   <tr><td>forwards</td><td>the answer is recorded and sent like any other. But Tomcat 11 closes a
 *     response after a forward, whatever wraps it. Set {@code suspendWrappedResponseAfterForward}
 *     of its context to false. Otherwise the first client gets no body, and a warning is
 *     logged</td></tr>
 * </table>
 *
 * <p><b>Security.</b> The scope tells callers apart, so that none can read another's responses. So
 * it must be something that a client cannot choose, such as the authenticated user or tenant. Redis
 * has the response itself, under a SHA-256 of scope and key. {@code Set-Cookie} is never replayed.
 * Put the filter behind authentication, and before whatever reads the body.
 *
 * <p><b>Order.</b> Put {@link RateLimitFilter} before this one. Then a refused request is neither
 * claimed nor recorded, and a replay shows the current state of the limit. Dispatches to an error
 * page pass through.
 *
 * <p><b>Cost.</b> As for {@link IdempotencyService#begin}: two round trips for a new request, one
 * for a replay. Body and response are held in memory. No connection is held while the application
 * works. Thread-safe.
 */
public final class IdempotencyFilter implements Filter {

  static {
    ModuleVersion.check();
  }

  private static final EventLog LOG = EventLog.of(IdempotencyFilter.class);
  private static final String NOT_RECORDED =
      "A request was handled, and its response was not recorded: {}";
  private static final TypeToken<String> TEXT = TypeToken.get(String.class);
  private static final String ATTEMPT = IdempotencyFilter.class.getName() + ".attempt";

  private final IdempotencyService service;
  private final Function<? super HttpServletRequest, ? extends @Nullable String> scope;
  private final Set<String> methods;
  private final boolean keyOptional;
  private final int maxBodyBytes;
  private final List<String> replayedHeaders;
  private final IntPredicate abandonWhen;

  private IdempotencyFilter(Builder builder) {
    this.service = builder.service;
    this.scope = builder.scope;
    this.methods = builder.methods;
    this.keyOptional = builder.keyOptional;
    this.maxBodyBytes = builder.maxBodyBytes;
    Set<String> headers = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
    headers.addAll(List.of("Content-Encoding", "Content-Language"));
    headers.addAll(builder.replayedHeaders);
    headers.remove("Content-Type"); // is replayed anyway, as the container completes it
    this.replayedHeaders = List.copyOf(headers);
    this.abandonWhen = builder.abandonWhen;
  }

  /**
   * Starts a filter.
   *
   * @param service what claims and records; its name must be used for nothing else
   * @param scope who a request is from, such as the authenticated user. The same key of another
   *     scope is another key. Never null or empty
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   */
  public static Builder builder(
      IdempotencyService service,
      Function<? super HttpServletRequest, ? extends @Nullable String> scope) {
    return new Builder(
        Objects.requireNonNull(service, "service"), Objects.requireNonNull(scope, "scope"));
  }

  /**
   * Returns the key under which the service knows a request. It is for {@link
   * IdempotencyService#status}, for {@link IdempotencyService#forget}, and for systems behind the
   * application, such as a database with a unique column.
   *
   * @param scope who the request is from
   * @param key the idempotency key, without the quotes
   * @return a SHA-256 of both; different scopes or keys have different ones
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if one is empty or not valid Unicode
   */
  public static String requestId(String scope, String key) {
    Arguments.requireText(scope, "scope");
    Arguments.requireText(key, "key");
    return Digests.sha256(scope.length() + ":" + scope + key);
  }

  /**
   * Tells the application which attempt at a request this is.
   *
   * @param request the request that it is handling
   * @return 1 normally. More if a server had the request before and vanished, so that nobody knows
   *     how much of the work it has done. 0 if the request did not come through a filter
   */
  public static int attempt(ServletRequest request) {
    return request.getAttribute(ATTEMPT) instanceof Integer attempt ? attempt : 0;
  }

  /**
   * Handles a request once.
   *
   * @param request an HTTP request
   * @param response its response
   * @param chain what handles it
   * @throws IllegalStateException if the scope is null, or the body was read before. If a body has
   *     no {@code Content-Length}, the filter notices that only if it has a {@code
   *     Transfer-Encoding} and was read to its end. Otherwise the part that was read does not count
   *     when requests are compared. So put nothing before this filter that reads such bodies, as
   *     Spring's {@code MultipartFilter} does
   * @throws IllegalArgumentException if the scope is empty or not valid Unicode
   * @throws ServletException if it is not HTTP, or as the application throws it
   * @throws IOException as the container or the application throws it
   */
  @Override
  public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
      throws IOException, ServletException {
    if (!(request instanceof HttpServletRequest http)
        || !(response instanceof HttpServletResponse answer)) {
      throw new ServletException("IdempotencyFilter is for HTTP only");
    }
    List<String> sent = Collections.list(http.getHeaders(IdempotencyKey.HEADER));
    if (!guards(http) || (sent.isEmpty() && keyOptional)) {
      chain.doFilter(request, response);
      return;
    }
    String key = sent.size() == 1 ? IdempotencyKey.parse(sent.get(0)) : null;
    if (key == null) {
      (sent.isEmpty() ? Problem.KEY_MISSING : Problem.KEY_MALFORMED).send(answer);
      return;
    }
    String id = requestId(scopeOf(http), key);
    BufferedRequest buffered = BufferedRequest.read(http, maxBodyBytes);
    if (buffered == null) {
      Problem.BODY_TOO_LARGE.send(answer);
      return;
    }
    if (!buffered.parseForm()) {
      Problem.FORM_MALFORMED.send(answer);
      return;
    }
    handle(Request.of(id).fingerprint(fingerprint(buffered)), buffered, answer, chain);
  }

  /** Neither again, after a forward, nor for the page of an error that was decided on before. */
  private boolean guards(HttpServletRequest request) {
    return methods.contains(request.getMethod())
        && attempt(request) == 0
        && request.getDispatcherType() != DispatcherType.ERROR;
  }

  private String scopeOf(HttpServletRequest request) {
    String found = scope.apply(request);
    if (found == null) {
      throw new IllegalStateException(
          "the scope function of IdempotencyFilter returned null; a request of nobody is not"
              + " handled");
    }
    return found;
  }

  /** What the request asks for. Lengths tell where a part ends. */
  private static String fingerprint(BufferedRequest request) {
    String query = request.getQueryString() == null ? "" : request.getQueryString();
    return request.getMethod()
        + ' '
        + request.getRequestURI().length()
        + ':'
        + request.getRequestURI()
        + query.length()
        + '?'
        + query
        + Fingerprints.bytes(request.body())
        + request.parsedForm();
  }

  private void handle(
      Request request, BufferedRequest http, HttpServletResponse response, FilterChain chain)
      throws IOException, ServletException {
    Claim<String> claim;
    try {
      claim = service.begin(request, TEXT);
    } catch (IdempotencyException e) {
      if (e instanceof InProgressException) {
        response.setHeader("Retry-After", "1");
      }
      problem(e).send(response);
      return;
    } catch (JedisException e) {
      LOG.warn(e, "A request is answered with 503 and not handled, since Redis fails");
      Problem.NOT_CLAIMED.send(response);
      return;
    }
    if (claim.replayed()) {
      replay(claim, response);
    } else {
      run(claim, http, response, chain);
    }
  }

  private static Problem problem(IdempotencyException e) {
    if (e instanceof InProgressException) {
      return Problem.IN_PROGRESS;
    }
    if (e instanceof FingerprintMismatchException) {
      return Problem.OTHER_REQUEST;
    }
    if (e instanceof OutcomeOpenException) {
      return Problem.OUTCOME_OPEN;
    }
    return e instanceof ReplayedFailureException ? Problem.FAILED : Problem.NOT_KEPT;
  }

  private static void replay(Claim<String> claim, HttpServletResponse response) throws IOException {
    String text = claim.result();
    if (text == null) { // too large to be encoded
      Problem.NOT_KEPT.send(response);
      return;
    }
    Answer answer = Answer.decode(text);
    if (answer == null) {
      LOG.warn("A recorded response cannot be read; does something else use the same service?");
      Problem.NOT_KEPT.send(response);
    } else {
      answer.replay(response);
    }
  }

  private void run(
      Claim<String> claim, BufferedRequest request, HttpServletResponse real, FilterChain chain)
      throws IOException, ServletException {
    CapturedResponse captured = new CapturedResponse(real);
    request.setAttribute(ATTEMPT, claim.attempt());
    try {
      chain.doFilter(request, captured);
    } catch (Throwable failure) {
      fail(claim, failure);
      throw failure;
    }
    Answer answer = captured.answer(replayedHeaders);
    if (abandons(claim, answer.status())) {
      abandon(claim);
    } else {
      complete(claim, answer);
    }
    if (real.isCommitted()) {
      LOG.warn(
          "A response was closed before it was sent, as Tomcat does after a forward unless the"
              + " context's suspendWrappedResponseAfterForward is false");
    } else {
      answer.sendBody(real);
    }
  }

  /** If it cannot be told whether to keep an answer, nobody is to do the work again. */
  private boolean abandons(Claim<String> claim, int status) {
    try {
      return abandonWhen.test(status);
    } catch (RuntimeException | Error e) {
      complete(claim, new Answer(500, true, List.of(), new byte[0]));
      throw e;
    }
  }

  private static void fail(Claim<String> claim, Throwable failure) {
    try {
      if (!claim.fail(failure)) {
        LOG.warn("A request failed after another server had taken it over");
      }
    } catch (JedisException | StoredResultException e) {
      failure.addSuppressed(e);
    }
  }

  private static void abandon(Claim<String> claim) {
    try {
      claim.abandon();
    } catch (JedisException | StoredResultException e) {
      LOG.warn(e, "The key of a request that failed is not free yet");
    }
  }

  private static void complete(Claim<String> claim, Answer answer) {
    try {
      String text = answer.encode();
      claim.complete(text);
      if (text == null) {
        LOG.warn(NOT_RECORDED, ResultNotRecordedException.Reason.TOO_LARGE);
      }
    } catch (ResultNotRecordedException e) {
      LOG.warn(NOT_RECORDED, e.reason());
    }
  }

  /** Sets up an {@link IdempotencyFilter}. Not thread-safe. */
  public static final class Builder {

    /** That a repetition has no effect is their own promise, and their responses are large. */
    private static final Set<String> SAFE = Set.of("GET", "HEAD", "OPTIONS", "TRACE");

    private static final Set<String> NEVER_REPLAYED =
        Set.of("set-cookie", "set-cookie2", "content-length", "transfer-encoding", "connection");

    private static final Pattern TOKEN = Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+");
    private static final int LARGEST_BODY = 512 << 20;

    private final IdempotencyService service;
    private final Function<? super HttpServletRequest, ? extends @Nullable String> scope;
    private Set<String> methods = Set.of("POST", "PATCH");
    private boolean keyOptional;
    private int maxBodyBytes = 1 << 20;
    private List<String> replayedHeaders = List.of("Location", "ETag");
    private IntPredicate abandonWhen = status -> status == 429 || status >= 500;

    private Builder(
        IdempotencyService service,
        Function<? super HttpServletRequest, ? extends @Nullable String> scope) {
      this.service = service;
      this.scope = scope;
    }

    /**
     * Sets the methods whose requests are guarded. All others pass.
     *
     * @param first a method
     * @param more others; {@code POST} and {@code PATCH} unless set
     * @return this builder
     * @throws NullPointerException if one is null
     * @throws IllegalArgumentException if one is no method, or one that is safe, such as {@code
     *     GET}
     */
    @CanIgnoreReturnValue
    public Builder methods(String first, String... more) {
      Set<String> all = new LinkedHashSet<>();
      all.add(requireMethod(first));
      for (String method : more) {
        all.add(requireMethod(method));
      }
      this.methods = Set.copyOf(all);
      return this;
    }

    private static String requireMethod(String method) {
      requireToken(method, "method");
      if (SAFE.contains(method)) {
        throw new IllegalArgumentException(
            "method must not be a safe one, which may be repeated anyway, but is " + method);
      }
      return method;
    }

    @CanIgnoreReturnValue
    private static String requireToken(String value, String argument) {
      Objects.requireNonNull(value, argument);
      if (!TOKEN.matcher(value).matches()) {
        throw new IllegalArgumentException(argument + " must be a token, but is '" + value + "'");
      }
      return value;
    }

    /**
     * Lets requests without a key pass, unguarded. Unless this is called, they are answered with
     * 400.
     *
     * @return this builder
     */
    @CanIgnoreReturnValue
    public Builder keyOptional() {
      this.keyOptional = true;
      return this;
    }

    /**
     * Sets the largest body that a guarded request may have.
     *
     * @param bytes from 0 to 512 MiB; 1 MiB unless set
     * @return this builder
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder maxBodyBytes(int bytes) {
      this.maxBodyBytes = (int) Arguments.requireRange(bytes, "maxBodyBytes", 0, LARGEST_BODY);
      return this;
    }

    /**
     * Sets the header fields that are recorded and replayed, besides those that say how to read the
     * body. Choose none that belongs to one moment or one connection.
     *
     * @param names the names of fields; {@code Location} and {@code ETag} unless set
     * @return this builder
     * @throws NullPointerException if one is null
     * @throws IllegalArgumentException if one is no name of a field, or is {@code Set-Cookie},
     *     {@code Content-Length}, {@code Transfer-Encoding} or {@code Connection}
     */
    @CanIgnoreReturnValue
    public Builder replayedHeaders(String... names) {
      for (String name : names) {
        requireToken(name, "header");
        if (NEVER_REPLAYED.contains(name.toLowerCase(Locale.ROOT))) {
          throw new IllegalArgumentException("header must be one to replay, but is " + name);
        }
      }
      this.replayedHeaders = List.of(names);
      return this;
    }

    /**
     * Sets which answers are not kept, so that the request may be sent again and handled anew. 429
     * is one of them by default, since the request was not handled. To keep all answers: {@code
     * abandonWhen(status -> false)}.
     *
     * @param statuses whether an answer with this status is not kept; 429, and 500 and above,
     *     unless set
     * @return this builder
     * @throws NullPointerException if {@code statuses} is null
     */
    @CanIgnoreReturnValue
    public Builder abandonWhen(IntPredicate statuses) {
      this.abandonWhen = Objects.requireNonNull(statuses, "statuses");
      return this;
    }

    /**
     * Returns the filter.
     *
     * @return a new filter
     */
    public IdempotencyFilter build() {
      return new IdempotencyFilter(this);
    }
  }
}
