check_PROGRAMS += tests/broker/test_broker tests/broker/test_broker_health
