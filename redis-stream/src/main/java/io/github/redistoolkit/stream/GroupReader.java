package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Daemons;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.stream.GroupConsumer.Joined;
import io.github.redistoolkit.stream.GroupConsumer.NextRead;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Protocol.Command;

/**
 * What reads for one consumer, in a {@link ReadingLoop} on a thread and a connection of its own,
 * until the end of the subscription.
 *
 * <p>Over a new connection it first reads what the server has given to the consumer already:
 * replies may have been lost with the connection before. Then it takes over what others have left,
 * and reads what is new.
 */
final class GroupReader<T> implements ReadingLoop.Reader {

  private static final ThreadFactory THREADS = Daemons.named("redis-stream-reader-");

  /** How long a read blocks. A failover without a broken connection is noticed after that. */
  private static final long BLOCK_MILLIS = 2_000;

  private static final int PAGE = 100;
  private static final byte[] CLAIM = {'c', 'l', 'a', 'i', 'm'};

  private final GroupConsumer<T> consumer;
  private final Settings<T> settings;
  private final RedisAccess redis;
  private final OwnConnection connection;
  private final ReadingLoop loop;
  private final Ticker ticker;
  private final long claimNanos;
  private final Upkeep upkeep;

  // Guarded by the lock of the consumer's life.
  private boolean ended;

  // Used by the thread alone that reads.
  private long nextClaim;

  GroupReader(GroupConsumer<T> consumer, Ticker ticker) {
    this.consumer = consumer;
    this.ticker = ticker;
    this.settings = consumer.settings;
    this.redis = settings.redis();
    this.connection = new OwnConnection(redis, consumer.mainKey);
    this.loop =
        new ReadingLoop(
            this, connection, consumer::rest, ticker, THREADS, settings.reports(), consumer);
    this.claimNanos = settings.lease().toNanos() / 3;
    this.upkeep = new Upkeep(settings, consumer.group, consumer.name, consumer, ticker);
    this.nextClaim = ticker.nanoTime();
  }

  void start() {
    loop.start();
  }

  /** Has it look soon whether the group is still the same. */
  void rejoin() {
    loop.rejoin();
    consumer.life.change(() -> {}); // should it wait for room
  }

  boolean isToRejoin() {
    return loop.isToRejoin();
  }

  /** Whether the thread that reads calls handlers; what they do is then acknowledged by it. */
  boolean isAtWork() {
    return loop.isAtWork();
  }

  /** Ends a read that blocks. */
  void cut() {
    connection.cut();
  }

  /** Waits until nothing is read any more, unless it is the thread that reads that asks. */
  void awaitEnd(long deadlineNanos) throws InterruptedException {
    if (!loop.isOnItsThread()) {
      boolean unused = consumer.life.await(deadlineNanos, () -> ended);
    }
  }

  @Override
  public void readingEnded() {
    consumer.life.change(() -> ended = true);
  }

  @Override
  public boolean goesOn() {
    return consumer.isActive();
  }

  @Override
  public void clientClosed() {
    consumer.abandon();
  }

  @Override
  public void read() throws InterruptedException {
    boolean keeps = upkeep.isDue();
    // If both are due at about the same time, one look at the group serves both.
    long early = keeps ? claimNanos / 10 : 0;
    boolean claims = ticker.nanoTime() + early - nextClaim >= 0;
    boolean pending = !keeps || keep();
    if (consumer.wantsClaims() || (claims && pending)) {
      claim();
    } else if (claims) {
      nextClaim = ticker.nanoTime() + claimNanos;
    }
    long due = nextClaim - upkeep.due() < 0 ? nextClaim : upkeep.due();
    NextRead next = consumer.awaitRoom(due);
    if (next.room() > 0) {
      read(next, due);
    }
  }

  @Override
  public void work() {
    consumer.work(loop);
  }

  private String key(boolean again) {
    return again ? consumer.againKey : consumer.mainKey;
  }

  @Override
  public void join() {
    String after = consumer.rejoinAfter();
    consumer.joined(
        Joined.of(
            connection.run(
                StreamScripts.JOIN,
                List.of(consumer.mainKey, consumer.againKey, settings.keys().groups()),
                List.of(consumer.group, after, after))));
  }

  @Override
  public void recover() {
    recover(false);
    recover(true);
  }

  private void recover(boolean again) {
    String from = "-";
    List<Entry> page;
    do {
      // First: what is done with meanwhile is still among them.
      Set<String> known = consumer.heldOf(again);
      long asked = ticker.nanoTime();
      page =
          StreamReplies.entries(
              connection.run(
                  StreamScripts.OWN,
                  List.of(key(again), settings.keys().groups()),
                  List.of(consumer.group, consumer.name, from, String.valueOf(PAGE))));
      List<Entry> unknown =
          page.stream()
              .filter(entry -> entry.delivery() > 0 && !known.contains(entry.id()))
              .filter(entry -> !dismissed(entry, again))
              .toList();
      consumer.takeOver(unknown, again, asked);
      if (!page.isEmpty()) {
        from = "(" + page.get(page.size() - 1).id();
      }
    } while (page.size() == PAGE);
  }

  /**
   * Takes over what others have left, and this consumer itself, but no more than can begin at once.
   */
  private void claim() {
    boolean more = false;
    for (boolean again : new boolean[] {false, true}) {
      int most = consumer.freeSlots();
      Set<String> held = consumer.heldOf(again);
      List<String> args =
          new ArrayList<>(
              List.of(
                  consumer.group,
                  consumer.name,
                  String.valueOf(settings.lease().toMillis()),
                  String.valueOf(most),
                  String.valueOf(most + held.size() + 16)));
      args.addAll(held);
      long asked = ticker.nanoTime();
      List<?> reply =
          StreamReplies.list(
              connection.run(
                  StreamScripts.CLAIM, List.of(key(again), settings.keys().groups()), args));
      List<Entry> taken =
          StreamReplies.entries(reply.get(0)).stream()
              .filter(entry -> !dismissed(entry, again))
              .toList();
      consumer.takeOver(taken, again, asked);
      more |= StreamReplies.number(reply.get(1)) == 1;
    }
    nextClaim = ticker.nanoTime() + claimNanos;
    consumer.claimsFirst(more);
  }

  /** Returns whether anybody has anything that could be taken over. */
  private boolean keep() {
    Upkeep.Found found = upkeep.run(connection);
    if (consumer.isGeneration(found.generation())) {
      consumer.joined(new Joined(found.generation(), found.last()));
    } else {
      loop.rejoin();
    }
    return found.pending() > 0;
  }

  private void read(NextRead next, long due) {
    long untilDue = TimeUnit.NANOSECONDS.toMillis(due - ticker.nanoTime());
    long block = Math.max(1, Math.min(BLOCK_MILLIS, untilDue));
    String again = redis.key(consumer.againKey);
    CommandArguments command =
        new CommandArguments(Command.XREADGROUP)
            .add("GROUP")
            .add(consumer.group)
            .add(consumer.name)
            .add("COUNT")
            .add(next.room())
            .add("BLOCK")
            .add(block)
            .add("STREAMS")
            .add(redis.key(consumer.mainKey))
            .add(again)
            .add(">")
            .add(">");
    // From when the leases last at least: this process may have stood still since.
    long asked = ticker.nanoTime();
    Object reply = connection.call(acknowledging(next.acks()), command, block);
    for (Object each : StreamReplies.list(reply)) {
      List<?> stream = StreamReplies.list(each);
      boolean isAgain = StreamReplies.text(stream.get(0)).equals(again);
      consumer.read(
          StreamReplies.entries(stream.get(1)).stream()
              .filter(entry -> !dismissed(entry, isAgain))
              .toList(),
          isAgain,
          asked);
    }
  }

  /** Acknowledges along with a read: over another connection that would be another round trip. */
  private OwnConnection.@Nullable Ahead acknowledging(List<Held> acks) {
    if (acks.isEmpty()) {
      return null;
    }
    CommandArguments command =
        new CommandArguments(Command.XACK).add(redis.key(consumer.mainKey)).add(consumer.group);
    acks.forEach(each -> command.add(each.place.entry()));
    return new OwnConnection.Ahead(
        command, () -> consumer.acknowledged(acks), () -> consumer.unacknowledged(acks));
  }

  /** What a consumer that left has written to wake another. */
  private boolean dismissed(Entry entry, boolean again) {
    boolean wakes =
        again && entry.fields().size() == 2 && Arrays.equals(entry.fields().get(0), CLAIM);
    if (wakes) {
      consumer.dismiss(entry);
      nextClaim = ticker.nanoTime();
    }
    return wakes;
  }
}
