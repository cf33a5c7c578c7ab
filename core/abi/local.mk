# What the service and its worker processes share.
core_libcore_a_SOURCES += \
	core/abi/channel.c core/abi/channel.h \
	core/abi/description.c core/abi/description.h \
	core/abi/grant.c core/abi/grant.h \
	core/abi/host.c core/abi/host.h \
	core/abi/library.c core/abi/library.h \
	core/abi/module_table.c core/abi/module_table.h \
	core/abi/packet.c core/abi/packet.h \
	core/abi/protocol.c core/abi/protocol.h \
	core/abi/report.c core/abi/report.h \
	core/abi/setup.c core/abi/setup.h
