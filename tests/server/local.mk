check_PROGRAMS += tests/server/test_peers tests/server/test_loss tests/server/test_census tests/server/test_instance
