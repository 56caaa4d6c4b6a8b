package io.github.redistoolkit.json;

import java.lang.reflect.Type;

/**
 * Writes values as JSON and reads them back, with whatever mapper a program has. For Jackson:
 *
 * <pre>{@code
 * final class JacksonCodec implements JsonCodec {
 *   private final JsonMapper mapper = JsonMapper.builder().build();
 *
 *   public String encode(Object value, Type type) {
 *     return mapper.writerFor(mapper.constructType(type)).writeValueAsString(value);
 *   }
 *
 *   public Object decode(String json, Type type) {
 *     return mapper.readValue(json, mapper.constructType(type));
 *   }
 * }
 * }</pre>
 *
 * <p>The declared type comes with every call. Generics are read by it, and it makes a mapper write
 * the type id of a {@code @JsonTypeInfo}. It is a class, or a class with arguments such as {@code
 * List<Loan>}. {@code null} never comes here; the toolkit writes and reads it itself.
 *
 * <p><b>What the toolkit does with it.</b> A value whose classes have not been seen at the same
 * places before is decoded again before it is stored. If that fails, or gives something that is not
 * equal, the value is refused. So are lost subclasses, objects that became null, and what is nested
 * deeper than the mapper reads. Values are compared by {@code equals}. If a class has none, its
 * JSON must come out the same again. Some values are checked each time: those nested deeper than
 * 50, large numbers, texts of more than 50,000 characters, numbers where the declared type is
 * {@code Object}, and classes of the JDK that a mapper may cut short.
 *
 * <p><b>What it must keep to</b>, since the toolkit cannot check that with one value in one JVM:
 *
 * <ul>
 *   <li>The JSON depends neither on the time zone nor on the language of the JVM.
 *   <li>All values of a class are written alike.
 *   <li>A text that is not JSON of the type is refused, and never read as something else. An
 *       unknown constant of an enum is such a text.
 *   <li>A text never names the class to make.
 * </ul>
 *
 * <p>Must be thread-safe.
 */
public interface JsonCodec {

  /**
   * Returns the JSON of a value.
   *
   * @param value the value, never null
   * @param type its declared type
   * @return one JSON value, other than {@code null}
   * @throws Exception if the value has no JSON. The caller of the toolkit gets an {@link
   *     IllegalArgumentException} of which it is the cause
   */
  String encode(Object value, Type type) throws Exception;

  /**
   * Returns the value of a JSON text.
   *
   * @param json not blank, and not {@code null}
   * @param type the type to decode to
   * @return the value, never null
   * @throws Exception if the text is not the JSON of a value of the type
   */
  Object decode(String json, Type type) throws Exception;
}
