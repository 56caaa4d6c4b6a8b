package io.github.redistoolkit.linkage;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.matchesPattern;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** Modules beside a redis-core of another version, as a build without the BOM may bring them. */
class VersionMixTest {

  private static final String CORE_VERSION = "io/github/redistoolkit/core/CoreVersion";

  /** Every type by which a user enters a module, if anything in it uses redis-core. */
  static List<String> entrances() {
    return Modules.all().entrySet().stream()
        .filter(module -> !module.getKey().equals(Modules.CORE))
        .flatMap(module -> module.getValue().byName().values().stream())
        .filter(VersionMixTest::usesCore)
        .map(reader -> reader.getClassName().replace('/', '.'))
        .filter(VersionMixTest::isEntrance)
        .sorted()
        .toList();
  }

  private static boolean usesCore(ClassReader reader) {
    return Linker.references(reader).stream()
        .anyMatch(reference -> reference.owner().startsWith("io/github/redistoolkit/core/"));
  }

  private static boolean isEntrance(String name) {
    try {
      Class<?> type = Class.forName(name, false, VersionMixTest.class.getClassLoader());
      return Modifier.isPublic(type.getModifiers())
          && type.getEnclosingClass() == null
          && (Arrays.stream(type.getDeclaredConstructors())
                  .map(Constructor::getModifiers)
                  .anyMatch(Modifier::isPublic)
              || Arrays.stream(type.getDeclaredMethods())
                  .map(Method::getModifiers)
                  .anyMatch(found -> Modifier.isPublic(found) && Modifier.isStatic(found)));
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @MethodSource("entrances")
  void isRefusedWithBothVersionsWhereItIsEntered(String type) {
    ClassLoader mixed = new ModulesLoader("0.0.9");
    IncompatibleClassChangeError refusal =
        assertThrows(IncompatibleClassChangeError.class, () -> Class.forName(type, true, mixed));
    assertThat(
        refusal.getMessage(),
        matchesPattern(
            "(redis-[a-z-]+) (\\S+) needs redis-core \\2, but redis-core 0\\.0\\.9 is on the class"
                + " path; give all modules of the toolkit one version, as redis-bom does"));
  }

  @ParameterizedTest
  @MethodSource("entrances")
  void isNotSeenWhereThereIsNone(String type) {
    ClassLoader same = new ModulesLoader(null);
    Class<?> loaded = assertDoesNotThrow(() -> Class.forName(type, true, same));
    assertThat(loaded.getClassLoader() == same, is(true));
  }

  @Test
  void allMainTypesAreEntrances() {
    assertThat(
        entrances().stream().map(name -> name.substring(name.lastIndexOf('.') + 1)).toList(),
        hasItems("CacheService", "IdempotencyService", "RedisLock", "RateLimiter", "RedisPubSub"));
  }

  /** Loads the modules anew, with a redis-core that says it has another version. */
  private static final class ModulesLoader extends ClassLoader {

    private final Map<String, ClassReader> modules = Modules.together().byName();
    private final String coreVersion;

    ModulesLoader(String coreVersion) {
      super(VersionMixTest.class.getClassLoader());
      this.coreVersion = coreVersion;
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      String internal = name.replace('.', '/');
      if (!modules.containsKey(internal)) {
        return super.loadClass(name, resolve);
      }
      synchronized (getClassLoadingLock(name)) {
        Class<?> loaded = findLoadedClass(name);
        return loaded != null ? loaded : define(name, modules.get(internal));
      }
    }

    private Class<?> define(String name, ClassReader reader) {
      ClassWriter writer = new ClassWriter(0);
      boolean changed = coreVersion != null && reader.getClassName().equals(CORE_VERSION);
      reader.accept(changed ? new OtherVersion(writer, coreVersion) : writer, 0);
      byte[] bytes = writer.toByteArray();
      return defineClass(name, bytes, 0, bytes.length);
    }
  }

  /** Replaces the one text that there is in a class. */
  private static final class OtherVersion extends ClassVisitor {

    private final String version;

    OtherVersion(ClassVisitor next, String version) {
      super(Opcodes.ASM9, next);
      this.version = version;
    }

    @Override
    public MethodVisitor visitMethod(
        int access, String name, String descriptor, String signature, String[] exceptions) {
      return new MethodVisitor(
          Opcodes.ASM9, super.visitMethod(access, name, descriptor, signature, exceptions)) {
        @Override
        public void visitLdcInsn(Object value) {
          super.visitLdcInsn(version);
        }
      };
    }
  }
}
