check_PROGRAMS += tests/sim/test_sim
tests_sim_test_sim_SOURCES = tests/sim/test_sim.c tests/sim/world.c tests/sim/world.h tests/sim/broker.c tests/sim/broker.h \
	tests/sim/instance.c tests/sim/ports.c tests/sim/operation.c tests/sim/actors.c tests/sim/promises.c tests/sim/forget.c \
	tests/sim/stop.c tests/sim/suspend.c
