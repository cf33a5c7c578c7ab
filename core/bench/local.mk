# All but main.c, because the tests' benchmark uses parts of it, too.
noinst_LIBRARIES += core/libbench.a
core_libbench_a_SOURCES = \
	core/bench/baseline.c core/bench/baseline.h \
	core/bench/baseline_process.c \
	core/bench/bench.c core/bench/bench.h \
	core/bench/files.c core/bench/files.h \
	core/bench/flow.c core/bench/flow.h \
	core/bench/load.c core/bench/load.h \
	core/bench/messages.c core/bench/messages.h \
	core/bench/plot.c core/bench/plot.h \
	core/bench/report.c core/bench/report.h \
	core/bench/settings.c core/bench/settings.h \
	core/bench/statistics.c core/bench/statistics.h \
	core/bench/target.c core/bench/target.h \
	core/bench/usage.c core/bench/usage.h

bin_PROGRAMS += postprocessing-bench
postprocessing_bench_SOURCES = core/bench/main.c
postprocessing_bench_LDADD = core/libbench.a $(CORE_LIBS)

dist_man_MANS += core/bench/postprocessing-bench.1
