package io.github.redistoolkit.pubsub;

import com.google.gson.Gson;
import java.time.Duration;
import java.util.concurrent.Executor;

/** What the builder collects. */
record Settings(
    Gson gson,
    Executor executor,
    Duration heartbeat,
    Duration longestSilence,
    Duration subscribeTimeout,
    long queueBytes,
    Overflow overflow,
    PubSubListener listener) {}
