# The attack on real processes: the short form is a test, `make torture` the long one.
check_PROGRAMS += tests/test_torture
tests_test_torture_SOURCES = tests/test_torture.c tests/torture/torture.h tests/torture/load.c tests/torture/faults.c \
	tests/torture/oracle.c tests/torture/table.c
tests_test_torture_LDADD = $(SCENARIO_LIBS)

torture: all tests/test_torture
	TORTURE_SECONDS=$${TORTURE_SECONDS:-600} tests/test_torture
.PHONY: torture
