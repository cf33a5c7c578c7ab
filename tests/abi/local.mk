# The functions of the step ABI, called by modules in processes and on threads.
check_PROGRAMS += tests/abi/test_abi
tests_abi_test_abi_SOURCES = tests/abi/test_abi.c tests/config/config_fixture.c tests/config/config_fixture.h $(WORKER_FIXTURE)
tests_abi_test_abi_CPPFLAGS = $(AM_CPPFLAGS) -DWORKER='"$(abs_top_builddir)/postprocessing-worker"' \
	-DFIXTURES='"$(abs_top_builddir)/tests/abi/.libs"'

check_PROGRAMS += tests/abi/test_grant
tests_abi_test_grant_SOURCES = tests/abi/test_grant.c

check_LTLIBRARIES += tests/abi/tells.la
tests_abi_tells_la_SOURCES = tests/abi/tells.c
tests_abi_tells_la_LDFLAGS = $(FIXTURE_LDFLAGS)

# Built with the header of step ABI 1.0, which is kept here as it was.
check_LTLIBRARIES += tests/abi/old.la
tests_abi_old_la_SOURCES = tests/abi/old.c tests/abi/step-1.0.h
tests_abi_old_la_LDFLAGS = $(FIXTURE_LDFLAGS)

# Modules in C++, if there is a compiler for it: the service itself needs none.
EXTRA_DIST += tests/abi/throws.cc
check_DATA = tests/abi/.libs/throws.so tests/abi/.libs/throws_early.so
CLEANFILES += $(check_DATA)
COMPILE_MODULE_CXX = $(TEST_CXX) -std=c++17 -Wall -Wextra -shared -fPIC -I$(top_srcdir)/include $(srcdir)/tests/abi/throws.cc
tests/abi/.libs/throws.so: tests/abi/throws.cc include/postprocessing/step.h
	$(AM_V_GEN)$(MKDIR_P) tests/abi/.libs && if test -n "$(TEST_CXX)"; then $(COMPILE_MODULE_CXX) -o $@; fi
tests/abi/.libs/throws_early.so: tests/abi/throws.cc include/postprocessing/step.h
	$(AM_V_GEN)$(MKDIR_P) tests/abi/.libs && if test -n "$(TEST_CXX)"; then $(COMPILE_MODULE_CXX) -DIN_CONSTRUCTOR -o $@; fi
