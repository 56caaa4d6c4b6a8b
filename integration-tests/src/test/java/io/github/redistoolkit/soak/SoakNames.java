package io.github.redistoolkit.soak;

import java.util.List;

/**
 * What the actors of one round use, in all JVMs.
 *
 * @param round what begins all names
 */
record SoakNames(String round) {

  List<String> leases() {
    return List.of(round + "a", round + "b");
  }

  String id() {
    return round + "id";
  }

  String requests() {
    return round + "request";
  }

  String cache() {
    return round + "cache:";
  }

  String topic() {
    return round + "topic";
  }

  String channel() {
    return round + "channel";
  }

  /** Keys in the slots of these names, for those who look for a primary or move a slot. */
  List<String> keys() {
    return List.of("{" + round + "a}", "{" + round + "b}", "{" + id() + "}", "{" + topic() + "}");
  }
}
