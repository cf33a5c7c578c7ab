# The attack on real processes: the short forms are tests, `make torture` the long one.
TORTURE = tests/torture/torture.c tests/torture/torture.h tests/torture/brokers.c tests/torture/dialogue.c \
	tests/torture/dialogue.h tests/torture/faults.c tests/torture/frame.c tests/torture/frame.h tests/torture/instances.c \
	tests/torture/ledger.c tests/torture/ledger.h tests/torture/load.c tests/torture/meter.c tests/torture/network.c \
	tests/torture/network.h tests/torture/oracle.c tests/torture/proxy.c tests/torture/proxy.h tests/torture/table.c
check_LIBRARIES += tests/libtorture.a
tests_libtorture_a_SOURCES = $(TORTURE)
TORTURE_LIBS = tests/libtorture.a $(SCENARIO_LIBS)

check_PROGRAMS += tests/torture/test_proxy
tests_torture_test_proxy_LDADD = $(TORTURE_LIBS)
check_PROGRAMS += tests/torture/test_bus_cut
tests_torture_test_bus_cut_LDADD = $(TORTURE_LIBS)
check_PROGRAMS += tests/torture/test_oracle
tests_torture_test_oracle_LDADD = $(TORTURE_LIBS)
check_PROGRAMS += tests/torture/test_torture
tests_torture_test_torture_LDADD = $(TORTURE_LIBS)
check_PROGRAMS += tests/torture/test_torture_cluster
tests_torture_test_torture_cluster_LDADD = $(TORTURE_LIBS)
check_PROGRAMS += tests/torture/test_partition
tests_torture_test_partition_LDADD = $(TORTURE_LIBS)

torture: all tests/torture/test_torture
	TORTURE_SECONDS=$${TORTURE_SECONDS:-600} tests/torture/test_torture
torture-cluster: all tests/torture/test_torture_cluster
	TORTURE_SECONDS=$${TORTURE_SECONDS:-600} tests/torture/test_torture_cluster
torture-partition: all tests/torture/test_partition
	TORTURE_SECONDS=$${TORTURE_SECONDS:-600} TORTURE_STOP=$${TORTURE_STOP:-130} tests/torture/test_partition
