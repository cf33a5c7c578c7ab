# Each test is a program of its own, so that they run in parallel: tests/test_NAME.c, with Check, on core/libcore.a.
# A test's limit in seconds, for a machine that has much else to do.
# And no variable of the service that its administrator has exported: they win over the tests' configurations.
AM_TESTS_ENVIRONMENT = CK_DEFAULT_TIMEOUT=60; export CK_DEFAULT_TIMEOUT; \
	unset `env | sed -n 's/^\(\(POSTPROCESSING\|ANTIVIRUS\|OCIS\|OC\)_[A-Za-z0-9_]*\)=.*/\1/p'` NO_SUCH_VARIABLE;

if HAVE_CHECK
include tests/harness/local.mk

TEST_LIBS = tests/libharness.a $(CORE_LIBS) $(CHECK_LIBS)
LDADD = $(TEST_LIBS)

# What takes longest begins first.
include tests/scenario/local.mk
include tests/torture/local.mk

check_PROGRAMS += tests/test_clock tests/test_encoding tests/test_json tests/test_json_text tests/test_printable tests/test_listener

check_PROGRAMS += tests/test_text
tests_test_text_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc

check_PROGRAMS += tests/test_timers tests/test_waiters tests/test_lines tests/test_mailbox tests/test_http tests/test_metrics \
	tests/test_file_server tests/test_broker tests/test_harness tests/test_peers tests/test_scan tests/test_readiness tests/test_step_health tests/test_checker

check_PROGRAMS += tests/test_loss tests/test_longest_wait tests/test_broker_health tests/test_permissions
tests_test_permissions_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_monotonic

check_PROGRAMS += tests/test_sim
tests_test_sim_SOURCES = tests/test_sim.c tests/sim/world.c tests/sim/world.h tests/sim/broker.c tests/sim/broker.h \
	tests/sim/instance.c tests/sim/ports.c tests/sim/operation.c tests/sim/actors.c tests/sim/promises.c tests/sim/forget.c tests/sim/stop.c tests/sim/suspend.c

check_PROGRAMS += tests/test_markers tests/test_scan_markers tests/test_search tests/test_position tests/test_gap tests/test_census tests/test_trim tests/test_instance tests/test_retention

CONFIG_FIXTURE = tests/config_fixture.c tests/config_fixture.h

check_PROGRAMS += tests/test_config
tests_test_config_SOURCES = tests/test_config.c $(CONFIG_FIXTURE)

check_PROGRAMS += tests/test_config_broker
tests_test_config_broker_SOURCES = tests/test_config_broker.c $(CONFIG_FIXTURE)

check_PROGRAMS += tests/test_config_env
tests_test_config_env_SOURCES = tests/test_config_env.c $(CONFIG_FIXTURE)

check_PROGRAMS += tests/test_config_warnings
tests_test_config_warnings_SOURCES = tests/test_config_warnings.c $(CONFIG_FIXTURE)

check_PROGRAMS += tests/test_config_effective
tests_test_config_effective_SOURCES = tests/test_config_effective.c $(CONFIG_FIXTURE)

check_PROGRAMS += tests/test_config_commands

check_PROGRAMS += tests/test_config_example
tests_test_config_example_SOURCES = tests/test_config_example.c $(CONFIG_FIXTURE)

# The tables with the folders' names in place of the folders. (The first @ stands alone, or configure would fill it in.)
check_PROGRAMS += tests/test_reference
tests_test_reference_SOURCES = tests/test_reference.c conf/reference.c conf/reference.h core/config_keys.c
tests_test_reference_CPPFLAGS = -I$(top_srcdir) -I$(top_srcdir)/include $(CHECK_CFLAGS) -DPLUGINS='"$(abs_top_builddir)/plugins/.libs"' \
	-DPLUGIN_DIR='"@" "plugindir@"' -DCONFIG_DIR='"@" "pkgsysconfdir@"' -DSTATE_DIR='"@" "statedir@"'

reference: tests/test_reference
	srcdir=$(srcdir) tests/test_reference -w

SCARCITY = tests/scarcity.c tests/scarcity.h
SCARCITY_WRAPS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup \
	-Wl,--wrap=realpath,--wrap=open_memstream,--wrap=free

check_PROGRAMS += tests/test_config_memory
tests_test_config_memory_SOURCES = tests/test_config_memory.c $(SCARCITY)
tests_test_config_memory_LDFLAGS = $(SCARCITY_WRAPS)

check_PROGRAMS += tests/test_memory
tests_test_memory_SOURCES = tests/test_memory.c $(SCARCITY)
tests_test_memory_CPPFLAGS = $(AM_CPPFLAGS) -DFIXTURES='"$(abs_top_builddir)/tests/modules/.libs"'
tests_test_memory_LDFLAGS = $(SCARCITY_WRAPS)

check_PROGRAMS += tests/test_memory_read
tests_test_memory_read_SOURCES = tests/test_memory_read.c $(SCARCITY)
tests_test_memory_read_LDFLAGS = $(SCARCITY_WRAPS)

check_PROGRAMS += tests/test_step_setup
tests_test_step_setup_SOURCES = tests/test_step_setup.c $(CONFIG_FIXTURE)

check_PROGRAMS += tests/test_content
tests_test_content_SOURCES = tests/test_content.c tests/file_server.c tests/file_server.h \
	tests/certificate.c tests/certificate.h

check_PROGRAMS += tests/test_content_exact
tests_test_content_exact_SOURCES = tests/test_content_exact.c tests/raw_server.c tests/raw_server.h

EXTRA_DIST += tests/data/storage-events.jsonl tests/data/wire-2026.jsonl
STORAGE_EVENTS = tests/storage_events.c tests/storage_events.h

check_PROGRAMS += tests/test_event
tests_test_event_SOURCES = tests/test_event.c $(STORAGE_EVENTS)

check_PROGRAMS += tests/test_event_encode
tests_test_event_encode_SOURCES = tests/test_event_encode.c $(STORAGE_EVENTS)

check_PROGRAMS += tests/test_record

check_PROGRAMS += tests/test_decode_memory
tests_test_decode_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=strdup

PIPELINE_FIXTURE = tests/pipeline_fixture.c tests/pipeline_fixture.h

check_PROGRAMS += tests/test_pipeline
tests_test_pipeline_SOURCES = tests/test_pipeline.c $(PIPELINE_FIXTURE)

check_PROGRAMS += tests/test_pipeline_matrix
tests_test_pipeline_matrix_SOURCES = tests/test_pipeline_matrix.c $(PIPELINE_FIXTURE)

check_PROGRAMS += tests/test_pipeline_random
tests_test_pipeline_random_SOURCES = tests/test_pipeline_random.c $(PIPELINE_FIXTURE)

check_PROGRAMS += tests/test_envelope tests/test_bus_loop tests/test_bus_servers tests/test_bus_addresses

FAKE_PORTS = tests/fake_ports.c tests/fake_events.c tests/fake_ports.h
COORDINATOR_WORLD = tests/coordinator_world.c tests/coordinator_world.h $(FAKE_PORTS)

check_PROGRAMS += tests/test_coordinator
tests_test_coordinator_SOURCES = tests/test_coordinator.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_runs
tests_test_coordinator_runs_SOURCES = tests/test_coordinator_runs.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_broker
tests_test_coordinator_broker_SOURCES = tests/test_coordinator_broker.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_clock
tests_test_coordinator_clock_SOURCES = tests/test_coordinator_clock.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_gap
tests_test_coordinator_gap_SOURCES = tests/test_coordinator_gap.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_lag
tests_test_coordinator_lag_SOURCES = tests/test_coordinator_lag.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_lost
tests_test_coordinator_lost_SOURCES = tests/test_coordinator_lost.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_hold
tests_test_coordinator_hold_SOURCES = tests/test_coordinator_hold.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_announce
tests_test_coordinator_announce_SOURCES = tests/test_coordinator_announce.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_clean
tests_test_coordinator_clean_SOURCES = tests/test_coordinator_clean.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_gone
tests_test_coordinator_gone_SOURCES = tests/test_coordinator_gone.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_suspects
tests_test_coordinator_suspects_SOURCES = tests/test_coordinator_suspects.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_memory
tests_test_coordinator_memory_SOURCES = tests/test_coordinator_memory.c $(FAKE_PORTS) $(SCARCITY)
tests_test_coordinator_memory_LDFLAGS = $(SCARCITY_WRAPS) -Wl,--wrap=coordinator_create,--wrap=coordinator_deliver \
	-Wl,--wrap=coordinator_answered,--wrap=coordinator_returned,--wrap=coordinator_found,--wrap=coordinator_looked \
	-Wl,--wrap=coordinator_tick,--wrap=event_decode

check_PROGRAMS += tests/test_coordinator_suspend
tests_test_coordinator_suspend_SOURCES = tests/test_coordinator_suspend.c $(COORDINATOR_WORLD)

check_PROGRAMS += tests/test_coordinator_lines
tests_test_coordinator_lines_SOURCES = tests/test_coordinator_lines.c $(COORDINATOR_WORLD)

include tests/modules/local.mk
include tests/harmful/local.mk

check_PROGRAMS += tests/test_modules
tests_test_modules_SOURCES = tests/test_modules.c $(CONFIG_FIXTURE)
tests_test_modules_CPPFLAGS = $(AM_CPPFLAGS) -DFIXTURES='"$(abs_top_builddir)/tests/modules/.libs"'

check_PROGRAMS += tests/test_module_probe
tests_test_module_probe_CPPFLAGS = $(AM_CPPFLAGS) -DFIXTURES='"$(abs_top_builddir)/tests/modules/.libs"' \
	-DHARMFUL='"$(abs_top_builddir)/tests/harmful/.libs"'

check_PROGRAMS += tests/test_nearest tests/test_workers tests/test_host

STUB_HOST = tests/stub_host.c tests/stub_host.h

check_PROGRAMS += tests/test_delay
tests_test_delay_SOURCES = tests/test_delay.c $(STUB_HOST) plugins/delay/delay.c
tests_test_delay_CPPFLAGS = $(AM_CPPFLAGS)

SCAN = tests/scan.c tests/scan.h $(STUB_HOST) $(VIRUSSCAN_SOURCES)

check_PROGRAMS += tests/test_virusscan
tests_test_virusscan_SOURCES = tests/test_virusscan.c tests/fake_clamd.c tests/fake_clamd.h $(SCAN)
tests_test_virusscan_CPPFLAGS = $(AM_CPPFLAGS)

check_PROGRAMS += tests/test_virusscan_clamd
tests_test_virusscan_clamd_SOURCES = tests/test_virusscan_clamd.c tests/fixture_clamd.c tests/fixture_clamd.h $(SCAN)
tests_test_virusscan_clamd_CPPFLAGS = $(AM_CPPFLAGS)

check_PROGRAMS += tests/test_addresses
tests_test_addresses_SOURCES = tests/test_addresses.c tests/fake_clamd.c tests/fake_clamd.h tests/raw_server.c tests/raw_server.h $(SCAN)
tests_test_addresses_CPPFLAGS = $(AM_CPPFLAGS)

include tests/bench/local.mk
endif
