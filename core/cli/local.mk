postprocessing_SOURCES += \
	core/cli/command.h \
	core/cli/command_config.c \
	core/cli/command_decide.c \
	core/cli/command_health.c \
	core/cli/command_list.c \
	core/cli/command_quarantine.c \
	core/cli/command_resume.c \
	core/cli/command_server.c \
	core/cli/command_show.c \
	core/cli/command_steps.c \
	core/cli/command_submit.c \
	core/cli/command_try.c \
	core/cli/findings.c core/cli/findings.h \
	core/cli/history_view.c core/cli/history_view.h \
	core/cli/invoking_user.c core/cli/invoking_user.h \
	core/cli/main.c \
	core/cli/quarantine_export.c core/cli/quarantine_export.h \
	core/cli/quarantine_view.c core/cli/quarantine_view.h \
	core/cli/record_view.c core/cli/record_view.h \
	core/cli/step_names.c core/cli/step_names.h
