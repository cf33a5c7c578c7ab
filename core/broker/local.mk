core_libcore_a_SOURCES += \
	core/broker/broker.c core/broker/broker.h \
	core/broker/broker_child.c core/broker/broker_child.h \
	core/broker/broker_endpoint.c \
	core/broker/broker_health.c core/broker/broker_health.h \
	core/broker/broker_home.c core/broker/broker_home.h \
	core/broker/broker_silence.c
