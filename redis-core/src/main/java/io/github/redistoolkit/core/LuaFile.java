package io.github.redistoolkit.core;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Lua that is too long for a text block, in a file beside the class that runs it. */
public final class LuaFile {

  private static final Pattern PART = Pattern.compile("(?m)^ *-- <([A-Z_]+)>\\n");
  private static final Pattern COMMENT = Pattern.compile("(?m)^ *--.*\\n");

  private LuaFile() {}

  /**
   * Returns what a file says.
   *
   * @param beside the class in whose package it is
   * @param file its name
   * @return the text, comments included
   * @throws IllegalStateException if there is none
   */
  public static String text(Class<?> beside, String file) {
    try (InputStream in = beside.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException(file + " is not beside " + beside.getName());
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(file, e);
    }
  }

  /**
   * Returns what of a file Redis is to run: without lines that are comments, and with the lines of
   * others in the place of such as {@code -- <NAME>}.
   *
   * @param beside the class in whose package it is
   * @param file its name
   * @param parts by the names that the file has for them
   * @return Lua
   * @throws IllegalStateException if there is no such file or part
   */
  public static String read(Class<?> beside, String file, Map<String, String> parts) {
    String whole = PART.matcher(text(beside, file)).replaceAll(name -> part(file, name, parts));
    return COMMENT.matcher(whole).replaceAll("").stripLeading();
  }

  private static String part(String file, MatchResult found, Map<String, String> parts) {
    String part = parts.get(found.group(1));
    if (part == null) {
      throw new IllegalStateException(file + " names a part that is not given: " + found.group(1));
    }
    return Matcher.quoteReplacement(part);
  }
}
