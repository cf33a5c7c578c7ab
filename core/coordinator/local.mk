core_libcore_a_SOURCES += \
	core/coordinator/coordinator.c core/coordinator/coordinator.h \
	core/coordinator/coordinator_announce.c \
	core/coordinator/coordinator_carry.c \
	core/coordinator/coordinator_hold.c \
	core/coordinator/coordinator_lost.c \
	core/coordinator/coordinator_private.h \
	core/coordinator/coordinator_runs.c \
	core/coordinator/coordinator_say.c \
	core/coordinator/coordinator_slots.c \
	core/coordinator/coordinator_suspend.c \
	core/coordinator/coordinator_turns.c \
	core/coordinator/lag.c core/coordinator/lag.h \
	core/coordinator/lines.c core/coordinator/lines.h \
	core/coordinator/metrics_list.c core/coordinator/metrics_list.h \
	core/coordinator/waiters.c core/coordinator/waiters.h
