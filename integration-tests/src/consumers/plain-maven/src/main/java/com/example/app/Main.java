package com.example.app;

import redis.clients.jedis.JedisPool;
import redis.clients.jedis.RedisClient;

public final class Main {

  private Main() {}

  public static void main(String[] args) throws InterruptedException {
    int port = Integer.getInteger("redis.port");
    try (JedisPool pool = new JedisPool("127.0.0.1", port);
        RedisClient client = RedisClient.create("127.0.0.1", port)) {
      Exercise.run(pool);
      Exercise.run(client);
      System.out.println("all five modules work");
    }
  }
}
