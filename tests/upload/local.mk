check_PROGRAMS += tests/upload/test_event tests/upload/test_event_encode tests/upload/test_record \
	tests/upload/test_decode_memory tests/upload/test_each_allocation tests/upload/test_pipeline tests/upload/test_pipeline_matrix \
	tests/upload/test_pipeline_hold \
	tests/upload/test_pipeline_random tests/upload/test_envelope tests/upload/test_history

STORAGE_EVENTS = tests/upload/storage_events.c tests/upload/storage_events.h
tests_upload_test_event_SOURCES = tests/upload/test_event.c $(STORAGE_EVENTS)
tests_upload_test_event_encode_SOURCES = tests/upload/test_event_encode.c $(STORAGE_EVENTS)
tests_upload_test_each_allocation_SOURCES = tests/upload/test_each_allocation.c $(SCARCITY)
tests_upload_test_each_allocation_LDFLAGS = $(SCARCITY_WRAPS)
tests_upload_test_decode_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=strdup

PIPELINE_FIXTURE = tests/upload/pipeline_fixture.c tests/upload/pipeline_fixture.h
tests_upload_test_pipeline_SOURCES = tests/upload/test_pipeline.c $(PIPELINE_FIXTURE)
tests_upload_test_pipeline_hold_SOURCES = tests/upload/test_pipeline_hold.c $(PIPELINE_FIXTURE)
tests_upload_test_pipeline_matrix_SOURCES = tests/upload/test_pipeline_matrix.c $(PIPELINE_FIXTURE)
tests_upload_test_pipeline_random_SOURCES = tests/upload/test_pipeline_random.c $(PIPELINE_FIXTURE)
