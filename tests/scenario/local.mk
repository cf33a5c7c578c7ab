# Scenarios: the built service with a real nats-server and a real clamd. Several programs, by theme.
check_LIBRARIES += tests/libscenario.a
tests_libscenario_a_SOURCES = \
	tests/scenario/scenario.c tests/scenario/scenario.h \
	tests/scenario/recorder.c tests/scenario/recorder.h \
	tests/scenario/storage.c tests/scenario/storage.h \
	tests/scenario/records.c tests/scenario/records.h tests/scenario/suite.c \
	tests/scenario/other.c tests/scenario/other.h
SCENARIO_LIBS = tests/libscenario.a $(TEST_LIBS)

# The longest ones first.
check_PROGRAMS += tests/scenario/test_scan_faults tests/scenario/test_icap_faults tests/scenario/test_private tests/scenario/test_anew tests/scenario/test_gap \
	tests/scenario/test_permissions tests/scenario/test_consumer tests/scenario/test_loss tests/scenario/test_torn \
	tests/scenario/test_crash tests/scenario/test_suspend tests/scenario/test_outcome tests/scenario/test_gone \
	tests/scenario/test_delay tests/scenario/test_remote tests/scenario/test_corpus tests/scenario/test_resume \
	tests/scenario/test_clean tests/scenario/test_wire tests/scenario/test_foreign tests/scenario/test_broker \
	tests/scenario/test_input tests/scenario/test_embedded tests/scenario/test_bench tests/scenario/test_ready \
	tests/scenario/test_tls tests/scenario/test_full tests/scenario/test_company tests/scenario/test_commands \
	tests/scenario/test_descriptors tests/scenario/test_upgrade tests/scenario/test_process \
	tests/scenario/test_memory tests/scenario/test_exec tests/scenario/test_http tests/scenario/test_hold \
	tests/scenario/test_reload tests/scenario/test_cache tests/scenario/test_icap tests/scenario/test_quarantine

tests_scenario_test_reload_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_exec_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_cache_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_quarantine_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_icap_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_scan_faults_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_icap_faults_SOURCES = tests/scenario/test_scan_faults.c
tests_scenario_test_icap_faults_CPPFLAGS = $(AM_CPPFLAGS) -DBY_ICAP
tests_scenario_test_icap_faults_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_hold_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_http_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_private_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_anew_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_gap_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_permissions_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_consumer_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_loss_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_torn_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_crash_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_suspend_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_outcome_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_gone_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_delay_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_remote_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_corpus_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_resume_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_clean_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_wire_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_foreign_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_broker_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_input_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_embedded_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_bench_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_ready_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_tls_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_full_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_company_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_commands_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_descriptors_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_upgrade_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_process_LDADD = $(SCENARIO_LIBS)
tests_scenario_test_memory_LDADD = $(SCENARIO_LIBS)

# Preloaded by test_memory. No sanitizer: it stands between a sanitizer and the program.
check_LTLIBRARIES += tests/scenario/shortage.la
tests_scenario_shortage_la_SOURCES = tests/scenario/shortage.c
tests_scenario_shortage_la_CFLAGS = $(WARN_CFLAGS) $(HARDEN_CFLAGS)
tests_scenario_shortage_la_LDFLAGS = $(HARDEN_LDFLAGS) -module -avoid-version -shared -rpath /nowhere

tests_scenario_test_wire_SOURCES = tests/scenario/test_wire.c tests/upload/storage_events.c tests/upload/storage_events.h

# The program with shorter time limits, for tests of what takes a minute.
HASTY = tests/scenario/postprocessing_hasty$(EXEEXT)
EXTRA_PROGRAMS += tests/scenario/postprocessing_hasty
CLEANFILES += $(HASTY)
tests_scenario_postprocessing_hasty_SOURCES = $(postprocessing_SOURCES) tests/scenario/hasty.c
tests_scenario_postprocessing_hasty_LDADD = $(postprocessing_LDADD)
EXTRA_tests_scenario_test_embedded_DEPENDENCIES = $(HASTY)
EXTRA_tests_scenario_test_anew_DEPENDENCIES = $(HASTY)
EXTRA_tests_scenario_test_private_DEPENDENCIES = $(HASTY)

EXTRA_DIST += tests/data/upgrade/README tests/data/upgrade/records.jsonl tests/data/upgrade/bucket tests/data/upgrade/position \
	tests/data/upgrade/instance-0
