core_libcore_a_SOURCES += \
	core/server/rescan.c core/server/rescan.h \
	core/server/instance.c core/server/instance.h \
	core/server/loss.c core/server/loss.h \
	core/server/loss_grace.c \
	core/server/peers.c core/server/peers.h \
	core/server/server.c core/server/server.h \
	core/server/server_cache.c \
	core/server/server_checks.c \
	core/server/server_copies.c \
	core/server/server_housekeeping.c \
	core/server/server_facts.c \
	core/server/server_loss.c \
	core/server/server_mail.c \
	core/server/server_permissions.c \
	core/server/server_ports.c \
	core/server/server_private.h \
	core/server/server_quarantine.c \
	core/server/server_reload.c \
	core/server/server_scans.c \
	core/server/server_steps.c
