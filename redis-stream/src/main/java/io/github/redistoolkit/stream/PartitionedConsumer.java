package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Alarms.Alarm;
import io.github.redistoolkit.core.Callbacks;
import io.github.redistoolkit.core.Renewable;
import io.github.redistoolkit.core.Renewals;
import io.github.redistoolkit.stream.GroupConsumer.Joined;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * One consumer of a group of a topic with partitions: knows how many consumers there are, has its
 * share of the partitions, and runs handlers for them, no more at a time than it may.
 *
 * <p>There is no coordinator. Each consumer says in Redis that it is there, and learns how many do,
 * so all come to the same shares. Who has more than its share lets go, who has less takes what
 * nobody has. That no two have the same is decided at the partition alone, by its lease.
 * Thread-safe.
 */
final class PartitionedConsumer<T> extends OwnSubscription implements Workers.Work {

  private static final long LEAVE_MILLIS = 1_000;

  /** How often it says that it is there, at least. */
  private static final long LONGEST_BEAT_NANOS = TimeUnit.SECONDS.toNanos(2);

  /** For how long a member that has left is remembered, so that nothing late brings it back. */
  private static final long LONGEST_SEND_MILLIS = 10_000;

  final Settings<T> settings;
  final String group;
  final String name = UUID.randomUUID().toString();
  final Partitions partitions;
  final DurableHandler<T> handler;

  private final Renewals renewals;
  private final Workers workers;

  // Guarded by the lock of its life.
  private final List<@Nullable OwnedPartition<T>> owned;
  private final List<Joined> known;
  private final long[] fences;
  private final Deque<OwnedPartition<T>> runnable = new ArrayDeque<>();
  private int share;
  private boolean asking;
  private @Nullable Alarm nextBeat;

  PartitionedConsumer(
      Settings<T> settings,
      Partitions partitions,
      String group,
      DurableHandler<T> handler,
      List<Joined> joined,
      Consumer<OwnSubscription> onClosed) {
    super(settings, group, onClosed);
    this.settings = settings;
    this.partitions = partitions;
    this.group = group;
    this.handler = handler;
    this.renewals = Renewals.of(settings.redis());
    this.workers = new Workers(this, settings, this);
    this.owned = new ArrayList<>(Collections.nCopies(partitions.count(), null));
    this.known = new ArrayList<>(joined);
    this.fences = new long[partitions.count()];
  }

  @Override
  void start() {
    beat();
  }

  // Who is there, and whose share is what.

  private void beat() {
    if (life.isClosed()) {
      return;
    }
    if (settings.redis().isClosed()) {
      abandon();
      return;
    }
    long lease = settings.lease().toMillis();
    try {
      if (life.isOpen()) {
        renewals.send(
            partitions.whole().members(group),
            Math.max(1, lease / 3),
            new OneRequest(
                settings.reports(),
                () -> life.isOpen() ? sayThere(lease) : null,
                (reply, asked) -> told(reply),
                () -> {}));
      }
    } finally {
      long due = ticker.nanoTime() + Math.min(LONGEST_BEAT_NANOS, settings.lease().toNanos() / 3);
      life.change(() -> nextBeat = life.isClosed() ? null : alarms.at(due, this::beat));
    }
  }

  private Renewable.Request sayThere(long millis) {
    long memory = Math.min(settings.lease().toMillis(), LONGEST_SEND_MILLIS);
    return new Renewable.Request(
        StreamScripts.MEMBERS,
        List.of(partitions.whole().members(group), partitions.whole().stream()),
        List.of(
            name,
            String.valueOf(millis),
            String.valueOf(memory),
            String.valueOf(partitions.count())));
  }

  private void told(@Nullable Object reply) {
    List<?> parts = StreamReplies.list(reply);
    int members = Math.toIntExact(StreamReplies.number(parts.get(0)));
    int before = Math.toIntExact(StreamReplies.number(parts.get(1)));
    if (members < 0) {
      settings
          .reports()
          .log
          .warn("Topic {} has {} partitions now; it is no more read here", topic(), before);
    }
    int mine = members <= 0 ? 0 : share(partitions.count(), members, before);
    List<OwnedPartition<T>> excess = life.locked(() -> excess(mine));
    excess.forEach(OwnedPartition::stop);
    boolean asks =
        life.locked(
            () -> {
              boolean first = !asking && active().size() < share;
              asking |= first;
              return first;
            });
    if (asks) {
      ask(candidates());
    }
  }

  /** How many of the partitions a member has of which so many come before it. */
  static int share(int partitions, int members, int before) {
    return partitions / members + (before < partitions % members ? 1 : 0);
  }

  /** Those to let go, first those that have nothing to do. */
  private List<OwnedPartition<T>> excess(int newShare) {
    share = newShare;
    List<OwnedPartition<T>> active = active();
    active.sort(Comparator.comparing((OwnedPartition<T> each) -> !each.isIdle()));
    return active.subList(0, Math.max(0, active.size() - share));
  }

  private List<OwnedPartition<T>> active() {
    List<OwnedPartition<T>> active = new ArrayList<>();
    for (OwnedPartition<T> each : owned) {
      if (each != null && !each.isEnding()) {
        active.add(each);
      }
    }
    return active;
  }

  /** In any order, so that consumers do not all ask for the same. */
  private Deque<Integer> candidates() {
    List<Integer> all = new ArrayList<>(IntStream.range(0, partitions.count()).boxed().toList());
    Collections.shuffle(all);
    return new ArrayDeque<>(all);
  }

  /** Asks for one partition after the other, until it has its share or has asked for all. */
  private void ask(Deque<Integer> candidates) {
    Integer next = life.locked(() -> nextOf(candidates));
    if (next == null) {
      return;
    }
    String key = partitions.parts().get(next).groups();
    long lease = settings.lease().toMillis();
    List<String> args =
        List.of(
            group, name, String.valueOf(lease), String.valueOf(life.locked(() -> fences[next])));
    Renewable.Request request = new Renewable.Request(StreamScripts.ACQUIRE, List.of(key), args);
    try {
      renewals.send(
          key,
          Math.max(1, lease / 3),
          new OneRequest(
              settings.reports(),
              () -> request,
              (reply, asked) -> {
                granted(next, StreamReplies.number(reply), asked);
                ask(candidates);
              },
              () -> ask(candidates)));
    } catch (Throwable t) { // an Error where no thread can be had
      life.change(() -> asking = false);
      settings.reports().log.warn(t, "A partition could not be asked for; trying again");
    }
  }

  private @Nullable Integer nextOf(Deque<Integer> candidates) {
    while (life.isOpen() && active().size() < share) {
      Integer next = candidates.poll();
      if (next == null) {
        break;
      }
      if (owned.get(next) == null) {
        return next;
      }
    }
    asking = false;
    return null;
  }

  private void granted(int partition, long fence, long asked) {
    if (fence == 0) {
      return;
    }
    OwnedPartition<T> taken = life.locked(() -> take(partition, fence, asked));
    if (taken != null) {
      taken.start();
    } else if (life.locked(() -> fences[partition] != fence)) {
      // The answer to what was sent twice, or too late.
      letGo(partition, fence);
    }
  }

  private @Nullable OwnedPartition<T> take(int partition, long fence, long asked) {
    if (!life.isOpen() || owned.get(partition) != null || fence <= fences[partition]) {
      return null;
    }
    OwnedPartition<T> taken =
        new OwnedPartition<>(this, partition, fence, asked, known.get(partition));
    owned.set(partition, taken);
    fences[partition] = fence;
    return taken;
  }

  private void letGo(int partition, long fence) {
    TopicKeys keys = partitions.parts().get(partition);
    Renewable.Request request =
        new Renewable.Request(
            StreamScripts.HANDOVER,
            List.of(keys.stream(), keys.again(group), keys.groups()),
            List.of(group, name, String.valueOf(fence), "0", "0", "0", "0"));
    renewals.send(
        keys.stream(),
        LEAVE_MILLIS,
        new OneRequest(settings.reports(), () -> request, (reply, asked) -> {}, () -> {}));
  }

  /** A partition is another's, or nobody's. */
  void ended(OwnedPartition<T> partition, Joined last) {
    life.change(
        () -> {
          if (owned.get(partition.number) == partition) {
            known.set(partition.number, last);
            owned.set(partition.number, null);
          }
        });
  }

  // What handlers do.

  /** Has handlers work on a partition, if there is something that may begin. */
  void offer(OwnedPartition<T> partition) {
    life.change(() -> addIfRunnable(partition));
    workers.pump();
  }

  /** The same for the thread that reads it, which may call its handler itself. */
  void work(OwnedPartition<T> partition, ReadingLoop loop) {
    life.change(() -> addIfRunnable(partition));
    workers.pump(loop, () -> handleNextOf(partition));
  }

  private void addIfRunnable(OwnedPartition<T> partition) {
    if (partition.mayBegin(ticker.nanoTime()) && !runnable.contains(partition)) {
      runnable.add(partition);
    }
  }

  /** On a thread that may run handlers, should the executor do so. */
  void offerSoon(OwnedPartition<T> partition) {
    Callbacks.shared().run(() -> offer(partition));
  }

  @Override
  public boolean isForOneMore(int atWork) {
    // Not more than there are partitions: each has one handler at a time.
    return atWork < Math.min(settings.concurrency(), partitions.count()) && !runnable.isEmpty();
  }

  @Override
  public boolean handleNext() {
    OwnedPartition<T> next = life.locked(runnable::poll);
    return next != null && (handleNextOf(next) || life.locked(() -> !runnable.isEmpty()));
  }

  private boolean handleNextOf(OwnedPartition<T> partition) {
    boolean unused = life.locked(() -> runnable.remove(partition)); // nobody else need look for it
    boolean handled = partition.handleNext();
    life.change(() -> addIfRunnable(partition));
    return handled;
  }

  // The end.

  @Override
  void beginClose() {
    life.beginClose();
    all().forEach(OwnedPartition::stop);
  }

  private List<OwnedPartition<T>> all() {
    return life.locked(() -> owned.stream().filter(Objects::nonNull).map(this::given).toList());
  }

  private OwnedPartition<T> given(@Nullable OwnedPartition<T> partition) {
    return Objects.requireNonNull(partition);
  }

  @Override
  boolean finishClose(long deadlineNanos) {
    boolean ended = false;
    try {
      // Sent meanwhile, so that others take over as soon as a partition is free.
      boolean last = !life.isClosed();
      if (last && !settings.redis().isClosed()) {
        renewals.send(
            partitions.whole().members(group),
            LEAVE_MILLIS,
            new OneRequest(settings.reports(), () -> sayThere(0), (reply, asked) -> {}, () -> {}));
      }
      long patience = deadlineNanos + TimeUnit.MILLISECONDS.toNanos(LEAVE_MILLIS);
      boolean idle = workers.awaitIdle(deadlineNanos);
      int own = Handling.isBy(this) ? 1 : 0;
      ended = life.await(idle ? patience : deadlineNanos, () -> countOwned() <= own) && idle;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    all().forEach(OwnedPartition::abandon);
    end();
    return ended;
  }

  private long countOwned() {
    return owned.stream().filter(Objects::nonNull).count();
  }

  private void end() {
    if (life.close()) {
      life.change(
          () -> {
            if (nextBeat != null) {
              nextBeat.cancel();
            }
          });
      closed();
    }
  }

  /** Because the pool or client is closed, and nothing can be told to Redis any more. */
  void abandon() {
    life.beginClose();
    for (OwnedPartition<T> each : all()) {
      each.stop();
      each.abandon();
    }
    end();
  }
}
