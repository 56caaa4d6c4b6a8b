package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.TypeAdapter;
import com.google.gson.annotations.SerializedName;
import com.google.gson.reflect.TypeToken;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import io.github.redistoolkit.json.JsonCodec;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Calendar;
import java.util.Date;
import java.util.GregorianCalendar;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TimeZone;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What is accepted comes back equal, whatever turns it into JSON; what is not says where. */
@SuppressWarnings({"JavaUtilDate", "JdkObsolete"}) // what teams store
class JsonRuleTest {

  static class Animal {
    public String name = "";

    @Override
    public boolean equals(Object other) {
      return other instanceof Animal animal && Objects.equals(name, animal.name);
    }

    @Override
    public int hashCode() {
      return Objects.hashCode(name);
    }
  }

  static class Dog extends Animal {
    public int tricks = 3;
  }

  record Owner(String name, Animal pet) {}

  record Anything(Object value) {}

  record Node(int number, Node next) {}

  record Point(int x, int y) {}

  record Page<T>(List<T> items, Map<String, T> byName) {}

  @SuppressWarnings("ArrayRecordComponent") // what is stored
  record Bytes(byte[] bytes, double[] numbers, String[] texts) {}

  sealed interface Event permits Opened, Closed {}

  record Opened(LocalDate on) implements Event {}

  record Closed(String why) implements Event {}

  record Log(List<Event> events) {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = Circle.class, name = "circle"),
    @JsonSubTypes.Type(value = Square.class, name = "square")
  })
  sealed interface Figure permits Circle, Square {}

  record Circle(double radius) implements Figure {}

  record Square(double side, Optional<String> label) implements Figure {}

  enum Colour {
    RED,
    @SerializedName("verte")
    GREEN {
      @Override
      public String toString() {
        return "not the name";
      }
    }
  }

  record Painted(Colour colour) {}

  /** Without equals, as most beans are. */
  static class Bean {
    String text = "";
    transient String cached = "";
    List<Integer> numbers = new ArrayList<>();
  }

  private static final TypeToken<Object> OBJECT = TypeToken.get(Object.class);

  private static <T> void assertCarried(Json json, T value, TypeToken<T> type) {
    for (int time = 0; time < 2; time++) {
      assertThat(json.decode(json.encode(value, type), type), is(value));
    }
  }

  @CanIgnoreReturnValue
  private static <T> IllegalArgumentException assertRefused(Json json, T value, TypeToken<T> type) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> json.encode(value, type));
    assertThrows(IllegalArgumentException.class, () -> json.encode(value, type));
    return e;
  }

  static Stream<Json> all() {
    return Stream.of(
        Json.standard(),
        Json.of(Json.defaultGson().newBuilder().create()),
        Json.of(Jackson.two()),
        Json.of(Jackson.three()));
  }

  private static Animal animal(Animal animal, String name) {
    animal.name = name;
    return animal;
  }

  @ParameterizedTest
  @MethodSource("all")
  void aSubclassIsNotCutDown(Json json) {
    TypeToken<Owner> type = TypeToken.get(Owner.class);
    Owner ann = new Owner("Ann", animal(new Animal(), "Tom"));
    assertCarried(json, ann, type);
    Owner bob = new Owner("Bob", animal(new Dog(), "Rex"));
    IllegalArgumentException e = assertRefused(json, bob, type);
    assertThat(
        e.getMessage(),
        allOf(
            containsString("Owner"),
            containsString("$.pet"),
            containsString("Dog"),
            not(containsString("Rex"))));
    assertCarried(json, ann, type);
  }

  private static boolean isJackson(Json json) {
    return !json.encode(new Painted(Colour.GREEN), TypeToken.get(Painted.class)).contains("verte");
  }

  @Test
  void aSubclassAtTheTopOrInAContainerIsNotCutDown() {
    Json json = Json.standard();
    assertRefused(json, new Dog(), TypeToken.get(Animal.class));
    assertRefused(json, List.of(new Animal(), new Dog()), new TypeToken<List<Animal>>() {});
    assertRefused(json, Map.of("a", new Dog()), new TypeToken<Map<String, Animal>>() {});
    assertRefused(json, new Animal[] {new Dog()}, TypeToken.get(Animal[].class));
    assertCarried(json, new Dog(), TypeToken.get(Dog.class));
    assertCarried(json, List.of(new Animal()), new TypeToken<List<Animal>>() {});
  }

  @ParameterizedTest
  @MethodSource("all")
  void anObjectOfNoNameWithinAValueIsRefused(Json json) {
    TypeToken<Anything> type = TypeToken.get(Anything.class);
    assertCarried(json, new Anything("text"), type);
    Object anonymous = new Object() {};
    record Local() {}
    assertRefused(json, new Anything(anonymous), type);
    assertRefused(json, new Anything(List.of("x", new Local())), type);
    assertRefused(json, new Anything((Runnable) () -> {}), type);
    assertRefused(json, new ArrayList<>(Arrays.asList("x", anonymous)), new TypeToken<>() {});
  }

  @Test
  void aFieldWhoseClassIsLocalIsRefusedByTheTypeAlone() {
    class Local {
      int number = 1;
    }
    record Holder(String text, Local local) {}
    assertThat(new Holder("", new Local()).local().number, is(1));
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> Json.standard().requireReadable(TypeToken.get(Holder.class)));
    assertThat(e.getMessage(), containsString("local"));
  }

  static Stream<Arguments> typesThatNobodyCanRead() {
    return Stream.of(
        Arguments.of(new TypeToken<Optional<Thread>>() {}, "$"),
        Arguments.of(TypeToken.get(Thread.class), "$"),
        Arguments.of(TypeToken.get(Event.class), "$"),
        Arguments.of(TypeToken.get(Log.class), "$.events[]"),
        Arguments.of(new TypeToken<Map<String, Page<Runnable>>>() {}, "$[value].items[]"),
        Arguments.of(new TypeToken<List<? extends Event>>() {}, "$[]"),
        Arguments.of(TypeToken.get(Serial.class), "$.number"));
  }

  record Serial(Comparable<String> number) {}

  @ParameterizedTest
  @MethodSource("typesThatNobodyCanRead")
  void aTypeThatNobodyCanReadIsKnownWithoutAValue(TypeToken<?> type, String path) {
    for (Json json : List.of(Json.standard(), Json.of(new Gson()))) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> json.requireReadable(type));
      assertThat(
          e.getMessage(),
          allOf(containsString("at " + path + ","), containsString(type.getType().getTypeName())));
    }
  }

  @ParameterizedTest
  @MethodSource("all")
  void typesThatCanBeReadAreNotRefused(Json json) {
    for (TypeToken<?> type :
        List.of(
            OBJECT,
            TypeToken.get(Owner.class),
            TypeToken.get(Node.class),
            TypeToken.get(long.class),
            TypeToken.get(Calendar.class),
            new TypeToken<Map<Colour, Page<Date>>>() {},
            new TypeToken<List<List<Set<Point[]>>>>() {})) {
      json.requireReadable(type);
    }
  }

  @ParameterizedTest
  @MethodSource("all")
  void whatIsNestedTooDeepIsRefusedAndWhatCanBeReadIsNot(Json json) {
    TypeToken<Node> type = TypeToken.get(Node.class);
    assertCarried(json, node(200), type);
    assertRefused(json, node(2_000), type);
    assertRefused(json, node(20_000), type);
    assertCarried(json, node(250), type);
    TypeToken<Object> lists = TypeToken.get(Object.class);
    assertRefused(json, nested(1_200), lists);
    assertCarried(json, nested(250), lists);
  }

  @Test
  void theDepthIsTheOneThatGsonReads() {
    assertCarried(Json.standard(), node(255), TypeToken.get(Node.class));
    assertRefused(Json.standard(), node(256), TypeToken.get(Node.class));
  }

  private static Node node(int depth) {
    Node node = null;
    for (int i = 0; i < depth; i++) {
      node = new Node(i, node);
    }
    return node;
  }

  private static Object nested(int depth) {
    Object nested = "x";
    for (int i = 0; i < depth; i++) {
      nested = new ArrayList<>(List.of(nested));
    }
    return nested;
  }

  @ParameterizedTest
  @MethodSource("all")
  void whatContainsItselfIsRefused(Json json) {
    List<Object> cycle = new ArrayList<>();
    cycle.add(cycle);
    assertRefused(json, cycle, new TypeToken<>() {});
    assertThrows(IllegalArgumentException.class, () -> json.encodeAsItIs(cycle));
  }

  @ParameterizedTest
  @MethodSource("all")
  void anUntypedNumberIsWhatItComesBackAs(Json json) {
    TypeToken<Map<String, Object>> type = new TypeToken<>() {};
    assertCarried(json, Map.of("l", Long.MAX_VALUE, "d", 0.5, "t", "x", "b", true), type);
    assertRefused(json, Map.of("f", 0.5f), type);
    assertRefused(json, Map.of("s", (short) 5), type);
    boolean longs = !isJackson(json);
    Object carried = longs ? (Object) 5L : (Object) 5;
    Object other = longs ? (Object) 5 : (Object) 5L;
    assertCarried(json, Map.of("n", carried), type);
    IllegalArgumentException e = assertRefused(json, Map.of("n", List.of(other)), type);
    assertThat(e.getMessage(), containsString("$[value][0]"));
    assertRefused(json, Map.of("n", Instant.EPOCH), type);
    assertRefused(json, Map.of("n", new BigDecimal("1.50")), type);
    assertRefused(json, Map.of("n", Set.of("x")), type);
    assertCarried(json, Map.of("n", List.of(Map.of("x", "y"))), type);
  }

  @ParameterizedTest
  @MethodSource("all")
  void mapKeysComeBackOrAreRefused(Json json) {
    assertCarried(json, Map.of(5, "x"), new TypeToken<Map<Integer, String>>() {});
    assertCarried(json, Map.of(Colour.GREEN, 1), new TypeToken<Map<Colour, Integer>>() {});
    assertCarried(
        json, Map.of(LocalDate.of(2025, 1, 15), 1), new TypeToken<Map<LocalDate, Integer>>() {});
    TypeToken<Map<String, Integer>> texts = new TypeToken<>() {};
    assertCarried(json, Map.of("a", 1), texts);
    Map<String, Integer> nullKey = new HashMap<>();
    nullKey.put(null, 1);
    assertRefused(json, nullKey, texts);
    assertRefused(json, Map.of(5, "x"), new TypeToken<Map<Object, String>>() {});
    assertThrows(IllegalArgumentException.class, () -> json.encodeAsItIs(new HashMap<>(nullKey)));
  }

  @Test
  void aKeyIsTriedAsTheKeyThatItIs() {
    Map<Object, Integer> keys = Map.of(LocalDate.EPOCH, 1);
    assertThat(Json.standard().encodeAsItIs(keys), is("{\"1970-01-01\":1}"));
    assertThat(Json.standard().encodeAsItIs(Map.of(new Point(1, 2), 3)), containsString("\"x\""));
    // It writes keys by toString, whatever the adapter of their class says.
    Json plain = Json.of(new Gson());
    assertThrows(IllegalArgumentException.class, () -> plain.encodeAsItIs(keys));
    assertThrows(
        IllegalArgumentException.class, () -> plain.encodeAsItIs(Map.of(new Point(1, 2), 3)));
    assertThat(plain.encodeAsItIs(Map.of(5, 1)), is("{\"5\":1}"));
  }

  @Test
  void theDefaultCarriesKeysOfAnyType() {
    Json json = Json.standard();
    assertCarried(
        json, Map.of(new Point(1, 2), new Point(3, 4)), new TypeToken<Map<Point, Point>>() {});
    assertCarried(json, Map.of(new Date(123), 1), new TypeToken<Map<Date, Integer>>() {});
    assertThat(
        json.encode(Map.of(Colour.GREEN, 1), new TypeToken<Map<Colour, Integer>>() {}),
        is("{\"verte\":1}"));
  }

  @Test
  void anUnknownConstantOfAnEnumIsNoNull() {
    for (Json json : List.of(Json.standard(), Json.of(new Gson()))) {
      assertCarried(json, Colour.GREEN, TypeToken.get(Colour.class));
      assertThrows(
          JsonParseException.class, () -> json.decode("\"BLUE\"", TypeToken.get(Colour.class)));
      assertThrows(
          JsonParseException.class,
          () -> json.decode("{\"colour\":\"BLUE\"}", TypeToken.get(Painted.class)));
      assertThrows(
          JsonParseException.class,
          () -> json.decode("[\"BLUE\"]", new TypeToken<List<Colour>>() {}));
      assertThrows(
          JsonParseException.class,
          () -> json.decode("{\"BLUE\":1}", new TypeToken<Map<Colour, Integer>>() {}));
    }
  }

  @Test
  void anAdapterThatSomebodyRegisteredForAnEnumStays() {
    TypeAdapter<Colour> lenient =
        new TypeAdapter<>() {
          @Override
          public void write(JsonWriter out, Colour colour) throws IOException {
            out.value(colour.name());
          }

          @Override
          public Colour read(JsonReader in) throws IOException {
            return in.nextString().equals("GREEN") ? Colour.GREEN : Colour.RED;
          }
        };
    Json json = Json.of(new GsonBuilder().registerTypeAdapter(Colour.class, lenient).create());
    assertThat(json.decode("\"BLUE\"", TypeToken.get(Colour.class)), is(Colour.RED));
  }

  @ParameterizedTest
  @MethodSource("all")
  void aTextThatIsNotNullIsNotReadAsNull(Json json) {
    assertThat(json.decode(" null ", TypeToken.get(Point.class)) == null, is(true));
    for (String text : List.of("", " ", "nul", "\"null", "[")) {
      assertThrows(RuntimeException.class, () -> json.decode(text, TypeToken.get(Point.class)));
    }
    Json toNull = Json.of(codec((value, type) -> "{}", (text, type) -> null));
    assertThrows(JsonParseException.class, () -> toNull.decode("{}", TypeToken.get(Point.class)));
    assertRefused(toNull, new Point(1, 2), TypeToken.get(Point.class));
  }

  @Test
  void datesAreIsoInUtcWithAllTheirDigits() {
    Json json = Json.standard();
    java.sql.Timestamp timestamp = new java.sql.Timestamp(1_736_935_200_000L);
    timestamp.setNanos(123_456_789);
    assertThat(
        json.encode(new Date(1_736_935_200_123L), TypeToken.get(Date.class)),
        is("\"2025-01-15T10:00:00.123Z\""));
    assertThat(
        json.encode(timestamp, TypeToken.get(java.sql.Timestamp.class)),
        is("\"2025-01-15T10:00:00.123456789Z\""));
    assertCarried(json, timestamp, TypeToken.get(java.sql.Timestamp.class));
    assertCarried(json, new java.sql.Date(5), TypeToken.get(java.sql.Date.class));
    assertCarried(json, new java.sql.Time(-5), TypeToken.get(java.sql.Time.class));
    assertCarried(json, new Date(Long.MIN_VALUE / 2), TypeToken.get(Date.class));
    assertRefused(json, timestamp, TypeToken.get(Date.class));
  }

  @Test
  void calendarsKeepTheirZoneAndTheirWeeks() {
    for (Locale locale : List.of(Locale.US, Locale.GERMANY, Locale.ROOT)) {
      Calendar calendar = new GregorianCalendar(TimeZone.getTimeZone("America/New_York"), locale);
      calendar.setTimeInMillis(1_736_935_200_123L);
      assertCarried(Json.standard(), calendar, TypeToken.get(Calendar.class));
      assertCarried(
          Json.standard(), (GregorianCalendar) calendar, TypeToken.get(GregorianCalendar.class));
    }
    Calendar buddhist =
        Calendar.getInstance(
            TimeZone.getTimeZone("UTC"), Locale.forLanguageTag("th-TH-u-ca-buddhist"));
    assertRefused(Json.standard(), buddhist, TypeToken.get(Calendar.class));
  }

  @Test
  void aGsonThatWritesDatesInLocalTimeIsRefusedByTheTypeAlone() {
    record Dated(String text, Date at) {}
    for (Class<?> type :
        List.of(
            Date.class,
            Calendar.class,
            java.sql.Timestamp.class,
            java.sql.Date.class,
            java.sql.Time.class,
            Dated.class)) {
      for (Gson gson :
          List.of(new Gson(), new GsonBuilder().setDateFormat("yyyy-MM-dd HH:mm:ss").create())) {
        IllegalArgumentException e =
            assertThrows(
                IllegalArgumentException.class,
                () -> Json.of(gson).requireReadable(TypeToken.get(type)));
        assertThat(e.getMessage(), containsString("local time"));
      }
    }
    Gson registered =
        new GsonBuilder()
            .registerTypeAdapter(Date.class, Json.defaultGson().getAdapter(Date.class))
            .create();
    assertCarried(Json.of(registered), new Dated("x", new Date(123)), TypeToken.get(Dated.class));
  }

  @Test
  void numbersOfMoreDigitsThanAreReadAreRefused() {
    for (Json json : all().toList()) {
      assertCarried(json, new BigDecimal("1.50"), TypeToken.get(BigDecimal.class));
      assertRefused(json, BigInteger.TEN.pow(10_001), TypeToken.get(BigInteger.class));
      assertCarried(json, BigInteger.TEN.pow(500), TypeToken.get(BigInteger.class));
    }
    assertRefused(Json.standard(), BigInteger.TEN.pow(1_023), TypeToken.get(BigInteger.class));
    assertCarried(Json.standard(), BigInteger.TEN.pow(999), TypeToken.get(BigInteger.class));
    assertRefused(Json.standard(), new BigDecimal("1E+20000"), TypeToken.get(BigDecimal.class));
    assertRefused(Json.standard(), Double.NaN, TypeToken.get(Double.class));
  }

  @Test
  void theSiteOfWhatHasNoJsonIsNamed() {
    record Inner(List<Double> numbers) {}
    record Outer(Inner inner) {}
    IllegalArgumentException e =
        assertRefused(
            Json.standard(),
            new Outer(new Inner(List.of(1.5, Double.NaN))),
            TypeToken.get(Outer.class));
    assertThat(
        e.getMessage(), allOf(containsString("$.inner.numbers[1]"), containsString("Double")));
  }

  @ParameterizedTest
  @MethodSource("all")
  void halfOfASurrogatePairIsRefused(Json json) {
    assertRefused(json, "x\uD83D", TypeToken.get(String.class));
    assertThrows(IllegalArgumentException.class, () -> json.encodeAsItIs("\uDE00x"));
    assertCarried(json, "\uD83D\uDE00", TypeToken.get(String.class));
  }

  @ParameterizedTest
  @MethodSource("all")
  void recordsGenericsAndArraysComeBack(Json json) {
    assertCarried(
        json,
        new Page<>(List.of(new Point(1, 2)), Map.of("p", new Point(3, 4))),
        new TypeToken<Page<Point>>() {});
    TypeToken<Bytes> type = TypeToken.get(Bytes.class);
    Bytes bytes = new Bytes(new byte[] {1, -1}, new double[] {0.1, -0.0}, new String[] {"x", null});
    Bytes read = json.decode(json.encode(bytes, type), type);
    assertThat(read.bytes(), is(bytes.bytes()));
    assertThat(read.texts(), is(bytes.texts()));
  }

  @Test
  void anElementOfAnotherClassIsRefusedThoughTheFirstWasFine() {
    Json json = Json.standard();
    TypeToken<Page<Animal>> type = new TypeToken<>() {};
    assertCarried(json, new Page<>(List.of(new Animal()), Map.of()), type);
    assertRefused(json, new Page<>(List.of(new Animal(), new Dog()), Map.of()), type);
    assertRefused(json, new Page<>(List.of(), Map.of("x", new Dog())), type);
  }

  @Test
  void aSealedTypeWithTypeIdsIsReadByBothJacksons() {
    for (JsonCodec codec : List.of(Jackson.two(), Jackson.three())) {
      Json json = Json.of(codec);
      TypeToken<List<Figure>> type = new TypeToken<>() {};
      assertCarried(json, List.of(new Circle(1.5)), type);
      assertCarried(
          json,
          List.of(new Circle(2), new Square(1, Optional.empty()), new Square(2, Optional.of("x"))),
          type);
      assertCarried(json, new Circle(1), TypeToken.get(Figure.class));
      assertThat(
          json.encode(new Circle(1), TypeToken.get(Figure.class)), containsString("\"circle\""));
    }
  }

  @Test
  void aZoneThatAMapperMovesIsRefusedWhereItMatters() {
    record At(OffsetDateTime at) {}
    TypeToken<At> type = TypeToken.get(At.class);
    for (JsonCodec codec : List.of(Jackson.two(), Jackson.three())) {
      Json json = Json.of(codec);
      assertCarried(json, new At(OffsetDateTime.parse("2025-01-15T10:00:00Z")), type);
      IllegalArgumentException e =
          assertRefused(json, new At(OffsetDateTime.parse("2025-01-15T10:00:00+05:30")), type);
      assertThat(e.getMessage(), containsString("$.at"));
    }
  }

  @Test
  void aBeanWithoutEqualsIsWhatItsJsonIs() {
    Json json = Json.standard();
    Bean bean = new Bean();
    bean.text = "x";
    bean.cached = "left out on purpose";
    bean.numbers.add(1);
    Bean read =
        json.decode(json.encode(bean, TypeToken.get(Bean.class)), TypeToken.get(Bean.class));
    assertThat(read.numbers, is(List.of(1)));
    assertThat(json.encode(new AtomicInteger(5), TypeToken.get(AtomicInteger.class)), is("5"));
  }

  @Test
  void aValueWithoutDeclaredTypeComesBackAsItsOwnClass() {
    Json json = Json.standard();
    assertThat(json.encodeAsItIs(42), is("42"));
    assertThat(json.encodeAsItIs(Map.of("amount", 100)), is("{\"amount\":100}"));
    assertThat(json.encodeAsItIs(List.of(new Point(1, 2))), is("[{\"x\":1,\"y\":2}]"));
    assertThat(
        json.encodeAsItIs(new Page<>(List.of(new Point(1, 2)), Map.of())),
        is("{\"items\":[{\"x\":1,\"y\":2}],\"byName\":{}}"));
    assertThat(json.encodeAsItIs(List.of(new Dog())), containsString("tricks"));
    assertThat(json.encodeAsItIs(new Owner("x", null)), containsString("null"));
    for (Object refused :
        List.of(
            new Owner("x", new Dog()),
            List.of(new Owner("x", new Dog())),
            Map.of("x", new Object() {}),
            new Anything(new Object() {}),
            Optional.of("x"),
            node(300))) {
      assertThrows(IllegalArgumentException.class, () -> json.encodeAsItIs(refused));
    }
  }

  @Test
  void whatIsKnownIsNotTriedAgain() {
    AtomicInteger decoded = new AtomicInteger();
    Gson gson = Json.defaultGson();
    Json json =
        Json.of(
            codec(
                gson::toJson,
                (text, type) -> {
                  decoded.incrementAndGet();
                  return gson.fromJson(text, type);
                }));
    TypeToken<Owner> type = TypeToken.get(Owner.class);
    String unused = json.encode(new Owner("x", null), type);
    unused = json.encode(new Owner("x", new Animal()), type);
    int tried = decoded.get();
    for (int i = 0; i < 100; i++) {
      unused = json.encode(new Owner("n" + i, new Animal()), type);
    }
    assertThat(decoded.get(), is(tried));
  }

  @Test
  void aFieldThatWasNullAtFirstIsTriedWhenItIsNot() {
    Json json =
        Json.of(
            codec(
                (value, type) -> Json.defaultGson().toJson(value, type),
                (text, type) -> {
                  Object read = Json.defaultGson().fromJson(text, type);
                  return read instanceof Owner owner ? new Owner(owner.name(), null) : read;
                }));
    TypeToken<Owner> type = TypeToken.get(Owner.class);
    assertCarried(json, new Owner("x", null), type);
    assertRefused(json, new Owner("x", new Animal()), type);
  }

  @Test
  void aNullThatAMapperLeavesOutIsRefusedWhereItMatters() {
    Json json = Json.of(new Gson());
    TypeToken<Map<String, String>> type = new TypeToken<>() {};
    Map<String, String> map = new HashMap<>(Map.of("a", "x"));
    assertCarried(json, map, type);
    String unused = json.encodeAsItIs(map);
    map.put("b", null);
    assertRefused(json, map, type);
    assertThrows(IllegalArgumentException.class, () -> json.encodeAsItIs(map));
    assertCarried(Json.standard(), map, type);
    unused = Json.standard().encodeAsItIs(map);
    TypeToken<Animal> animal = TypeToken.get(Animal.class);
    assertCarried(json, new Animal(), animal);
    assertRefused(json, animal(new Animal(), null), animal);
    assertCarried(json, new Node(1, null), TypeToken.get(Node.class));
  }

  @Test
  void setsAreEqualInAnyOrder() {
    Set<String> many = new HashSet<>();
    for (int i = 0; i < 100; i++) {
      many.add("e" + i * 31);
    }
    assertCarried(Json.standard(), many, new TypeToken<Set<String>>() {});
    assertCarried(Json.standard(), new HashSet<>(many), new TypeToken<HashSet<String>>() {});
  }

  private interface Writing {
    String write(Object value, java.lang.reflect.Type type) throws Exception;
  }

  private interface Reading {
    Object read(String text, java.lang.reflect.Type type) throws Exception;
  }

  private static JsonCodec codec(Writing writing, Reading reading) {
    return new JsonCodec() {
      @Override
      public String encode(Object value, java.lang.reflect.Type type) throws Exception {
        return writing.write(value, type);
      }

      @Override
      public Object decode(String json, java.lang.reflect.Type type) throws Exception {
        return reading.read(json, type);
      }
    };
  }
}
