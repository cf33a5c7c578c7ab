# Unit tests (tests/test_NAME.c) use Check and link core/libcore.a; each is a program of its own, so that they run in parallel.
if HAVE_CHECK
check_PROGRAMS += tests/test_clock tests/test_config tests/test_config_env tests/test_config_example tests/test_step_setup
TESTS += tests/test_clock tests/test_config tests/test_config_env tests/test_config_example tests/test_step_setup
endif
tests_test_clock_SOURCES = tests/test_clock.c
tests_test_clock_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_clock_LDADD = $(CORE_LIBS) $(CHECK_LIBS)
tests_test_config_SOURCES = tests/test_config.c tests/config_fixture.c tests/config_fixture.h
tests_test_config_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_config_LDADD = $(CORE_LIBS) $(CHECK_LIBS)
tests_test_config_env_SOURCES = tests/test_config_env.c tests/config_fixture.c tests/config_fixture.h
tests_test_config_env_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_config_env_LDADD = $(CORE_LIBS) $(CHECK_LIBS)
tests_test_step_setup_SOURCES = tests/test_step_setup.c tests/config_fixture.c tests/config_fixture.h
tests_test_step_setup_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_step_setup_LDADD = $(CORE_LIBS) $(CHECK_LIBS)
tests_test_config_example_SOURCES = tests/test_config_example.c tests/config_fixture.c tests/config_fixture.h
tests_test_config_example_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_config_example_LDADD = $(CORE_LIBS) $(CHECK_LIBS)

if HAVE_CHECK
TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
STUB_HOST_SOURCES = tests/stub_host.c tests/stub_host.h

check_PROGRAMS += tests/test_content
TESTS += tests/test_content
tests_test_content_SOURCES = tests/test_content.c tests/file_server.c tests/file_server.h \
	tests/certificate.c tests/certificate.h
tests_test_content_CPPFLAGS = $(TEST_CPPFLAGS) $(MICROHTTPD_CFLAGS) $(CURL_CFLAGS) $(CRYPTO_CFLAGS)
tests_test_content_LDADD = core/libcore.a $(CHECK_LIBS) $(CURL_LIBS) $(MICROHTTPD_LIBS) $(CRYPTO_LIBS) -lpthread

check_PROGRAMS += tests/test_delay
TESTS += tests/test_delay
tests_test_delay_SOURCES = tests/test_delay.c $(STUB_HOST_SOURCES) plugins/delay/delay.c
tests_test_delay_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_delay_LDADD = core/libcore.a $(CHECK_LIBS)

check_PROGRAMS += tests/test_virusscan
TESTS += tests/test_virusscan
tests_test_virusscan_SOURCES = tests/test_virusscan.c $(STUB_HOST_SOURCES) $(VIRUSSCAN_SOURCES) \
	tests/fake_clamd.c tests/fake_clamd.h tests/fixture_clamd.c tests/fixture_clamd.h
tests_test_virusscan_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_virusscan_LDADD = core/libcore.a $(CHECK_LIBS) $(JANSSON_LIBS) -lpthread
endif

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
