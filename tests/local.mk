# Unit tests (tests/test_NAME.c) use Check and link core/libcore.a; each is a program of its own, so that they run in parallel.

if HAVE_CHECK
include tests/harness/local.mk

check_PROGRAMS += tests/test_metrics
TESTS += tests/test_metrics
tests_test_metrics_CPPFLAGS = $(HARNESS_CPPFLAGS)
tests_test_metrics_LDADD = $(HARNESS_LIBS)

check_PROGRAMS += tests/test_http
TESTS += tests/test_http
tests_test_http_CPPFLAGS = $(HARNESS_CPPFLAGS)
tests_test_http_LDADD = $(HARNESS_LIBS)

check_PROGRAMS += tests/test_file_server
TESTS += tests/test_file_server
tests_test_file_server_CPPFLAGS = $(HARNESS_CPPFLAGS)
tests_test_file_server_LDADD = $(HARNESS_LIBS)

check_PROGRAMS += tests/test_broker
TESTS += tests/test_broker
tests_test_broker_CPPFLAGS = $(HARNESS_CPPFLAGS)
tests_test_broker_LDADD = $(HARNESS_LIBS)

check_PROGRAMS += tests/test_harness
TESTS += tests/test_harness
tests_test_harness_CPPFLAGS = $(HARNESS_CPPFLAGS)
tests_test_harness_LDADD = $(HARNESS_LIBS)
endif
