/* SPDX-License-Identifier: Apache-2.0
 * The floor under the uploads' figures: a process that does for each upload without steps the same broker operations as
 * the service, of the same size and in the same order (a conditional write, a publish, an acknowledgement; for the
 * confirmation a conditional delete and an acknowledgement), and nothing else: it decodes nothing, decides nothing, and
 * remembers but a revision. */
#ifndef TESTS_BENCH_BARE_H
#define TESTS_BENCH_BARE_H

#include "tests/harness/fixture_nats.h"
#include "tests/harness/process.h"

/* prompt: each message is sent at once, for the least latency, instead of in batches, for the most throughput. */
bool bare_start(struct process *process, const struct nats_fixture *nats, bool prompt);

/* The process itself: the exit status of main(). */
#define BARE_ARGUMENT "--bare"
int bare_main(const char *url, bool prompt);

#endif
