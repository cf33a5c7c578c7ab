# pp_flags.m4 - compiler and linker flags, each tried before it is used.
# SPDX-License-Identifier: Apache-2.0

# Whether the compiler takes a flag depends on its version and on the machine that it compiles for: -fcf-protection is an
# error everywhere but on x86. -Werror makes those that the compiler would only warn of, and then ignore, fail as well. A
# program is linked, because some flags need a library that may be missing.

# PP_TAKE_CFLAGS(VARIABLE, FLAGS)
# -------------------------------
# Appends to VARIABLE each of the FLAGS, separated by blanks, that the compiler takes.
AC_DEFUN([PP_TAKE_CFLAGS], [m4_map_args_w([$2], [_PP_TAKE_FLAG([$1], [CFLAGS], ], [)])])

# PP_TAKE_LDFLAGS(VARIABLE, FLAGS)
# --------------------------------
# The same for the linker.
AC_DEFUN([PP_TAKE_LDFLAGS], [m4_map_args_w([$2], [_PP_TAKE_FLAG([$1], [LDFLAGS], ], [)])])

# _PP_TAKE_FLAG(VARIABLE, CFLAGS or LDFLAGS, FLAG)
# ------------------------------------------------
AC_DEFUN([_PP_TAKE_FLAG], [
AS_VAR_PUSHDEF([pp_taken], [pp_cv_$2_$3])
AC_CACHE_CHECK([whether $CC takes $3], [pp_taken], [
  pp_saved_$2=$$2
  $2="$$2 -Werror $3"
  AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AS_VAR_SET([pp_taken], [yes])], [AS_VAR_SET([pp_taken], [no])])
  $2=$pp_saved_$2])
AS_VAR_IF([pp_taken], [yes], [AS_VAR_APPEND([$1], [" $3"])])
AS_VAR_POPDEF([pp_taken])
])

# PP_FORTIFY(VARIABLE)
# --------------------
# Appends -D_FORTIFY_SOURCE=2 to VARIABLE, unless the user or the compiler itself has set a level, or nothing is optimised,
# which it needs.
AC_DEFUN([PP_FORTIFY], [
AC_CACHE_CHECK([whether to define _FORTIFY_SOURCE], [pp_cv_fortify], [
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#if defined _FORTIFY_SOURCE || !defined __OPTIMIZE__
#error "it is set already, or could not work"
#endif
int pp_fortify;
]])], [pp_cv_fortify=yes], [pp_cv_fortify=no])])
AS_VAR_IF([pp_cv_fortify], [yes], [AS_VAR_APPEND([$1], [" -D_FORTIFY_SOURCE=2"])])
])
