/* SPDX-License-Identifier: Apache-2.0
 * Two steps of a module that misbehaves (tests/modules/wicked.c): `wicked` does what its keys say, `other` never does.
 * Runs of both, and what comes of them. */
#ifndef TESTS_STEPS_POOL_FIXTURE_H
#define TESTS_STEPS_POOL_FIXTURE_H

#include "core/steps/pool.h"
#include "core/steps/workers.h"
#include "tests/config/config_fixture.h"

struct pool_fixture {
	struct config_fixture config;
	struct modules *modules;
	struct steps *steps;
	struct workers *workers;
	struct mailbox mailbox;
	struct log log;
	struct mail *pending; /* received and not looked at yet */
	nanos allowed;        /* how long the next runs may take; 0: a minute */
	bool forks;           /* the module starts processes of ours, which are killed at the end */
};

/* Opens the steps: 0 is `wicked`, with these keys, and 1 is `other`. */
void steps_open(struct pool_fixture *fixture, const char *keys);
/* The same with the module of the first step from another folder; `keys` name it. */
void steps_open_from(struct pool_fixture *fixture, const char *folder, const char *keys);
/* Fails unless there is one problem with the steps, which contains the text. */
void steps_refuse(struct pool_fixture *fixture, const char *keys, const char *problem);
/* No process may be left then. */
void steps_close(struct pool_fixture *fixture);

/* How often words stand in the log. */
unsigned steps_logged(const struct pool_fixture *fixture, const char *words);

struct run *steps_submit(struct pool_fixture *fixture, size_t step, const char *filename);
struct run *steps_submit_url(struct pool_fixture *fixture, size_t step, const char *filename, const char *url,
                             int64_t size);
/* Waits for the next run that ends; news of the pools are skipped. */
struct run *steps_await(struct pool_fixture *fixture);
/* Waits for news of a pool; the caller frees it. No run may end before. */
struct pool_news *steps_await_news(struct pool_fixture *fixture);

/* Submits the upload "bad" between ten of its step and ten of the other, which have to be unharmed. Returns its run. */
struct run *steps_run_among_others(struct pool_fixture *fixture);
/* Ten uploads of a step, which have to be unharmed. */
void steps_run_ten(struct pool_fixture *fixture, size_t step);

#endif
