check_PROGRAMS += tests/coordinator/test_deferred tests/coordinator/test_fair_queue \
	tests/coordinator/test_coordinator tests/coordinator/test_coordinator_runs \
	tests/coordinator/test_coordinator_broker tests/coordinator/test_coordinator_clock \
	tests/coordinator/test_coordinator_gap tests/coordinator/test_coordinator_lag \
	tests/coordinator/test_coordinator_read_repair tests/coordinator/test_coordinator_coalescing \
	tests/coordinator/test_coordinator_announce tests/coordinator/test_coordinator_clean \
	tests/coordinator/test_coordinator_gone tests/coordinator/test_coordinator_suspects \
	tests/coordinator/test_coordinator_memory tests/coordinator/test_coordinator_suspend \
	tests/coordinator/test_coordinator_fair_queue tests/coordinator/test_coordinator_history \
	tests/coordinator/test_coordinator_steps tests/coordinator/test_coordinator_audit

FAKE_PORTS = tests/coordinator/fake_ports.c tests/coordinator/fake_events.c tests/coordinator/fake_ports.h
COORDINATOR_WORLD = tests/coordinator/coordinator_world.c tests/coordinator/coordinator_world.h $(FAKE_PORTS)
tests_coordinator_test_coordinator_SOURCES = tests/coordinator/test_coordinator.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_runs_SOURCES = tests/coordinator/test_coordinator_runs.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_broker_SOURCES = tests/coordinator/test_coordinator_broker.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_clock_SOURCES = tests/coordinator/test_coordinator_clock.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_gap_SOURCES = tests/coordinator/test_coordinator_gap.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_lag_SOURCES = tests/coordinator/test_coordinator_lag.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_read_repair_SOURCES = tests/coordinator/test_coordinator_read_repair.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_coalescing_SOURCES = tests/coordinator/test_coordinator_coalescing.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_announce_SOURCES = tests/coordinator/test_coordinator_announce.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_clean_SOURCES = tests/coordinator/test_coordinator_clean.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_gone_SOURCES = tests/coordinator/test_coordinator_gone.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_suspects_SOURCES = tests/coordinator/test_coordinator_suspects.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_suspend_SOURCES = tests/coordinator/test_coordinator_suspend.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_audit_SOURCES = tests/coordinator/test_coordinator_audit.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_steps_SOURCES = tests/coordinator/test_coordinator_steps.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_history_SOURCES = tests/coordinator/test_coordinator_history.c $(COORDINATOR_WORLD)
tests_coordinator_test_coordinator_fair_queue_SOURCES = tests/coordinator/test_coordinator_fair_queue.c $(COORDINATOR_WORLD)

tests_coordinator_test_coordinator_memory_SOURCES = tests/coordinator/test_coordinator_memory.c $(FAKE_PORTS) $(SCARCITY)
tests_coordinator_test_coordinator_memory_LDFLAGS = $(SCARCITY_WRAPS) -Wl,--wrap=coordinator_create,--wrap=coordinator_deliver \
	-Wl,--wrap=coordinator_answered,--wrap=coordinator_returned,--wrap=coordinator_found,--wrap=coordinator_looked \
	-Wl,--wrap=coordinator_tick,--wrap=event_decode
