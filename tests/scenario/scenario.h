/* SPDX-License-Identifier: Apache-2.0
 * The whole program in its world: a real nats-server, a real clamd, a storage provider that serves bytes and
 * says what storage says, and the built `postprocessing server` as a process of its own.
 *
 *   scenario.c  the processes
 *   storage.c   what storage and other services say on the bus
 *   records.c   the records in the bucket
 *   suite.c     the main() of the test programs
 *
 * All functions fail the test when they cannot do what they say. One scenario at a time in a process; what a failed
 * test leaves behind is ended with it, and scenario_run() shows the service's log and removes the rest. */
#ifndef TESTS_SCENARIO_SCENARIO_H
#define TESTS_SCENARIO_SCENARIO_H

#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/fixture_clamd.h"
#include "tests/harness/fixture_nats.h"
#include "tests/harness/folder.h"
#include "tests/harness/limits.h"
#include "tests/harness/process.h"
#include "tests/harness/storage_server.h"
#include "tests/scenario/recorder.h"

struct scenario_options {
	const char *steps;      /* the list; NULL: not set */
	const char *ini;        /* more of the configuration; NULL: none */
	const char *const *env; /* of the service, "NAME=value", NULL-terminated; NULL: none */
	const struct nats_options *nats;
	bool embedded;            /* no nats-server but the service's private one */
	const char *host;         /* where the service finds storage, an address of this machine; NULL: the loopback */
	bool hasty;               /* the program with shorter time limits, see hasty.c */
	const char *const *under; /* the command that runs the service's command, NULL-terminated; NULL: none */
	bool no_broker;           /* the nats-server is not started yet: scenario_start_broker() */
};

struct scenario {
	struct scenario_options options;
	char folder[FOLDER_PATH_SIZE]; /* holds postprocessing.ini, service.log, state/, clamd.sock */
	struct nats_fixture nats;
	struct fixture_clamd clamd;
	struct storage_server storage;
	struct process service;
	natsConnection *connection;
	jsCtx *js;
	struct recorder recorder;
	unsigned published; /* for the IDs of what the test publishes */
};

/* The main() of a test program. Without clamd and nats-server it is skipped. */
int scenario_run(const char *name, const TTest *const *test, size_t count);

/* Everything except clamd and the service. The options' texts are borrowed. */
void scenario_open(struct scenario *scenario, const struct scenario_options *options);
/* Ends everything. The service must end in an orderly way, and must not have written a secret to its log. */
void scenario_close(struct scenario *scenario);

/* Starts clamd where the configuration expects it; `lines` of clamd.conf or NULL. */
void scenario_start_clamd(struct scenario *scenario, const char *lines);
void scenario_stop_clamd(struct scenario *scenario);

/* Starts the nats-server of a scenario that was opened with no_broker, or that has ended, and connects the test to
 * it again. */
void scenario_start_broker(struct scenario *scenario);

/* Starts the service; scenario_await_ready() waits until it reports that it is ready. */
void scenario_start_service(struct scenario *scenario);
void scenario_await_ready(struct scenario *scenario);
/* SIGTERM, and the wait for an orderly end / kill -9. */
void scenario_stop_service(struct scenario *scenario);
void scenario_kill_service(struct scenario *scenario);

/* scenario_open(), clamd if `clamd`, the service, and the wait until it is ready. */
void scenario_begin(struct scenario *scenario, const struct scenario_options *options, bool clamd);

/* Connects the test to the broker; scenario_open() does this, except for an embedded broker. */
void scenario_connect(struct scenario *scenario, const char *url, const char *username, const char *password);

/* How many times the service's log contains a text. */
size_t scenario_log_count(const struct scenario *scenario, const char *text);
void scenario_await_log(struct scenario *scenario, const char *text);
/* The port that the last start of the service logged; 0: none. */
unsigned scenario_http_port(const struct scenario *scenario);
/* The status of a GET on a path of the service's HTTP port, 0: no answer. */
long scenario_http(const struct scenario *scenario, const char *path);
/* Whether /readyz reports that a thing ("broker", "stream", …) is ready, and the reason; `reason` may be NULL. False
 * while there is no answer. */
bool scenario_has(const struct scenario *scenario, const char *thing, char *reason, size_t size);
/* Waits until it is ready, or until it is not and the reason contains this text. */
void scenario_await_has(struct scenario *scenario, const char *thing);
void scenario_await_fault(struct scenario *scenario, const char *thing, const char *text);
/* The value of one of its metrics. */
uint64_t scenario_metric(const struct scenario *scenario, const char *name);

/* Runs `postprocessing WORDS -c …` to its end with the address of the running service; its output goes to `text`.
 * Returns its exit status. */
int scenario_command(const struct scenario *scenario, const char *const *words, char *text, size_t size);

/* Waits until the service has acknowledged all events in the stream. */
void scenario_await_applied(struct scenario *scenario);

/* Waits until storage has received that many requests for uploads. */
void scenario_await_requests(struct scenario *scenario, unsigned count);

/* The secret of the processes: every URL of an upload contains it. */
#define SCENARIO_SECRET "s3cret-t0ken"

#endif
