package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import com.google.gson.reflect.TypeToken;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.DayOfWeek;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.Period;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Date;
import java.util.GregorianCalendar;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TimeZone;
import java.util.TreeMap;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;

/**
 * Generated values: no codec accepts one that comes back different. What is refused is fine here,
 * so it is counted, lest everything be.
 */
@SuppressWarnings({"JavaUtilDate", "EqualsGetClass"}) // what teams store, and how
class JsonPropertiesTest {

  static class Animal {
    public String name;

    @Override
    public boolean equals(Object other) {
      return other != null
          && other.getClass() == getClass()
          && Objects.equals(name, ((Animal) other).name);
    }

    @Override
    public int hashCode() {
      return Objects.hashCode(name);
    }
  }

  static class Dog extends Animal {
    public int tricks;
  }

  enum Colour {
    RED,
    GREEN {
      @Override
      public String toString() {
        return "green";
      }
    }
  }

  /** A value of many kinds, whose parts may hold further ones. */
  record Tree(
      Object any,
      String text,
      Animal animal,
      Colour colour,
      Date date,
      Instant instant,
      OffsetDateTime offset,
      BigDecimal amount,
      double number,
      Float small,
      List<Tree> children,
      Map<String, Object> open,
      Map<Colour, Animal> byColour,
      Set<Long> longs,
      Tree next) {}

  private static final Map<String, int[]> COUNTS = new TreeMap<>();

  private static final Json GSON = Json.standard();
  private static final Json OTHER_GSON = Json.of(Json.defaultGson().newBuilder().create());
  private static final Json JACKSON_2 = Json.of(Jackson.two());
  private static final Json JACKSON_3 = Json.of(Jackson.three());

  @Property(tries = 300, edgeCases = EdgeCasesMode.NONE)
  void treesComeBackFromTheDefault(@ForAll("trees") Tree tree) {
    comesBackOrIsRefused("gson", GSON, tree, TypeToken.get(Tree.class));
    asItIsComesBackOrIsRefused(GSON, tree);
  }

  @Property(tries = 200, edgeCases = EdgeCasesMode.NONE)
  void treesComeBackFromAnotherGson(@ForAll("trees") Tree tree) {
    comesBackOrIsRefused("other", OTHER_GSON, tree, TypeToken.get(Tree.class));
  }

  @Property(tries = 200, edgeCases = EdgeCasesMode.NONE)
  void treesComeBackFromJackson2(@ForAll("trees") Tree tree) {
    comesBackOrIsRefused("jackson 2", JACKSON_2, tree, TypeToken.get(Tree.class));
  }

  @Property(tries = 200, edgeCases = EdgeCasesMode.NONE)
  void treesComeBackFromJackson3(@ForAll("trees") Tree tree) {
    comesBackOrIsRefused("jackson 3", JACKSON_3, tree, TypeToken.get(Tree.class));
  }

  @Property(tries = 300, edgeCases = EdgeCasesMode.NONE)
  void anythingComesBackAsObject(@ForAll("anything") Object value) {
    TypeToken<Object> type = TypeToken.get(Object.class);
    comesBackOrIsRefused("gson, untyped", GSON, value, type);
    comesBackOrIsRefused("jackson 2, untyped", JACKSON_2, value, type);
    comesBackOrIsRefused("jackson 3, untyped", JACKSON_3, value, type);
  }

  @Property(tries = 1_000, edgeCases = EdgeCasesMode.NONE)
  void plainValuesAlwaysComeBackFromTheDefault(@ForAll("plain") Object value) {
    assertComesBackAsItsClass(value, value.getClass());
  }

  private static <T> void assertComesBackAsItsClass(Object value, Class<T> type) {
    TypeToken<T> token = TypeToken.get(type);
    assertThat(GSON.decode(GSON.encode(type.cast(value), token), token), is(value));
  }

  private static <T> void comesBackOrIsRefused(
      String codec, Json json, T value, TypeToken<T> type) {
    int[] counts = COUNTS.computeIfAbsent(codec, name -> new int[2]);
    String text;
    try {
      text = json.encode(value, type);
    } catch (IllegalArgumentException refused) {
      counts[1]++;
      return;
    }
    counts[0]++;
    assertThat(json.decode(text, type), is(value));
  }

  private static void asItIsComesBackOrIsRefused(Json json, Tree tree) {
    String text;
    try {
      text = json.encodeAsItIs(tree);
    } catch (IllegalArgumentException refused) {
      return;
    }
    Tree read = json.decode(text, TypeToken.get(Tree.class));
    assertThat(read.animal(), is(tree.animal()));
    assertThat(read.date(), is(tree.date()));
    assertThat(read.byColour(), is(tree.byColour()));
  }

  /** With parts that are refused in one of four or so, neither is rare; how often is chance. */
  @AfterContainer
  static void bothHappened() {
    COUNTS.forEach(
        (codec, counts) -> {
          assertThat(codec + " accepted " + counts[0], counts[0] > 5, is(true));
          assertThat(codec + " refused " + counts[1], counts[1] > 5, is(true));
        });
  }

  @Provide
  Arbitrary<Tree> trees() {
    return trees(3);
  }

  private Arbitrary<Tree> trees(int depth) {
    Arbitrary<List<Tree>> children =
        depth == 0 ? Arbitraries.just(List.of()) : trees(depth - 1).list().ofMaxSize(2);
    Arbitrary<Tree> next = depth == 0 ? Arbitraries.just(null) : trees(depth - 1).injectNull(0.5);
    return Combinators.combine(
            mostly(texts().map(text -> (Object) text), open(2)),
            Combinators.combine(texts(), animals(), colours(), dates()).as(Tuple::of),
            Combinators.combine(instants(), offsets(), amounts(), doubles(), floats())
                .as(Tuple::of),
            children,
            Combinators.combine(
                    mostly(Arbitraries.just(Map.<String, Object>of()), openMaps(1)),
                    Arbitraries.maps(colours(), animals()).ofMaxSize(2),
                    Arbitraries.longs().set().ofMaxSize(3))
                .as(Tuple::of),
            next)
        .as(
            (any, a, b, list, maps, last) ->
                new Tree(
                    any,
                    a.get1(),
                    a.get2(),
                    a.get3(),
                    a.get4(),
                    b.get1(),
                    b.get2(),
                    b.get3(),
                    b.get4(),
                    b.get5(),
                    list,
                    maps.get1(),
                    maps.get2(),
                    maps.get3(),
                    last));
  }

  private static <T> Arbitrary<T> mostly(Arbitrary<T> usual, Arbitrary<T> rest) {
    return Arbitraries.frequencyOf(Tuple.of(6, usual), Tuple.of(1, rest));
  }

  @Provide
  Arbitrary<Object> anything() {
    return open(3);
  }

  /** What may stand where nothing is declared; a good part of it cannot be told from its JSON. */
  private static Arbitrary<Object> open(int depth) {
    Arbitrary<Object> leaf =
        Arbitraries.oneOf(
            texts().map(text -> (Object) text),
            Arbitraries.longs().map(number -> (Object) number),
            doubles().map(number -> (Object) number),
            Arbitraries.of(true, false).map(bool -> (Object) bool),
            odd());
    if (depth == 0) {
      return leaf;
    }
    return Arbitraries.oneOf(
        leaf,
        open(depth - 1).list().ofMaxSize(3).map(list -> (Object) list),
        openMaps(depth - 1).map(map -> (Object) map));
  }

  private static Arbitrary<Object> odd() {
    return Arbitraries.of(
        5,
        (short) 5,
        0.5f,
        'c',
        Double.NaN,
        new BigDecimal("1.50"),
        Colour.GREEN,
        Instant.EPOCH,
        new Date(5),
        Set.of("x"),
        new Object() {},
        Optional.of("x"),
        new Dog(),
        UUID.fromString("00000000-0000-0001-0000-000000000002"));
  }

  private static Arbitrary<Map<String, Object>> openMaps(int depth) {
    return Arbitraries.maps(texts(), open(depth).injectNull(0.1)).ofMaxSize(3).map(HashMap::new);
  }

  private static Arbitrary<String> texts() {
    return mostly(
        Arbitraries.strings().withCharRange(' ', '~').ofMaxLength(5),
        Arbitraries.strings().all().ofMaxLength(5));
  }

  private static Arbitrary<Animal> animals() {
    Arbitrary<Animal> plain = texts().map(name -> named(new Animal(), name));
    return Arbitraries.frequencyOf(
        Tuple.of(20, plain), Tuple.of(1, texts().map(name -> named(new Dog(), name))));
  }

  private static Animal named(Animal animal, String name) {
    animal.name = name;
    return animal;
  }

  private static Arbitrary<Colour> colours() {
    return Arbitraries.of(Colour.class);
  }

  private static Arbitrary<Date> dates() {
    Arbitrary<Date> plain = Arbitraries.longs().between(-1L << 50, 1L << 50).map(Date::new);
    return mostly(
        mostly(plain, Arbitraries.longs().map(Date::new)),
        mostly(plain, plain.map(date -> new java.sql.Timestamp(date.getTime()))));
  }

  private static Arbitrary<Instant> instants() {
    return Combinators.combine(
            Arbitraries.longs().between(-1L << 40, 1L << 40),
            Arbitraries.integers().between(0, 999_999_999))
        .as(Instant::ofEpochSecond);
  }

  private static Arbitrary<OffsetDateTime> offsets() {
    return instants()
        .map(instant -> Instant.ofEpochSecond(instant.getEpochSecond() % (1L << 35)))
        .flatMap(
            instant ->
                mostly(
                    Arbitraries.just(instant.atOffset(ZoneOffset.UTC)),
                    Arbitraries.integers()
                        .between(-64_800, 64_800)
                        .map(seconds -> instant.atOffset(ZoneOffset.ofTotalSeconds(seconds)))));
  }

  private static Arbitrary<BigDecimal> amounts() {
    return Combinators.combine(Arbitraries.bigIntegers(), mostly(scales(50), scales(20_000)))
        .as(BigDecimal::new);
  }

  private static Arbitrary<Integer> scales(int most) {
    return Arbitraries.integers().between(-most, most);
  }

  private static Arbitrary<Double> doubles() {
    return Arbitraries.longs()
        .map(Double::longBitsToDouble)
        .map(number -> Double.isFinite(number) ? number : 0.5);
  }

  private static Arbitrary<Float> floats() {
    return Arbitraries.integers()
        .map(Float::intBitsToFloat)
        .map(number -> Float.isFinite(number) ? number : 0.5f);
  }

  @Provide
  Arbitrary<Object> plain() {
    Arbitrary<LocalDateTime> times =
        instants().map(instant -> LocalDateTime.ofInstant(instant, ZoneOffset.UTC));
    Arbitrary<ZoneId> zones =
        Arbitraries.of("Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "+05:30:15", "UTC")
            .map(ZoneId::of);
    List<Arbitrary<?>> kinds = new ArrayList<>();
    kinds.add(Arbitraries.strings().withCharRange('\0', '\uD7FF').ofMaxLength(20));
    kinds.add(Arbitraries.longs());
    kinds.add(Arbitraries.bytes());
    kinds.add(Arbitraries.chars().range('\0', '\uD7FF'));
    kinds.add(doubles());
    kinds.add(floats());
    kinds.add(
        Arbitraries.bigIntegers()
            .between(BigInteger.TWO.pow(200).negate(), BigInteger.TWO.pow(200)));
    kinds.add(instants());
    kinds.add(offsets());
    kinds.add(times);
    kinds.add(times.map(LocalDateTime::toLocalDate));
    kinds.add(times.map(LocalDateTime::toLocalTime));
    kinds.add(times.map(YearMonth::from));
    kinds.add(
        Combinators.combine(instants(), zones)
            .as((instant, zone) -> ZonedDateTime.ofInstant(instant, zone)));
    kinds.add(Arbitraries.of(DayOfWeek.class));
    kinds.add(
        Arbitraries.longs()
            .between(-1L << 60, 1L << 60)
            .map(seconds -> Duration.ofSeconds(seconds, 7)));
    kinds.add(Arbitraries.integers().map(days -> Period.of(days / 3, -days / 5, days)));
    kinds.add(Arbitraries.longs().map(Date::new));
    kinds.add(Arbitraries.longs().between(-1L << 50, 1L << 50).map(java.sql.Date::new));
    kinds.add(instants().map(java.sql.Timestamp::from));
    kinds.add(
        Combinators.combine(
                Arbitraries.longs().between(-1L << 45, 1L << 45),
                Arbitraries.of("Europe/Berlin", "America/St_Johns", "UTC"),
                Arbitraries.of(Locale.US, Locale.GERMANY, Locale.ROOT))
            .as(
                (millis, zone, locale) -> {
                  GregorianCalendar calendar =
                      new GregorianCalendar(TimeZone.getTimeZone(zone), locale);
                  calendar.setTimeInMillis(millis);
                  return calendar;
                }));
    kinds.add(Arbitraries.of(Locale.getAvailableLocales()).filter(JsonPropertiesTest::hasTag));
    kinds.add(Arbitraries.create(UUID::randomUUID));
    return Arbitraries.oneOf(
        kinds.stream().<Arbitrary<Object>>map(kind -> kind.map(value -> (Object) value)).toList());
  }

  private static boolean hasTag(Locale locale) {
    return Locale.forLanguageTag(locale.toLanguageTag()).equals(locale);
  }
}
