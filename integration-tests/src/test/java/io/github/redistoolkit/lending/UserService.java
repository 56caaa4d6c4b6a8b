package io.github.redistoolkit.lending;

import io.github.redistoolkit.cache.CacheAside;
import io.github.redistoolkit.cache.CacheService;
import java.time.Duration;

/** Users, read through the cache; an update invalidates what is cached. */
final class UserService {

  private final LendingDatabase database;
  private final CacheAside<String, User> users;

  UserService(LendingDatabase database, CacheService<User> cache) {
    this.database = database;
    this.users =
        new CacheAside<>(
            cache, Duration.ofMinutes(10), id -> id, id -> database.findUser(id).orElseThrow());
  }

  void create(User user) {
    database.insertUser(user);
  }

  User get(String id) {
    return users.get(id);
  }

  void rename(String id, String name) {
    users.update(
        id,
        () -> {
          database.renameUser(id, name);
          return name;
        });
  }
}
