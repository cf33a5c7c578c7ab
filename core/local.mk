noinst_LIBRARIES += core/libcore.a
core_libcore_a_CPPFLAGS = $(AM_CPPFLAGS) $(NATS_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS) \
	$(MICROHTTPD_CFLAGS) $(CRYPTO_CFLAGS) $(INIH_CFLAGS)
core_libcore_a_SOURCES = \
	core/broker.c core/broker.h core/config.h core/content.h \
	core/broker_child.c core/broker_child.h \
	core/broker_endpoint.c \
	core/broker_home.c core/broker_home.h \
	core/clock.c core/clock.h \
	core/file_server.c core/file_server.h \
	core/http.c core/http.h \
	core/listener.c core/listener.h \
	core/log.c core/log.h \
	core/metrics.c core/metrics.h \
	core/private_file.c core/private_file.h

CORE_LIBS = core/libcore.a $(NATS_LIBS) $(JANSSON_LIBS) $(CURL_LIBS) $(MICROHTTPD_LIBS) \
	$(CRYPTO_LIBS) $(INIH_LIBS) $(LTDL_LIBS) -lpthread

bin_PROGRAMS += postprocessing
postprocessing_SOURCES = core/main.c
postprocessing_LDADD = $(CORE_LIBS)
