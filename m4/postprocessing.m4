# postprocessing.m4 - for the configure.ac of a step module that lives in a package of its own.
# SPDX-License-Identifier: Apache-2.0

# PP_STEP_MODULE
# --------------
# Finds the step ABI's header and the folders that a module's package installs into. Sets and substitutes
# PP_CFLAGS, PP_PLUGINDIR and PP_STEPSDDIR; stops configure if postprocessing is not installed.
AC_DEFUN([PP_STEP_MODULE], [
AC_REQUIRE([PKG_PROG_PKG_CONFIG])
PKG_CHECK_MODULES([PP], [postprocessing])
PKG_CHECK_VAR([PP_PLUGINDIR], [postprocessing], [plugindir])
PKG_CHECK_VAR([PP_STEPSDDIR], [postprocessing], [stepsddir])
])
