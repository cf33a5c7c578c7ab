# The functions of the step ABI, called by modules in processes and on threads.
check_PROGRAMS += tests/abi/test_abi
tests_abi_test_abi_SOURCES = tests/abi/test_abi.c tests/config/config_fixture.c tests/config/config_fixture.h $(WORKER_FIXTURE)
tests_abi_test_abi_CPPFLAGS = $(AM_CPPFLAGS) -DWORKER='"$(abs_top_builddir)/postprocessing-worker"' \
	-DFIXTURES='"$(abs_top_builddir)/tests/abi/.libs"'

check_LTLIBRARIES += tests/abi/tells.la
tests_abi_tells_la_SOURCES = tests/abi/tells.c
tests_abi_tells_la_LDFLAGS = $(FIXTURE_LDFLAGS)
