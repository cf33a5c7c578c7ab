postprocessing_SOURCES += \
	core/bench/bench.c core/bench/bench.h \
	core/bench/bench_files.c core/bench/bench_files.h \
	core/bench/bench_baseline.c core/bench/bench_baseline.h \
	core/bench/bench_baseline_process.c \
	core/bench/bench_flow.c core/bench/bench_flow.h \
	core/bench/bench_load.c core/bench/bench_load.h \
	core/bench/bench_messages.c core/bench/bench_messages.h \
	core/bench/bench_target.c core/bench/bench_target.h \
	core/bench/bench_plot.c core/bench/bench_plot.h \
	core/bench/bench_report.c core/bench/bench_report.h \
	core/bench/bench_usage.c core/bench/bench_usage.h \
	core/bench/command_bench.c
