# Each target is a program that replays its corpus, in make check, and with --enable-fuzzers one that libFuzzer drives:
# tests/fuzz/fuzz_config -max_total_time=60 NEW_CORPUS tests/fuzz/corpus/config
EXTRA_DIST += tests/fuzz/corpus/config

check_PROGRAMS += tests/fuzz/replay_config
tests_fuzz_replay_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/replay.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_replay_config_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"config"'
tests_fuzz_replay_config_LDADD = $(CORE_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_config
endif
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_fuzz_config_LDADD = $(CORE_LIBS)
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/corpus/event
check_PROGRAMS += tests/fuzz/replay_event
tests_fuzz_replay_event_SOURCES = tests/fuzz/fuzz_event.c tests/fuzz/replay.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_replay_event_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"event"'
tests_fuzz_replay_event_LDADD = $(CORE_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_event
endif
tests_fuzz_fuzz_event_SOURCES = tests/fuzz/fuzz_event.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_fuzz_event_LDADD = $(CORE_LIBS)
tests_fuzz_fuzz_event_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/corpus/record
check_PROGRAMS += tests/fuzz/replay_record
tests_fuzz_replay_record_SOURCES = tests/fuzz/fuzz_record.c tests/fuzz/replay.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_replay_record_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"record"'
tests_fuzz_replay_record_LDADD = $(CORE_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_record
endif
tests_fuzz_fuzz_record_SOURCES = tests/fuzz/fuzz_record.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_fuzz_record_LDADD = $(CORE_LIBS)
tests_fuzz_fuzz_record_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/corpus/content
CONTENT_FUZZ_SOURCES = tests/fuzz/fuzz_content.c tests/fuzz/fuzz.h tests/fuzz/require.h
CONTENT_FUZZ_WRAPS = -Wl,--wrap=curl_multi_add_handle,--wrap=curl_multi_poll,--wrap=clock_monotonic,--wrap=clock_now
check_PROGRAMS += tests/fuzz/replay_content
tests_fuzz_replay_content_SOURCES = $(CONTENT_FUZZ_SOURCES) tests/fuzz/replay.c
tests_fuzz_replay_content_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"content"'
tests_fuzz_replay_content_LDADD = $(CORE_LIBS)
tests_fuzz_replay_content_LDFLAGS = $(AM_LDFLAGS) $(CONTENT_FUZZ_WRAPS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_content
endif
tests_fuzz_fuzz_content_SOURCES = $(CONTENT_FUZZ_SOURCES)
tests_fuzz_fuzz_content_LDADD = $(CORE_LIBS)
tests_fuzz_fuzz_content_LDFLAGS = $(AM_LDFLAGS) $(CONTENT_FUZZ_WRAPS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/corpus/bus
BUS_FUZZ_SOURCES = tests/fuzz/fuzz_bus.c tests/fuzz/fuzz.h tests/fuzz/require.h
BUS_FUZZ_WRAPS = -Wl,--wrap=bus_link_create,--wrap=bus_link_stop,--wrap=bus_link_destroy,--wrap=bus_link_prepare_again,--wrap=natsConnection_PublishMsg
check_PROGRAMS += tests/fuzz/replay_bus
tests_fuzz_replay_bus_SOURCES = $(BUS_FUZZ_SOURCES) tests/fuzz/replay.c
tests_fuzz_replay_bus_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"bus"'
tests_fuzz_replay_bus_LDADD = $(CORE_LIBS)
tests_fuzz_replay_bus_LDFLAGS = $(AM_LDFLAGS) $(BUS_FUZZ_WRAPS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_bus
endif
tests_fuzz_fuzz_bus_SOURCES = $(BUS_FUZZ_SOURCES)
tests_fuzz_fuzz_bus_LDADD = $(CORE_LIBS)
tests_fuzz_fuzz_bus_LDFLAGS = $(AM_LDFLAGS) $(BUS_FUZZ_WRAPS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/corpus/clamd
CLAMD_FUZZ_SOURCES = tests/fuzz/fuzz_clamd.c tests/fuzz/fuzz.h tests/fuzz/require.h tests/plugins/stub_host.c tests/plugins/stub_host.h $(VIRUSSCAN_SOURCES)
CLAMD_FUZZ_WRAPS = -Wl,--wrap=endpoint_connect,--wrap=socket_wait
check_PROGRAMS += tests/fuzz/replay_clamd
tests_fuzz_replay_clamd_SOURCES = $(CLAMD_FUZZ_SOURCES) tests/fuzz/replay.c
tests_fuzz_replay_clamd_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"clamd"'
tests_fuzz_replay_clamd_LDADD = $(SSL_LIBS) $(CORE_LIBS)
tests_fuzz_replay_clamd_LDFLAGS = $(AM_LDFLAGS) $(CLAMD_FUZZ_WRAPS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_clamd
endif
tests_fuzz_fuzz_clamd_SOURCES = $(CLAMD_FUZZ_SOURCES)
tests_fuzz_fuzz_clamd_LDADD = $(SSL_LIBS) $(CORE_LIBS)
tests_fuzz_fuzz_clamd_LDFLAGS = $(AM_LDFLAGS) $(CLAMD_FUZZ_WRAPS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/corpus/json
check_PROGRAMS += tests/fuzz/replay_json
tests_fuzz_replay_json_SOURCES = tests/fuzz/fuzz_json.c tests/fuzz/replay.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_replay_json_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"json"'
tests_fuzz_replay_json_LDADD = $(CORE_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_json
endif
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_fuzz_json_LDADD = $(CORE_LIBS)
tests_fuzz_fuzz_json_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/corpus/packet
check_PROGRAMS += tests/fuzz/replay_packet
tests_fuzz_replay_packet_SOURCES = tests/fuzz/fuzz_packet.c tests/fuzz/replay.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_replay_packet_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"packet"'
tests_fuzz_replay_packet_LDADD = $(CORE_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_packet
endif
tests_fuzz_fuzz_packet_SOURCES = tests/fuzz/fuzz_packet.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_fuzz_packet_LDADD = $(CORE_LIBS)
tests_fuzz_fuzz_packet_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/corpus/icap
ICAP_FUZZ_SOURCES = tests/fuzz/fuzz_icap.c tests/fuzz/fuzz.h tests/fuzz/require.h plugins/virusscan/icap_answer.c plugins/virusscan/icap_answer.h
check_PROGRAMS += tests/fuzz/replay_icap
tests_fuzz_replay_icap_SOURCES = $(ICAP_FUZZ_SOURCES) tests/fuzz/replay.c
tests_fuzz_replay_icap_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"icap"'
tests_fuzz_replay_icap_LDADD = $(CORE_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_icap
endif
tests_fuzz_fuzz_icap_SOURCES = $(ICAP_FUZZ_SOURCES)
tests_fuzz_fuzz_icap_LDADD = $(CORE_LIBS)
tests_fuzz_fuzz_icap_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/corpus/sealed
check_PROGRAMS += tests/fuzz/replay_sealed
tests_fuzz_replay_sealed_SOURCES = tests/fuzz/fuzz_sealed.c tests/fuzz/replay.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_replay_sealed_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"sealed"'
tests_fuzz_replay_sealed_LDADD = $(CORE_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_sealed
endif
tests_fuzz_fuzz_sealed_SOURCES = tests/fuzz/fuzz_sealed.c tests/fuzz/fuzz.h tests/fuzz/require.h
tests_fuzz_fuzz_sealed_LDADD = $(CORE_LIBS)
tests_fuzz_fuzz_sealed_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
