package com.example.app;

import redis.clients.jedis.RedisClient;

public final class Main {

  private Main() {}

  public static void main(String[] args) throws InterruptedException {
    try (RedisClient client = RedisClient.create("127.0.0.1", Integer.getInteger("redis.port"))) {
      Exercise.run(client);
      if (!Main.class.getModule().isNamed()) {
        throw new IllegalStateException("on the class path");
      }
      System.out.println("all five modules work");
    }
  }
}
