package io.github.redistoolkit.linkage;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Links class files with a library as a JVM would, all at once and without running them.
 *
 * <p>Finds what would end in a {@link NoClassDefFoundError}, {@link NoSuchMethodError}, {@link
 * NoSuchFieldError}, {@link IllegalAccessError} or {@link AbstractMethodError}, and a class taken
 * for an interface or the other way round. After JVMS 5.4.3 and 4.4.
 */
final class Linker {

  private static final int CLASS = 7;
  private static final int FIELD = 9;
  private static final int METHOD = 10;
  private static final int INTERFACE_METHOD = 11;

  private final ClassFiles ours;
  private final ClassFiles library;
  private final String packages;
  private final Map<String, Type> types = new HashMap<>();
  private final Set<String> faults = new TreeSet<>();

  private Linker(ClassFiles ours, ClassFiles library, String packages) {
    this.ours = ours;
    this.library = library;
    this.packages = packages;
  }

  /**
   * What does not link.
   *
   * @param packages what the internal names of all the library's classes begin with
   */
  static Set<String> faults(ClassFiles ours, ClassFiles library, String packages) {
    Linker linker = new Linker(ours, library, packages);
    ours.byName().values().forEach(linker::link);
    return linker.faults;
  }

  /** How many references to the library there are, so that nobody takes none for a success. */
  static long references(ClassFiles ours, String packages) {
    return ours.byName().values().stream()
        .flatMap(reader -> references(reader).stream())
        .filter(reference -> reference.owner().startsWith(packages))
        .count();
  }

  /** An entry of a constant pool; name and descriptor are empty for a class. */
  record Reference(int tag, String owner, String name, String descriptor) {

    String member() {
      return name + descriptor;
    }

    @Override
    public String toString() {
      return owner.replace('/', '.') + (tag == CLASS ? "" : "." + member());
    }
  }

  static Set<Reference> references(ClassReader reader) {
    Set<Reference> found = new LinkedHashSet<>();
    char[] buffer = new char[reader.getMaxStringLength()];
    for (int i = 1; i < reader.getItemCount(); i++) {
      int at = reader.getItem(i);
      if (at == 0) {
        continue; // the second half of a long or double
      }
      int tag = reader.readByte(at - 1);
      if (tag == CLASS) {
        found.add(new Reference(tag, elementType(reader.readUTF8(at, buffer)), "", ""));
      } else if (tag == FIELD || tag == METHOD || tag == INTERFACE_METHOD) {
        int signature = reader.getItem(reader.readUnsignedShort(at + 2));
        found.add(
            new Reference(
                tag,
                elementType(reader.readClass(at, buffer)),
                reader.readUTF8(signature, buffer),
                reader.readUTF8(signature + 2, buffer)));
      }
    }
    return found;
  }

  private static String elementType(String name) {
    return name.startsWith("[") ? name.replaceAll("^\\[+L?|;$", "") : name;
  }

  private void link(ClassReader reader) {
    for (Reference reference : references(reader)) {
      if (reference.owner().startsWith(packages) || ours.byName().containsKey(reference.owner())) {
        resolve(reader.getClassName(), reference);
      }
    }
    inherit(type(reader.getClassName()));
  }

  private void resolve(String from, Reference reference) {
    Type owner = type(reference.owner());
    if (owner == null) {
      faults.add(from + " needs " + reference + ", which is missing");
      return;
    }
    if (!visible(from, owner.name(), owner.access())) {
      faults.add(from + " needs " + reference.owner() + ", which is not public");
    }
    if (reference.tag() == CLASS) {
      return;
    }
    if (reference.tag() != FIELD && owner.isInterface() != (reference.tag() == INTERFACE_METHOD)) {
      faults.add(from + " needs " + reference + ", and takes its owner for the wrong kind of type");
      return;
    }
    for (Type type : withAncestors(owner)) {
      Integer access =
          (reference.tag() == FIELD ? type.fields() : type.methods()).get(reference.member());
      if (access != null && visible(from, type.name(), access)) {
        return;
      }
    }
    faults.add(from + " needs " + reference + ", which is missing or not visible");
  }

  private boolean visible(String from, String owner, int access) {
    if ((access & Opcodes.ACC_PUBLIC) != 0) {
      return true;
    }
    if (packageOf(from).equals(packageOf(owner)) || !owner.startsWith(packages)) {
      return true; // what we do among ourselves the compiler has seen to
    }
    return (access & Opcodes.ACC_PROTECTED) != 0
        && withAncestors(type(from)).stream().anyMatch(type -> type.name().equals(owner));
  }

  private static String packageOf(String name) {
    return name.substring(0, name.lastIndexOf('/') + 1);
  }

  /** What a class of ours owes to the types of the library that it extends. */
  private void inherit(@Nullable Type type) {
    if (type == null) {
      return;
    }
    Set<String> implemented = new HashSet<>();
    Set<String> owed = new LinkedHashSet<>();
    for (Type each : withAncestors(type)) {
      boolean foreign = each.name().startsWith(packages);
      if (!each.equals(type) && foreign && (each.access() & Opcodes.ACC_FINAL) != 0) {
        faults.add(type.name() + " extends " + each.name() + ", which is final");
      }
      each.methods()
          .forEach(
              (method, access) -> {
                if ((access & Opcodes.ACC_ABSTRACT) == 0) {
                  implemented.add(method);
                } else if (foreign) {
                  owed.add(method);
                }
                if (!each.equals(type)
                    && foreign
                    && (access & Opcodes.ACC_FINAL) != 0
                    && (access & Opcodes.ACC_PRIVATE) == 0
                    && type.methods().containsKey(method)) {
                  faults.add(type.name() + " overrides " + each.name() + "." + method);
                }
              });
    }
    owed.removeAll(implemented);
    if ((type.access() & Opcodes.ACC_ABSTRACT) == 0 && !owed.isEmpty()) {
      faults.add(type.name() + " does not implement " + owed);
    }
  }

  /** A type and all that it inherits from, itself first and classes before interfaces. */
  private List<Type> withAncestors(@Nullable Type type) {
    List<Type> classes = new ArrayList<>();
    for (Type each = type; each != null; each = type(each.parent())) {
      classes.add(each);
    }
    Set<Type> all = new LinkedHashSet<>(classes);
    classes.forEach(each -> addInterfaces(each, all));
    return List.copyOf(all);
  }

  private void addInterfaces(Type type, Set<Type> all) {
    for (String name : type.interfaces()) {
      Type found = type(name);
      if (found != null && all.add(found)) {
        addInterfaces(found, all);
      }
    }
  }

  private @Nullable Type type(@Nullable String name) {
    if (name == null) {
      return null;
    }
    Type known = types.get(name);
    if (known != null) {
      return known;
    }
    ClassReader reader = ours.byName().get(name);
    if (reader == null) {
      reader =
          name.startsWith(packages) ? library.byName().get(name) : ClassFiles.fromClassPath(name);
    }
    if (reader == null) {
      return null;
    }
    Type read = Type.of(reader);
    types.put(name, read);
    return read;
  }

  /** What a class file declares; members by name and descriptor, with their access flags. */
  private record Type(
      String name,
      int access,
      @Nullable String parent,
      List<String> interfaces,
      Map<String, Integer> fields,
      Map<String, Integer> methods) {

    static Type of(ClassReader reader) {
      Map<String, Integer> fields = new HashMap<>();
      Map<String, Integer> methods = new HashMap<>();
      reader.accept(
          new ClassVisitor(Opcodes.ASM9) {
            @Override
            public @Nullable FieldVisitor visitField(
                int access, String name, String descriptor, String signature, Object value) {
              fields.put(name + descriptor, access);
              return null;
            }

            @Override
            public @Nullable MethodVisitor visitMethod(
                int access, String name, String descriptor, String signature, String[] exceptions) {
              methods.put(name + descriptor, access);
              return null;
            }
          },
          ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
      return new Type(
          reader.getClassName(),
          reader.getAccess(),
          reader.getSuperName(),
          List.of(reader.getInterfaces()),
          fields,
          methods);
    }

    boolean isInterface() {
      return (access & Opcodes.ACC_INTERFACE) != 0;
    }
  }
}
