# The benchmark: built and run by `make bench` only. tests/bench/bench.c names the variables that it reads.
EXTRA_PROGRAMS += tests/bench/bench
CLEANFILES += tests/bench/bench
tests_bench_bench_SOURCES = tests/bench/bench.c tests/bench/bench.h \
	tests/bench/bare_icap.c tests/bench/bare_icap.h \
	tests/bench/beside_load.c tests/bench/beside_load.h \
	tests/bench/command.c tests/bench/command.h \
	tests/bench/figures.c tests/bench/figures.h \
	tests/bench/family.c tests/bench/family.h \
	tests/bench/measure_backlog.c \
	tests/bench/measure_cache.c \
	tests/bench/measure_crashes.c \
	tests/bench/measure_fairness.c \
	tests/bench/measure_growth.c \
	tests/bench/measure_icap.c \
	tests/bench/measure_instances.c \
	tests/bench/measure_isolation.c \
	tests/bench/measure_memory.c \
	tests/bench/measure_scan.c \
	tests/bench/measure_small_scans.c \
	tests/bench/measure_start.c \
	tests/bench/measure_uploads.c \
	tests/bench/measure_waiting.c \
	tests/bench/measure_workers.c \
	tests/bench/service.c tests/bench/service.h \
	tests/bench/turns.c tests/bench/turns.h
tests_bench_bench_CPPFLAGS = $(AM_CPPFLAGS) -DBUILD_FOLDER='"$(abs_top_builddir)"'
tests_bench_bench_LDADD = core/libbench.a $(TEST_LIBS)

bench: all tests/bench/bench tests/modules/nothing.la tests/modules/mortal.la
	tests/bench/bench
