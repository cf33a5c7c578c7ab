core_libcore_a_SOURCES += \
	core/config/config.c core/config/config.h \
	core/config/config_access.c \
	core/config/config_address.c \
	core/config/config_announce.c \
	core/config/config_broker.c \
	core/config/config_changes.c \
	core/config/config_effective.c core/config/config_effective.h \
	core/config/config_env.c \
	core/config/config_file.c \
	core/config/config_keys.c core/config/config_keys.h \
	core/config/config_legacy.c \
	core/config/config_list.c \
	core/config/config_path.c \
	core/config/config_replaced.c \
	core/config/config_source.c core/config/config_source.h \
	core/config/config_steps.c \
	core/config/config_unused.c \
	core/config/config_value.c \
	core/config/problems.c \
	core/config/step_order.c core/config/step_order.h \
	core/config/step_setup.c
