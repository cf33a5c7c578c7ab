/* SPDX-License-Identifier: Apache-2.0
 * The attack on real processes: three instances of the built service on one broker, a load that knows what has to
 * become of each upload, faults from a seed, and an oracle that reads stream and bucket when all is over.
 *
 *   load.c     offers uploads, plays storage and the service that does the remote step
 *   faults.c   the instances, and what is done to them and to the broker
 *   oracle.c   the judgement
 *   table.c    the counts, for people
 *
 * One thread: what would block for long (a broker that is stopped) is tried again in the next round. */
#ifndef TESTS_TORTURE_TORTURE_H
#define TESTS_TORTURE_TORTURE_H

#include <stdio.h>

#include "core/text.h"
#include "core/upload.h"
#include "tests/scenario/scenario.h"

#define TORTURE_INSTANCES 3
/* What each upload waits in its second step. */
#define TORTURE_DELAY (300 * MILLISECOND)

struct torture_options {
	uint64_t seed;
	nanos duration;   /* during which uploads are offered and faults injected */
	size_t uploads;
	nanos pause;      /* between two faults, on average */
	nanos stop_limit; /* an instance is stopped for at most so long */
	nanos end_limit;  /* for all that is to end once no fault is injected any more */
};

/* One upload that was meant, and what has become of it so far. */
struct offered {
	struct upload *upload;
	enum outcome outcome; /* that it has to have */
	bool infected;        /* its first step ends it */
	bool sent, confirmed;
	unsigned starts;      /* of the remote step, as seen */
};

/* Something that storage or the remote service is about to say. */
struct saying {
	nanos at;
	char id[64]; /* its Nats-Msg-Id */
	struct text message;
	size_t upload;
	bool ready;  /* it is an UploadReady */
};

struct load {
	struct offered *offered;
	size_t count, next;
	struct saying *saying;
	size_t says, size;
	size_t seen; /* of what the recorder has */
	nanos begun, interval;
	uint64_t random;
};

enum fault { FAULT_KILL, FAULT_STOP, FAULT_LONG_STOP, FAULT_BROKER_KILL, FAULT_BROKER_STOP, FAULT_CONSUMER, FAULTS };

struct victim {
	struct process process;
	nanos back;   /* when it is to be started or continued; 0: it is at work */
	bool stopped; /* else it is dead */
};

struct faults {
	struct victim instance[TORTURE_INSTANCES];
	nanos broker_back;
	bool broker_stopped;
	nanos next;
	unsigned count[FAULTS];
	uint64_t random;
};

struct torture {
	struct torture_options options;
	struct scenario scenario;
	jsCtx *js; /* gives up sooner than the scenario's */
	struct load load;
	struct faults faults;
};

struct verdict {
	size_t once, twice, lost, wrong, early, silent, repeats, doubles, records, unacknowledged, undelivered;
	nanos late[2], took[2]; /* the delay beyond its time, and BytesReceived to the end: p99, the longest */
	nanos settled;          /* from the last fault until all was over */
};

/* A number below `limit`, the next of a seed. */
uint64_t torture_random(uint64_t *state, uint64_t limit);

void load_begin(struct torture *torture);
/* One round: says what is due, hears what has come. Without `offer` no new uploads begin. */
void load_turn(struct torture *torture);
/* All are offered and confirmed, as far as the load knows. */
bool load_is_over(const struct load *load);
void load_end(struct load *load);

/* Starts the instances; stream and consumer are there then. */
void faults_begin(struct torture *torture);
/* One round: brings back whose time it is; injects the next fault if its time has come. */
void faults_turn(struct torture *torture, bool inject);
/* Everything runs. */
bool faults_are_over(const struct faults *faults);
/* Ends the instances in order; each has to end well, without a secret in its log. */
void faults_end(struct torture *torture);
const char *fault_name(enum fault fault);

/* Has everything ended? For wait: the bucket is empty, and all events are acknowledged. */
bool oracle_is_quiet(struct torture *torture);
/* Judges, from the stream itself. What is wrong is told on `out`, with all that the stream has of the upload. */
void oracle_judge(struct torture *torture, struct verdict *verdict, FILE *out);
bool verdict_is_good(const struct verdict *verdict);

void table_print(const struct torture *torture, const struct verdict *verdict, FILE *out);

#endif
