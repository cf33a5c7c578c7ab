# What the tests share: processes, folders, a nats-server, a clamd, HTTP both ways.
check_LIBRARIES += tests/libharness.a
tests_libharness_a_SOURCES = \
	tests/harness/base64.c tests/harness/base64.h \
	tests/harness/certificate.c tests/harness/certificate.h \
	tests/harness/fetch.c tests/harness/fetch.h \
	tests/harness/storage_server.c tests/harness/storage_server.h \
	tests/harness/fixture_clamd.c tests/harness/fixture_clamd.h \
	tests/harness/fixture_cluster.c tests/harness/fixture_cluster.h \
	tests/harness/fixture_icap.c tests/harness/fixture_icap.h \
	tests/harness/fixture_nats.c tests/harness/fixture_nats.h \
	tests/harness/folder.c tests/harness/folder.h \
	tests/harness/limits.c tests/harness/limits.h \
	tests/harness/no_landlock.c tests/harness/no_landlock.h \
	tests/harness/process.c tests/harness/process.h \
	tests/harness/relay.c tests/harness/relay.h \
	tests/harness/raw_server.c tests/harness/raw_server.h \
	tests/harness/suite.c tests/harness/suite.h
