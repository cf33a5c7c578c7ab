core_libcore_a_SOURCES += \
	core/coordinator/coordinator.c core/coordinator/coordinator.h core/coordinator/ports.h \
	core/coordinator/announcements.c \
	core/coordinator/job.c \
	core/coordinator/write_coalescing.c \
	core/coordinator/read_repair.c \
	core/coordinator/coordinator_private.h \
	core/coordinator/runs.c \
	core/coordinator/outbox.c \
	core/coordinator/active_upload.c \
	core/coordinator/suspension.c \
	core/coordinator/dispatch.c \
	core/coordinator/lag.c core/coordinator/lag.h \
	core/coordinator/fair_queue.c core/coordinator/fair_queue.h \
	core/coordinator/metrics_list.c core/coordinator/metrics_list.h \
	core/coordinator/deferred.c core/coordinator/deferred.h
