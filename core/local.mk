noinst_LIBRARIES += core/libcore.a
core_libcore_a_CPPFLAGS = $(AM_CPPFLAGS) $(NATS_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS) \
	$(MICROHTTPD_CFLAGS) $(CRYPTO_CFLAGS) $(INIH_CFLAGS)
core_libcore_a_SOURCES = \
	core/clock.c core/clock.h \
	core/config.c core/config.h core/config_address.c core/config_env.c core/config_file.c \
	core/config_keys.c core/config_keys.h core/config_legacy.c core/config_list.c \
	core/config_source.c core/config_source.h core/config_steps.c core/config_value.c \
	core/problems.c core/step_setup.c core/text_file.c core/text_file.h \
	core/log.c core/log.h

CORE_LIBS = core/libcore.a $(NATS_LIBS) $(JANSSON_LIBS) $(CURL_LIBS) $(MICROHTTPD_LIBS) \
	$(CRYPTO_LIBS) $(INIH_LIBS) $(LTDL_LIBS) -lpthread

bin_PROGRAMS += postprocessing
postprocessing_SOURCES = core/main.c
postprocessing_LDADD = $(CORE_LIBS)
