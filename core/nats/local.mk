core_libcore_a_SOURCES += \
	core/nats/bus.c core/nats/bus.h \
	core/nats/bus_connect.c core/nats/bus_connect.h \
	core/nats/bus_link.c core/nats/bus_link.h \
	core/nats/bus_loop.c core/nats/bus_loop.h \
	core/nats/bus_probe.c core/nats/bus_probe.h \
	core/nats/bus_servers.c core/nats/bus_servers.h \
	core/nats/permissions.c core/nats/permissions.h \
	core/nats/message_reaper.c core/nats/message_reaper.h \
	core/nats/unanswered.h
