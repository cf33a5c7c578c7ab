check_PROGRAMS += tests/jetstream/test_scan tests/jetstream/test_markers tests/jetstream/test_scan_markers \
	tests/jetstream/test_search tests/jetstream/test_position tests/jetstream/test_gap tests/jetstream/test_trim \
	tests/jetstream/test_retention
