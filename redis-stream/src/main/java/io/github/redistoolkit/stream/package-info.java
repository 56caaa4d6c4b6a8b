/**
 * A durable topic on Redis Streams over the Jedis client you already have: each message reaches
 * each group at least once.
 *
 * <p>{@link io.github.redistoolkit.stream.DurableTopic} publishes values as JSON and hands them to
 * typed handlers. Use it for what must not be lost while a consumer is away: events that others act
 * on, work that is to be done by one of several processes. A handler that fails is called again,
 * one that dies is replaced, and a message that nobody can handle ends among the dead letters.
 *
 * <p>The words: a topic is what is published to; it is durable, since it keeps its messages. Each
 * of its partitions, or the topic itself if it has one only, is a stream of Redis: the word means
 * nothing else here. A group has consumers, and a subscription is one of them.
 *
 * <p>Do not use it where a message may be lost but must be quick to hundreds of subscribers: that
 * is what publish and subscribe is for. It is never exactly once; wrap what must happen once in an
 * idempotency key made of the topic, the group and the id of the message.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
