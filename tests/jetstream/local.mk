check_PROGRAMS += tests/jetstream/test_scan tests/jetstream/test_tombstones tests/jetstream/test_scan_tombstones \
	tests/jetstream/test_search tests/jetstream/test_cache tests/jetstream/test_key_filter \
	tests/jetstream/test_checkpoint tests/jetstream/test_gap \
	tests/jetstream/test_trim tests/jetstream/test_pull tests/jetstream/test_retention
