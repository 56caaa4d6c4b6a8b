package io.github.redistoolkit.linkage;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;

/**
 * The files of a jar or folder.
 *
 * @param byName the classes, by their internal names
 * @param resources the names of all other files
 */
record ClassFiles(Map<String, ClassReader> byName, Set<String> resources) {

  /** Those of a jar, or below a folder. */
  static ClassFiles of(Path place) {
    try {
      if (Files.isDirectory(place)) {
        return below(place);
      }
      try (FileSystem jar = FileSystems.newFileSystem(place)) {
        return below(jar.getPath("/"));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Those of the jar or folder that a class comes from. */
  static ClassFiles with(Class<?> type) {
    try {
      URI place = type.getProtectionDomain().getCodeSource().getLocation().toURI();
      return of(Path.of(place));
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** One class alone. */
  static ClassFiles only(Class<?> type) {
    ClassReader found = fromClassPath(type.getName().replace('.', '/'));
    return new ClassFiles(Map.of(found.getClassName(), found), Set.of());
  }

  ClassFiles and(ClassFiles others) {
    Map<String, ClassReader> all = new HashMap<>(byName);
    all.putAll(others.byName);
    Set<String> allResources = new TreeSet<>(resources);
    allResources.addAll(others.resources);
    return new ClassFiles(all, allResources);
  }

  private static ClassFiles below(Path root) throws IOException {
    Map<String, ClassReader> classes = new HashMap<>();
    Set<String> resources = new TreeSet<>();
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        String name = root.relativize(file).toString();
        if (!name.endsWith(".class")) {
          resources.add(name);
        } else if (!name.startsWith("META-INF/") && !name.equals("module-info.class")) {
          ClassReader reader = new ClassReader(Files.readAllBytes(file));
          classes.put(reader.getClassName(), reader);
        }
      }
    }
    return new ClassFiles(classes, resources);
  }

  /** A class that is part of the JDK, or of another library on the class path. */
  static @Nullable ClassReader fromClassPath(String name) {
    try (InputStream in = ClassLoader.getSystemResourceAsStream(name + ".class")) {
      return in == null ? null : new ClassReader(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
