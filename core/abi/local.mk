# What the service and its worker processes share.
core_libcore_a_SOURCES += \
	core/abi/host.c core/abi/host.h \
	core/abi/library.c core/abi/library.h \
	core/abi/module_table.c core/abi/module_table.h \
	core/abi/setup.c core/abi/setup.h
