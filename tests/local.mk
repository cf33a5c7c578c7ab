# Unit tests (tests/test_NAME.c) use Check and link core/libcore.a; each is a program of its own, so that they run in parallel.

if HAVE_CHECK
include tests/harness/local.mk

check_PROGRAMS += tests/test_harness
TESTS += tests/test_harness
tests_test_harness_CPPFLAGS = $(HARNESS_CPPFLAGS)
tests_test_harness_LDADD = $(HARNESS_LIBS)
endif
