package com.example.app;

import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import redis.clients.jedis.JedisPool;

/** An application with the pool that it always had. */
@SpringBootApplication
public class Application {

  public static void main(String[] args) {
    SpringApplication.run(Application.class, args).close();
  }

  @Bean
  @SuppressWarnings("deprecation")
  JedisPool pool() {
    return new JedisPool("127.0.0.1", Integer.getInteger("redis.port"));
  }

  @Bean
  CommandLineRunner work(JedisPool pool) {
    return args -> {
      Exercise.run(pool);
      System.out.println("all five modules work");
    };
  }
}
