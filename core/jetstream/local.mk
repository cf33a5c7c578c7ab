core_libcore_a_SOURCES += \
	core/jetstream/cache.c core/jetstream/cache.h \
	core/jetstream/cache_watch.c core/jetstream/cache_watch.h \
	core/jetstream/key_filter.c core/jetstream/key_filter.h \
	core/jetstream/bucket_watch.c core/jetstream/bucket_watch.h \
	core/jetstream/stream_reader.c core/jetstream/stream_reader.h \
	core/jetstream/stream_tail.c core/jetstream/stream_tail.h \
	core/jetstream/stream_watch.c core/jetstream/stream_watch.h \
	core/jetstream/gap.c core/jetstream/gap.h \
	core/jetstream/intake.c core/jetstream/intake.h \
	core/jetstream/intake_consumer.c \
	core/jetstream/intake_gap.c \
	core/jetstream/intake_private.h \
	core/jetstream/intake_stand.c \
	core/jetstream/tombstones.c core/jetstream/tombstones.h \
	core/jetstream/checkpoint.c core/jetstream/checkpoint.h \
	core/jetstream/pull.c core/jetstream/pull.h \
	core/jetstream/retention.c core/jetstream/retention.h \
	core/jetstream/scan.c \
	core/jetstream/search.c core/jetstream/search.h \
	core/jetstream/store.c core/jetstream/store.h \
	core/jetstream/trim.c core/jetstream/trim.h
