# The layers, from the ground up: which folder may include which others is in tests/walls.
noinst_LIBRARIES += core/libcore.a
core_libcore_a_SOURCES =

include core/base/local.mk
include core/abi/local.mk
include core/content/local.mk
include core/quarantine/local.mk
include core/config/local.mk
include core/upload/local.mk
include core/nats/local.mk
include core/jetstream/local.mk
include core/broker/local.mk
include core/steps/local.mk
include core/coordinator/local.mk
include core/http/local.mk
include core/server/local.mk
include core/client/local.mk

CORE_LIBS = core/libcore.a plugins/libdelay.a plugins/libremote.a $(NATS_LIBS) $(JANSSON_LIBS) $(CURL_LIBS) $(MICROHTTPD_LIBS) \
	$(CRYPTO_LIBS) $(INIH_LIBS) $(LTDL_LIBS) -lpthread

bin_PROGRAMS += postprocessing
postprocessing_SOURCES =
postprocessing_LDADD = $(CORE_LIBS)
include core/cli/local.mk

include core/worker/local.mk
include core/bench/local.mk
