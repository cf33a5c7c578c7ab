check_PROGRAMS += tests/nats/test_permissions tests/nats/test_bus_loop tests/nats/test_bus_servers \
	tests/nats/test_bus_addresses tests/nats/test_bus_stop

tests_nats_test_permissions_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_monotonic
tests_nats_test_bus_stop_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=natsConnection_FlushTimeout
