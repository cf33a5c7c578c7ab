/* SPDX-License-Identifier: Apache-2.0
 * The baseline of a benchmark, which users know as the floor (--floor): a process that performs the broker operations
 * that no service could do without, with messages of the same size and in the same order, and nothing else. It decodes
 * nothing, decides nothing, and keeps only each record's revision.
 *
 * An upload without steps needs a conditional write, a publish and an acknowledgement; its confirmation needs a
 * conditional delete and an acknowledgement. A remote step adds a publish of the question, and a conditional write and
 * an acknowledgement for the answer. A local step adds its announcement (unless announce_steps is off), which is
 * published without waiting for the broker's answer, and PostprocessingStepFinished. */
#ifndef CORE_BENCH_BASELINE_H
#define CORE_BENCH_BASELINE_H

#include <sys/types.h>

#include "core/client/client.h"

struct bench_baseline {
	pid_t pid; /* 0: not running */
};

/* Starts it; bench_target_make() has made its stream and bucket. `config_path`: as given to the program, may be NULL.
 * False: with a message on stderr. */
bool bench_baseline_start(struct bench_baseline *baseline, const char *config_path, const struct config *config);
void bench_baseline_end(struct bench_baseline *baseline);

/* The process itself: main() calls this when its first argument is the one below. Returns the exit status. */
#define BENCH_BASELINE_ARGUMENT "--run-baseline"
int bench_baseline_main(int argc, char **argv);

#endif
