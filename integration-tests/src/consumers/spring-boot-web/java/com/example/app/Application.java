package com.example.app;

import io.github.redistoolkit.spring.IdempotencyScope;
import io.github.redistoolkit.spring.ToolkitCaches;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.server.servlet.context.ServletWebServerApplicationContext;
import org.springframework.cache.annotation.Cacheable;
import org.springframework.cache.annotation.EnableCaching;
import org.springframework.context.annotation.Bean;
import org.springframework.stereotype.Component;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/** A web application that has nothing of the toolkit but its starter and some properties. */
@SpringBootApplication
@EnableCaching
public class Application {

  public static void main(String[] args) throws Exception {
    try (ServletWebServerApplicationContext context =
        (ServletWebServerApplicationContext) SpringApplication.run(Application.class, args)) {
      @SuppressWarnings("unchecked")
      Pool<Jedis> pool = context.getBean(Pool.class);
      Exercise.run(pool);
      Visitor.visit(context.getWebServer().getPort());
      System.out.println("all five modules work");
    }
  }

  @Bean
  ToolkitCaches caches(Pool<Jedis> pool) {
    return ToolkitCaches.builder(pool)
        .cache("products", Product.class, Duration.ofMinutes(10))
        .build();
  }

  /** Without Spring Security, every request here is the same user's. */
  @Bean
  IdempotencyScope scope() {
    return request -> "everyone";
  }

  public record Product(String id, int reads) {}

  public record Order(String product, int number) {}

  @Component
  public static class Products {

    private final AtomicInteger reads = new AtomicInteger();

    @Cacheable(cacheNames = "products", sync = true)
    public Product find(String id) {
      return new Product(id, reads.incrementAndGet());
    }
  }

  /** Ships what was ordered, also what was while nobody was here. */
  @Component
  public static class Shipping {

    Shipping(DurableTopic<Order> topic) {
      topic.subscribe("shipping", From.start(), message -> System.out.println(message.body()));
    }
  }

  @RestController
  public static class Shop {

    private final Products products;
    private final DurableTopic<Order> topic;
    private final AtomicInteger orders = new AtomicInteger();

    Shop(Products products, DurableTopic<Order> topic) {
      this.products = products;
      this.topic = topic;
    }

    @GetMapping("/products/{id}")
    Product product(@PathVariable("id") String id) {
      return products.find(id);
    }

    @PostMapping("/orders")
    Order order(@RequestBody String product) {
      Order order = new Order(product, orders.incrementAndGet());
      topic.publish(order);
      return order;
    }
  }
}
