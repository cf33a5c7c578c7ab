core_libcore_a_SOURCES += \
	core/base/alloc.c core/base/alloc.h \
	core/base/audit.c core/base/audit.h \
	core/base/utf8.c core/base/utf8.h \
	core/base/cache_memory.c core/base/cache_memory.h \
	core/base/children.c core/base/children.h \
	core/base/clock.c core/base/clock.h \
	core/base/container_of.h \
	core/base/delivery.h \
	core/base/disk_room.c core/base/disk_room.h \
	core/base/encoding.c core/base/encoding.h \
	core/base/file_access.c core/base/file_access.h \
	core/base/heap.c core/base/heap.h \
	core/base/json.c core/base/json.h \
	core/base/json_reader.c core/base/json_reader.h \
	core/base/log.c core/base/log.h \
	core/base/mailbox.c core/base/mailbox.h \
	core/base/metrics.c core/base/metrics.h \
	core/base/nearest.c core/base/nearest.h \
	core/base/printable.c core/base/printable.h \
	core/base/private_file.c core/base/private_file.h \
	core/base/private_folder.c core/base/private_folder.h \
	core/base/process_usage.c core/base/process_usage.h \
	core/base/readiness.c core/base/readiness.h \
	core/base/request.h \
	core/base/scratch_folder.c core/base/scratch_folder.h \
	core/base/signals.c core/base/signals.h \
	core/base/table.c core/base/table.h \
	core/base/terminal.c core/base/terminal.h \
	core/base/text.c core/base/text.h \
	core/base/thread.c core/base/thread.h \
	core/base/text_file.c core/base/text_file.h \
	core/base/url_mark.c core/base/url_mark.h
