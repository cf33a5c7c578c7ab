# What the tests share: processes, folders, a nats-server, an HTTP client.
check_LIBRARIES += tests/libharness.a
tests_libharness_a_SOURCES = \
	tests/harness/base64.c tests/harness/base64.h \
	tests/harness/fetch.c tests/harness/fetch.h \
	tests/harness/fixture_cluster.c tests/harness/fixture_cluster.h \
	tests/harness/fixture_nats.c tests/harness/fixture_nats.h \
	tests/harness/folder.c tests/harness/folder.h \
	tests/harness/limits.c tests/harness/limits.h \
	tests/harness/process.c tests/harness/process.h \
	tests/harness/suite.c tests/harness/suite.h

