package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.concurrent.Executor;

/** What the builder collects. */
record Settings(
    Payloads payloads,
    Executor executor,
    Duration heartbeat,
    Duration longestSilence,
    Duration maxWait,
    long queueBytes,
    Overflow overflow,
    PubSubListener listener,
    Ticker ticker) {}
