package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import org.junit.jupiter.api.Test;

class LuaFileTest {

  @Test
  void putsPartsInAndLeavesLinesOfCommentOut() {
    assertThat(
        LuaFile.read(LuaFileTest.class, "whole.lua", Map.of("CHECK", "check('\\d$1')\n")),
        is(
            """
            local mark = '-- <NAME>'
            if mark then
            check('\\d$1')
            end

            return 1 -- kept
            """));
  }

  @Test
  void textHasTheCommentsToo() {
    assertThat(
        LuaFile.text(LuaFileTest.class, "whole.lua"), startsWith("-- Says what the test reads."));
  }

  @Test
  void namesThePartOrTheFileThatIsNotThere() {
    Exception part =
        assertThrows(
            IllegalStateException.class,
            () -> LuaFile.read(LuaFileTest.class, "whole.lua", Map.of()));
    assertThat(part.getMessage(), containsString("CHECK"));
    Exception file =
        assertThrows(
            IllegalStateException.class, () -> LuaFile.text(LuaFileTest.class, "none.lua"));
    assertThat(file.getMessage(), containsString("none.lua"));
  }
}
