check_PROGRAMS += tests/base/test_audit tests/base/test_cache_memory tests/base/test_clock tests/base/test_encoding \
	tests/base/test_json tests/base/test_printable \
	tests/base/test_text tests/base/test_heap tests/base/test_mailbox tests/base/test_metrics \
	tests/base/test_readiness tests/base/test_nearest tests/base/test_alloc tests/base/test_scratch_folder tests/harness/test_harness

tests_base_test_text_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc
