check_PROGRAMS += tests/plugins/test_delay tests/plugins/test_virusscan tests/plugins/test_virusscan_clamd \
	tests/plugins/test_addresses

STUB_HOST = tests/plugins/stub_host.c tests/plugins/stub_host.h
FAKE_CLAMD = tests/plugins/fake_clamd.c tests/plugins/fake_clamd.h
# They count connections.
PATIENT = -DIDLE_TIME='INT64_C(60000000000)' -DSERVICE_TIME='INT64_C(60000000000)'
SCAN = tests/plugins/scan.c tests/plugins/scan.h $(STUB_HOST) $(VIRUSSCAN_SOURCES)
tests_plugins_test_delay_SOURCES = tests/plugins/test_delay.c $(STUB_HOST) plugins/delay/delay.c
tests_plugins_test_delay_CPPFLAGS = $(AM_CPPFLAGS)
tests_plugins_test_virusscan_SOURCES = tests/plugins/test_virusscan.c $(FAKE_CLAMD) $(SCAN)
tests_plugins_test_virusscan_CPPFLAGS = $(AM_CPPFLAGS) $(PATIENT)
tests_plugins_test_virusscan_clamd_SOURCES = tests/plugins/test_virusscan_clamd.c $(SCAN)
tests_plugins_test_virusscan_clamd_CPPFLAGS = $(AM_CPPFLAGS) $(PATIENT)
tests_plugins_test_addresses_SOURCES = tests/plugins/test_addresses.c $(FAKE_CLAMD) $(SCAN)
tests_plugins_test_addresses_CPPFLAGS = $(AM_CPPFLAGS) $(PATIENT)

check_PROGRAMS += tests/plugins/test_exec
tests_plugins_test_exec_SOURCES = tests/plugins/test_exec.c $(STUB_HOST) $(EXEC_SOURCES)
tests_plugins_test_exec_CPPFLAGS = $(AM_CPPFLAGS)

check_PROGRAMS += tests/plugins/test_http
tests_plugins_test_http_SOURCES = tests/plugins/test_http.c $(STUB_HOST) $(HTTP_SOURCES)
tests_plugins_test_http_CPPFLAGS = $(AM_CPPFLAGS)

check_PROGRAMS += tests/plugins/test_icap
tests_plugins_test_icap_SOURCES = tests/plugins/test_icap.c tests/plugins/icap_server.c tests/plugins/icap_server.h $(SCAN)
tests_plugins_test_icap_CPPFLAGS = $(AM_CPPFLAGS) $(PATIENT)

check_PROGRAMS += tests/plugins/test_idle
tests_plugins_test_idle_SOURCES = tests/plugins/test_idle.c plugins/virusscan/idle.c plugins/virusscan/endpoint.c \
	plugins/virusscan/cause.c
tests_plugins_test_idle_CPPFLAGS = $(AM_CPPFLAGS)

check_PROGRAMS += tests/plugins/test_icap_tls
tests_plugins_test_icap_tls_SOURCES = tests/plugins/test_icap_tls.c tests/plugins/icap_server.c tests/plugins/icap_server.h $(SCAN)
tests_plugins_test_icap_tls_CPPFLAGS = $(AM_CPPFLAGS) $(PATIENT)

check_PROGRAMS += tests/plugins/test_icap_real
tests_plugins_test_icap_real_SOURCES = tests/plugins/test_icap_real.c $(SCAN)
tests_plugins_test_icap_real_CPPFLAGS = $(AM_CPPFLAGS) $(PATIENT)

PAIR = tests/plugins/pair.c tests/plugins/pair.h $(FAKE_CLAMD) $(SCAN)
check_PROGRAMS += tests/plugins/test_fleet tests/plugins/test_lists tests/plugins/test_rules
tests_plugins_test_fleet_SOURCES = tests/plugins/test_fleet.c $(PAIR)
tests_plugins_test_fleet_CPPFLAGS = $(AM_CPPFLAGS) $(PATIENT)
tests_plugins_test_lists_SOURCES = tests/plugins/test_lists.c $(PAIR)
tests_plugins_test_lists_CPPFLAGS = $(AM_CPPFLAGS) $(PATIENT)
tests_plugins_test_rules_SOURCES = tests/plugins/test_rules.c $(PAIR)
tests_plugins_test_rules_CPPFLAGS = $(AM_CPPFLAGS) $(PATIENT)

check_PROGRAMS += tests/plugins/test_lookup
tests_plugins_test_lookup_SOURCES = tests/plugins/test_lookup.c tests/plugins/icap_server.c tests/plugins/icap_server.h $(PAIR)
tests_plugins_test_lookup_CPPFLAGS = $(AM_CPPFLAGS)
