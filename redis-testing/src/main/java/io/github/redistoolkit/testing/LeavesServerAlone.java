package io.github.redistoolkit.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Says that a suite may run on a server that others use. It does nothing to the server but use keys
 * and channels that {@link TestRedis#unique} names, and it does not expect others to be quiet.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
public @interface LeavesServerAlone {}
