noinst_LIBRARIES += core/libcore.a
core_libcore_a_CPPFLAGS = $(AM_CPPFLAGS) $(NATS_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS) \
	$(MICROHTTPD_CFLAGS) $(CRYPTO_CFLAGS) $(INIH_CFLAGS)
core_libcore_a_SOURCES = \
	core/clock.c core/clock.h \
	core/content.c core/content.h \
	core/content_file.c core/content_file.h \
	core/content_http.c core/content_http.h \
	core/log.c core/log.h

CORE_LIBS = core/libcore.a $(NATS_LIBS) $(JANSSON_LIBS) $(CURL_LIBS) $(MICROHTTPD_LIBS) \
	$(CRYPTO_LIBS) $(INIH_LIBS) $(LTDL_LIBS) -lpthread

bin_PROGRAMS += postprocessing
postprocessing_SOURCES = core/main.c
postprocessing_LDADD = $(CORE_LIBS)
