/* SPDX-License-Identifier: Apache-2.0
 * The floor under a benchmark's figures: a process that does for each upload the broker operations that cannot be done
 * without, of the same size and in the same order as the service, and nothing else: it decodes nothing, decides nothing,
 * and remembers but a revision.
 *
 * For an upload without steps these are a conditional write, a publish and an acknowledgement, and for its confirmation a
 * conditional delete and an acknowledgement. A remote step adds the question, a conditional write and an acknowledgement
 * when it is answered; a step of the service's own adds its announcement, whose storing nobody waits for (unless
 * announce_steps is off), and the PostprocessingStepFinished that everybody hears. */
#ifndef CORE_BENCH_BENCH_BASELINE_H
#define CORE_BENCH_BENCH_BASELINE_H

#include <sys/types.h>

#include "core/client/client.h"

struct bench_baseline {
	pid_t pid; /* 0: it does not run */
};

/* Starts it on a place that was made for it. `config_path`: as the command got it, NULL is fine. False: with a message on
 * stderr. */
bool bench_baseline_start(struct bench_baseline *baseline, const char *config_path, const struct config *config);
void bench_baseline_end(struct bench_baseline *baseline);

/* The process itself: what main() does when this is its command's first argument. Returns the exit status. */
#define BENCH_FLOOR_ARGUMENT "--be-the-floor"
int bench_baseline_main(int argc, char **argv);

#endif
