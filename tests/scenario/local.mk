# Scenarios: the built service with a real nats-server and a real clamd. Several programs, by theme.
SCENARIO_FIXTURE = tests/scenario/scenario.c tests/scenario/scenario.h \
	tests/scenario/recorder.c tests/scenario/recorder.h \
	tests/scenario/storage.c tests/scenario/storage.h \
	tests/scenario/records.c tests/scenario/records.h tests/scenario/suite.c \
	tests/scenario/other.c tests/scenario/other.h \
	tests/file_server.c tests/file_server.h tests/fixture_clamd.c tests/fixture_clamd.h
check_LIBRARIES += tests/libscenario.a
tests_libscenario_a_SOURCES = $(SCENARIO_FIXTURE)
SCENARIO_LIBS = tests/libscenario.a $(TEST_LIBS)
EXTRA_DIST += tests/data/storage-events.jsonl

check_PROGRAMS += tests/test_scenario_outcome
tests_test_scenario_outcome_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_gone
tests_test_scenario_gone_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_delay
tests_test_scenario_delay_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_remote
tests_test_scenario_remote_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_corpus
tests_test_scenario_corpus_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_resume
tests_test_scenario_resume_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_clean
tests_test_scenario_clean_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_wire
tests_test_scenario_wire_SOURCES = tests/test_scenario_wire.c tests/storage_events.c tests/storage_events.h
tests_test_scenario_wire_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_foreign
tests_test_scenario_foreign_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_crash
tests_test_scenario_crash_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_broker
tests_test_scenario_broker_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_consumer
tests_test_scenario_consumer_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_gap
tests_test_scenario_gap_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_input
tests_test_scenario_input_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_embedded
tests_test_scenario_embedded_LDADD = $(SCENARIO_LIBS)
EXTRA_tests_test_scenario_embedded_DEPENDENCIES = tests/postprocessing_hasty$(EXEEXT)
check_PROGRAMS += tests/test_scenario_bench
tests_test_scenario_bench_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_ready
tests_test_scenario_ready_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_tls
tests_test_scenario_tls_SOURCES = tests/test_scenario_tls.c tests/certificate.c tests/certificate.h
tests_test_scenario_tls_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_permissions
tests_test_scenario_permissions_LDADD = $(SCENARIO_LIBS)
# The program with shorter patience, for what takes a minute.
EXTRA_PROGRAMS += tests/postprocessing_hasty
CLEANFILES += tests/postprocessing_hasty$(EXEEXT)
tests_postprocessing_hasty_SOURCES = $(postprocessing_SOURCES) tests/hasty.c
tests_postprocessing_hasty_LDADD = $(postprocessing_LDADD)
check_PROGRAMS += tests/test_scenario_anew
tests_test_scenario_anew_LDADD = $(SCENARIO_LIBS)
EXTRA_tests_test_scenario_anew_DEPENDENCIES = tests/postprocessing_hasty$(EXEEXT)
check_PROGRAMS += tests/test_scenario_private
tests_test_scenario_private_LDADD = $(SCENARIO_LIBS)
EXTRA_tests_test_scenario_private_DEPENDENCIES = tests/postprocessing_hasty$(EXEEXT)
check_PROGRAMS += tests/test_scenario_loss
tests_test_scenario_loss_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_torn
tests_test_scenario_torn_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_full
tests_test_scenario_full_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_company
tests_test_scenario_company_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_commands
tests_test_scenario_commands_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_descriptors
tests_test_scenario_descriptors_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_upgrade
tests_test_scenario_upgrade_LDADD = $(SCENARIO_LIBS)
EXTRA_DIST += tests/data/upgrade/README tests/data/upgrade/records.jsonl tests/data/upgrade/bucket tests/data/upgrade/position \
	tests/data/upgrade/instance-0

check_PROGRAMS += tests/test_scenario_process
tests_test_scenario_process_LDADD = $(SCENARIO_LIBS)
check_PROGRAMS += tests/test_scenario_suspend
tests_test_scenario_suspend_LDADD = $(SCENARIO_LIBS)
