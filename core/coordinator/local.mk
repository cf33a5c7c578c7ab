core_libcore_a_SOURCES += \
	core/coordinator/coordinator.c core/coordinator/coordinator.h core/coordinator/ports.h \
	core/coordinator/announcements.c core/coordinator/announcements.h \
	core/coordinator/job.c core/coordinator/job.h \
	core/coordinator/job_report.c core/coordinator/job_report.h \
	core/coordinator/sweep.c core/coordinator/sweep.h \
	core/coordinator/write_coalescing.c core/coordinator/write_coalescing.h \
	core/coordinator/read_repair.c core/coordinator/read_repair.h \
	core/coordinator/coordinator_private.h \
	core/coordinator/runs.c core/coordinator/runs.h \
	core/coordinator/outbox.c core/coordinator/outbox.h \
	core/coordinator/active_upload.c core/coordinator/active_upload.h \
	core/coordinator/suspension.c core/coordinator/suspension.h \
	core/coordinator/dispatch.c core/coordinator/dispatch.h \
	core/coordinator/lag.c core/coordinator/lag.h \
	core/coordinator/fair_queue.c core/coordinator/fair_queue.h \
	core/coordinator/metrics_list.c core/coordinator/metrics_list.h \
	core/coordinator/decision.c core/coordinator/decision.h \
	core/coordinator/deferred.c core/coordinator/deferred.h
