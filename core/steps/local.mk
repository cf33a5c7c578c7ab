core_libcore_a_SOURCES += \
	core/steps/preflight.c core/steps/preflight.h \
	core/steps/builtin.c core/steps/builtin.h \
	core/steps/cache_flights.c core/steps/cache_flights.h \
	core/steps/cache_question.c core/steps/cache_question.h \
	core/steps/cgroup.c core/steps/cgroup.h \
	core/steps/checker.c core/steps/checker.h \
	core/steps/fetch.c core/steps/fetch.h \
	core/steps/longest_wait.c core/steps/longest_wait.h \
	core/steps/module_file.c core/steps/module_file.h \
	core/steps/modules.c core/steps/modules.h \
	core/steps/orphans.c core/steps/orphans.h \
	core/steps/pool.c core/steps/pool.h core/steps/pool_private.h \
	core/steps/pool_memory.c \
	core/steps/pool_messages.c \
	core/steps/pool_worker.c \
	core/steps/reports.c core/steps/reports.h \
	core/steps/run.c core/steps/run.h \
	core/steps/seclusion.c core/steps/seclusion.h \
	core/steps/step_health.c core/steps/step_health.h \
	core/steps/steps.c core/steps/steps.h \
	core/steps/supervisor.c \
	core/steps/thread_run.c core/steps/thread_run.h \
	core/steps/trial.c core/steps/trial.h \
	core/steps/worker_process.c core/steps/worker_process.h \
	core/steps/workers.c core/steps/workers.h
