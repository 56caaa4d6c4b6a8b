package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.XAddParams;
import redis.clients.jedis.params.XAutoClaimParams;
import redis.clients.jedis.params.XReadGroupParams;
import redis.clients.jedis.resps.StreamEntry;

/** A consumer of a stream that acknowledges after it has executed: each message has one effect. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyStreamIT {

  private static final String GROUP = "group";
  private static final String ID = "id";
  private static final TypeToken<String> TEXT = TypeToken.get(String.class);

  private final UnifiedJedis redis;
  private final IdempotencyService service;
  private final String stream;
  private final List<String> effects = new ArrayList<>();

  IdempotencyStreamIT(TestRedis redis) {
    this.redis = redis.admin();
    this.service = Services.on(redis);
    this.stream = redis.unique("stream");
  }

  @BeforeEach
  void createGroup() {
    assertThat(redis.xgroupCreate(stream, GROUP, new StreamEntryID("0-0"), true), is("OK"));
  }

  @AfterEach
  void deleteStream() {
    redis.del(stream);
  }

  private List<String> send(int count) {
    List<String> ids = IntStream.range(0, count).mapToObj(n -> stream + "-message-" + n).toList();
    ids.forEach(id -> redis.xadd(stream, XAddParams.xAddParams(), Map.of(ID, id)));
    return ids;
  }

  private List<StreamEntry> receive(String consumer) {
    return redis
        .xreadGroup(
            GROUP,
            consumer,
            XReadGroupParams.xReadGroupParams().count(100),
            Map.of(stream, StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY))
        .get(0)
        .getValue();
  }

  private List<StreamEntry> takeOver(String consumer) {
    return redis
        .xautoclaim(
            stream,
            GROUP,
            consumer,
            0,
            new StreamEntryID("0-0"),
            XAutoClaimParams.xAutoClaimParams().count(100))
        .getValue();
  }

  private void acknowledge(StreamEntry entry) {
    assertThat(redis.xack(stream, GROUP, entry.getID()), is(1L));
  }

  private void handle(StreamEntry entry) {
    service.execute(entry.getFields().get(ID), claim -> effects.add(entry.getFields().get(ID)));
  }

  @Test
  void messagesThatComeAgainHaveNoSecondEffect() {
    List<String> sent = send(10);
    List<StreamEntry> first = receive("first");
    first.forEach(this::handle);
    // It dies before most of its acknowledgements.
    first.subList(0, 3).forEach(this::acknowledge);

    List<StreamEntry> again = takeOver("second");
    assertThat(again.size(), is(7));
    again.forEach(
        entry -> {
          handle(entry);
          acknowledge(entry);
        });
    assertThat(effects, is(sent));
    assertThat(takeOver("third"), is(empty()));
  }

  @Test
  void aMessageSentTwiceByItsProducerHasOneEffect() {
    List<String> sent = send(2);
    assertThat(send(2), is(sent)); // the producer got no reply to the first
    receive("first")
        .forEach(
            entry -> {
              handle(entry);
              acknowledge(entry);
            });
    assertThat(effects, is(sent));
  }

  @Test
  void aBatchIsBegunAtOnceAndWhatAnotherIsWorkingOnIsLeftToComeAgain() {
    List<String> sent = send(5);
    Claim<String> busy = service.begin(Request.of(sent.get(2)), TEXT);
    List<StreamEntry> entries = receive("first");
    List<Request> requests =
        entries.stream().map(entry -> Request.of(entry.getFields().get(ID))).toList();
    List<Begun<String>> begun = service.beginAll(requests, TEXT);
    for (int n = 0; n < entries.size(); n++) {
      StreamEntry entry = entries.get(n);
      begun
          .get(n)
          .claim()
          .ifPresent(
              claim -> {
                if (!claim.replayed()) {
                  effects.add(entry.getFields().get(ID));
                  claim.complete("done");
                }
                acknowledge(entry);
              });
    }
    assertThat(effects, is(List.of(sent.get(0), sent.get(1), sent.get(3), sent.get(4))));
    busy.abandon();
    List<StreamEntry> left = takeOver("second");
    assertThat(left.size(), is(1));
    handle(left.get(0));
    assertThat(effects.size(), is(5));
  }
}
