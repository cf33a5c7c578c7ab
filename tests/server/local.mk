check_PROGRAMS += tests/server/test_peers tests/server/test_loss tests/server/test_rescan tests/server/test_instance \
	tests/server/test_cache
