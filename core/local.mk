noinst_LIBRARIES += core/libcore.a
core_libcore_a_CPPFLAGS = $(AM_CPPFLAGS) $(NATS_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS) \
	$(MICROHTTPD_CFLAGS) $(CRYPTO_CFLAGS) $(INIH_CFLAGS)
core_libcore_a_SOURCES = \
	core/arrangement.c \
	core/arrangement.h \
	core/broker.c \
	core/broker.h \
	core/broker_child.c \
	core/broker_child.h \
	core/broker_endpoint.c \
	core/broker_home.c \
	core/broker_home.h \
	core/bus.c \
	core/bus.h \
	core/bus_connect.c \
	core/bus_connect.h \
	core/bus_loop.c \
	core/bus_loop.h \
	core/clock.c \
	core/clock.h \
	core/config.c \
	core/config.h \
	core/config_address.c \
	core/config_env.c \
	core/config_file.c \
	core/config_keys.c \
	core/config_keys.h \
	core/config_legacy.c \
	core/config_list.c \
	core/config_source.c \
	core/config_source.h \
	core/config_steps.c \
	core/config_value.c \
	core/content.c \
	core/content.h \
	core/content_file.c \
	core/content_file.h \
	core/content_http.c \
	core/content_http.h \
	core/coordinator.c \
	core/coordinator.h \
	core/coordinator_carry.c \
	core/coordinator_private.h \
	core/coordinator_runs.c \
	core/coordinator_slots.c \
	core/encoding.c \
	core/encoding.h \
	core/envelope.c \
	core/envelope.h \
	core/event.c \
	core/event.h \
	core/event_encode.c \
	core/file_server.c \
	core/file_server.h \
	core/host.c \
	core/host.h \
	core/http.c \
	core/http.h \
	core/instance.c \
	core/instance.h \
	core/intake.c \
	core/intake.h \
	core/json.c \
	core/json.h \
	core/listener.c \
	core/listener.h \
	core/log.c \
	core/log.h \
	core/mailbox.c \
	core/mailbox.h \
	core/markers.c \
	core/markers.h \
	core/metrics.c \
	core/metrics.h \
	core/metrics_list.c \
	core/metrics_list.h \
	core/modules.c \
	core/modules.h \
	core/peers.c \
	core/peers.h \
	core/pipeline.c \
	core/pipeline.h \
	core/position.c \
	core/position.h \
	core/private_file.c \
	core/private_file.h \
	core/problems.c \
	core/record.c \
	core/record.h \
	core/run.c \
	core/run.h \
	core/scan.c \
	core/server.c \
	core/server.h \
	core/server_ports.c \
	core/server_private.h \
	core/step_setup.c \
	core/steps.c \
	core/steps.h \
	core/store.c \
	core/store.h \
	core/text.c \
	core/text.h \
	core/text_file.c \
	core/text_file.h \
	core/timers.c \
	core/timers.h \
	core/upload.c \
	core/upload.h \
	core/workers.c \
	core/workers.h

CORE_LIBS = core/libcore.a $(NATS_LIBS) $(JANSSON_LIBS) $(CURL_LIBS) $(MICROHTTPD_LIBS) \
	$(CRYPTO_LIBS) $(INIH_LIBS) $(LTDL_LIBS) -lpthread

bin_PROGRAMS += postprocessing
postprocessing_SOURCES = \
	core/client.c \
	core/client.h \
	core/command.h \
	core/command_health.c \
	core/command_list.c \
	core/command_options.c \
	core/command_resume.c \
	core/command_server.c \
	core/command_steps.c \
	core/command_submit.c \
	core/main.c \
	core/submission.c \
	core/submission.h \
	core/terminal.c \
	core/terminal.h
postprocessing_CPPFLAGS = $(core_libcore_a_CPPFLAGS)
postprocessing_LDADD = $(CORE_LIBS)
