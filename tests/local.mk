# Each test is a program of its own, so that they run in parallel: tests/test_NAME.c, with Check, on core/libcore.a.
# A test's limit in seconds, for a machine that has much else to do.
# And no variable of the service that its administrator has exported: they win over the tests' configurations.
AM_TESTS_ENVIRONMENT = CK_DEFAULT_TIMEOUT=60; export CK_DEFAULT_TIMEOUT; \
	unset `env | sed -n 's/^\(\(POSTPROCESSING\|ANTIVIRUS\|OCIS\|OC\)_[A-Za-z0-9_]*\)=.*/\1/p'` NO_SUCH_VARIABLE;

if HAVE_CHECK
include tests/harness/local.mk

TEST_CPPFLAGS = $(core_libcore_a_CPPFLAGS) -I$(top_srcdir)/tests $(CHECK_CFLAGS)
TEST_LIBS = tests/libharness.a $(CORE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/test_clock
TESTS += tests/test_clock
tests_test_clock_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_clock_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_encoding
TESTS += tests/test_encoding
tests_test_encoding_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_encoding_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_json
TESTS += tests/test_json
tests_test_json_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_json_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_text
TESTS += tests/test_text
tests_test_text_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc
tests_test_text_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_text_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_timers
TESTS += tests/test_timers
tests_test_timers_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_timers_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_mailbox
TESTS += tests/test_mailbox
tests_test_mailbox_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_mailbox_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_http
TESTS += tests/test_http
tests_test_http_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_http_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_metrics
TESTS += tests/test_metrics
tests_test_metrics_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_metrics_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_file_server
TESTS += tests/test_file_server
tests_test_file_server_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_file_server_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_broker
TESTS += tests/test_broker
tests_test_broker_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_broker_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_harness
TESTS += tests/test_harness
tests_test_harness_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_harness_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_peers
TESTS += tests/test_peers
tests_test_peers_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_peers_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_sim
TESTS += tests/test_sim
tests_test_sim_SOURCES = tests/test_sim.c tests/sim/world.c tests/sim/world.h tests/sim/broker.c tests/sim/broker.h \
	tests/sim/instance.c tests/sim/operation.c tests/sim/actors.c tests/sim/promises.c
tests_test_sim_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_sim_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_markers
TESTS += tests/test_markers
tests_test_markers_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_markers_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_position
TESTS += tests/test_position
tests_test_position_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_position_LDADD = $(TEST_LIBS)

CONFIG_FIXTURE = tests/config_fixture.c tests/config_fixture.h

check_PROGRAMS += tests/test_config
TESTS += tests/test_config
tests_test_config_SOURCES = tests/test_config.c $(CONFIG_FIXTURE)
tests_test_config_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_config_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_config_env
TESTS += tests/test_config_env
tests_test_config_env_SOURCES = tests/test_config_env.c $(CONFIG_FIXTURE)
tests_test_config_env_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_config_env_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_config_example
TESTS += tests/test_config_example
tests_test_config_example_SOURCES = tests/test_config_example.c $(CONFIG_FIXTURE)
tests_test_config_example_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_config_example_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_config_memory
TESTS += tests/test_config_memory
tests_test_config_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
tests_test_config_memory_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_config_memory_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_step_setup
TESTS += tests/test_step_setup
tests_test_step_setup_SOURCES = tests/test_step_setup.c $(CONFIG_FIXTURE)
tests_test_step_setup_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_step_setup_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_content
TESTS += tests/test_content
tests_test_content_SOURCES = tests/test_content.c tests/file_server.c tests/file_server.h \
	tests/certificate.c tests/certificate.h
tests_test_content_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_content_LDADD = $(TEST_LIBS)

EXTRA_DIST += tests/data/storage-events.jsonl
STORAGE_EVENTS = tests/storage_events.c tests/storage_events.h

check_PROGRAMS += tests/test_event
TESTS += tests/test_event
tests_test_event_SOURCES = tests/test_event.c $(STORAGE_EVENTS)
tests_test_event_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_event_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_event_encode
TESTS += tests/test_event_encode
tests_test_event_encode_SOURCES = tests/test_event_encode.c $(STORAGE_EVENTS)
tests_test_event_encode_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_event_encode_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_record
TESTS += tests/test_record
tests_test_record_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_record_LDADD = $(TEST_LIBS)

PIPELINE_FIXTURE = tests/pipeline_fixture.c tests/pipeline_fixture.h

check_PROGRAMS += tests/test_pipeline
TESTS += tests/test_pipeline
tests_test_pipeline_SOURCES = tests/test_pipeline.c $(PIPELINE_FIXTURE)
tests_test_pipeline_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_pipeline_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_pipeline_matrix
TESTS += tests/test_pipeline_matrix
tests_test_pipeline_matrix_SOURCES = tests/test_pipeline_matrix.c $(PIPELINE_FIXTURE)
tests_test_pipeline_matrix_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_pipeline_matrix_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_pipeline_random
TESTS += tests/test_pipeline_random
tests_test_pipeline_random_SOURCES = tests/test_pipeline_random.c $(PIPELINE_FIXTURE)
tests_test_pipeline_random_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_pipeline_random_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_envelope
TESTS += tests/test_envelope
tests_test_envelope_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_envelope_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_bus_loop
TESTS += tests/test_bus_loop
tests_test_bus_loop_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_bus_loop_LDADD = $(TEST_LIBS)

FAKE_PORTS = tests/fake_ports.c tests/fake_events.c tests/fake_ports.h

check_PROGRAMS += tests/test_coordinator
TESTS += tests/test_coordinator
tests_test_coordinator_SOURCES = tests/test_coordinator.c $(FAKE_PORTS)
tests_test_coordinator_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_coordinator_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_coordinator_runs
TESTS += tests/test_coordinator_runs
tests_test_coordinator_runs_SOURCES = tests/test_coordinator_runs.c $(FAKE_PORTS)
tests_test_coordinator_runs_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_coordinator_runs_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_coordinator_broker
TESTS += tests/test_coordinator_broker
tests_test_coordinator_broker_SOURCES = tests/test_coordinator_broker.c $(FAKE_PORTS)
tests_test_coordinator_broker_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_coordinator_broker_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_coordinator_suspects
TESTS += tests/test_coordinator_suspects
tests_test_coordinator_suspects_SOURCES = tests/test_coordinator_suspects.c $(FAKE_PORTS)
tests_test_coordinator_suspects_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_coordinator_suspects_LDADD = $(TEST_LIBS)

include tests/modules/local.mk

check_PROGRAMS += tests/test_modules
TESTS += tests/test_modules
tests_test_modules_SOURCES = tests/test_modules.c $(CONFIG_FIXTURE)
tests_test_modules_CPPFLAGS = $(TEST_CPPFLAGS) -DFIXTURES='"$(abs_top_builddir)/tests/modules/.libs"'
tests_test_modules_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_workers
TESTS += tests/test_workers
tests_test_workers_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_workers_LDADD = $(TEST_LIBS)

STUB_HOST = tests/stub_host.c tests/stub_host.h

check_PROGRAMS += tests/test_delay
TESTS += tests/test_delay
tests_test_delay_SOURCES = tests/test_delay.c $(STUB_HOST) plugins/delay/delay.c
tests_test_delay_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_delay_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test_virusscan
TESTS += tests/test_virusscan
tests_test_virusscan_SOURCES = tests/test_virusscan.c $(STUB_HOST) $(VIRUSSCAN_SOURCES) \
	tests/fake_clamd.c tests/fake_clamd.h tests/fixture_clamd.c tests/fixture_clamd.h
tests_test_virusscan_CPPFLAGS = $(TEST_CPPFLAGS)
tests_test_virusscan_LDADD = $(TEST_LIBS)

include tests/scenario/local.mk

include tests/torture/local.mk

include tests/bench/local.mk
endif
