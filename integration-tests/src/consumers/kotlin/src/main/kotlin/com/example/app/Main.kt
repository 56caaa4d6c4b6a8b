package com.example.app

import io.github.redistoolkit.cache.CacheService
import io.github.redistoolkit.idempotency.IdempotencyService
import io.github.redistoolkit.lock.RedisLock
import io.github.redistoolkit.pubsub.RedisPubSub
import io.github.redistoolkit.ratelimit.Limit
import io.github.redistoolkit.ratelimit.RateLimiter
import java.time.Duration
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import redis.clients.jedis.RedisClient

data class User(val id: String, val name: String)

fun main() {
    val minute = Duration.ofMinutes(1)
    val john = User("1", "John")
    RedisClient.create("127.0.0.1", Integer.getInteger("redis.port")).use { client ->
        CacheService.builder(client, "user:", User::class.java).build().use { cache ->
            cache.set("1", john, minute)
            check(cache.get("1").get() == john)
            check(cache.getOrLoad("2", minute) { User("2", "Ann") } == User("2", "Ann"))
        }

        val requests = IdempotencyService(client, "receipts", minute)
        var charged = 0
        repeat(2) {
            val receipt = requests.execute("k", User::class.java) { User("receipt", "${++charged}") }
            check(receipt == User("receipt", "1"))
        }

        RedisLock(client, "resource", minute).acquire(minute).use { lease -> check(lease.token() > 0) }

        val limiter = RateLimiter.builder(client, "calls").limit(Limit.of(1, minute)).build()
        check(limiter.tryAcquire("user").allowed())
        check(!limiter.tryAcquire("user").allowed())

        RedisPubSub(client).use { pubsub ->
            val received = LinkedBlockingQueue<User>()
            val subscription =
                pubsub.subscribe("users", User::class.java) { message -> received.add(message.body()) }
            pubsub.publish("users", john)
            check(received.poll(10, TimeUnit.SECONDS) == john)
            check(subscription.isActive)
        }
    }
    println("all five modules work")
}
