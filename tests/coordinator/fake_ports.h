/* SPDX-License-Identifier: Apache-2.0
 * A world for the coordinator's tests, all in memory: a bucket with revisions, a broker that drops duplicates, a
 * queue of requests that are answered when and as the test says, and runs that the test ends. What the coordinator
 * does is recorded as words: "put", "remove", "load", "publish RETRY", "look", "ack 7", "drop 7", "run scan",
 * "cancel scan", "replace scan", "scan bucket", "gone u", "announce scan", separated by "; ". */
#ifndef TESTS_COORDINATOR_FAKE_PORTS_H
#define TESTS_COORDINATOR_FAKE_PORTS_H

#include "core/coordinator/coordinator.h"

#define FAKE_OWNER "here"
#define FAKE_SECRET "SECRET-URL"
#define FAKE_STREAM 7
/* An event was stored this long after this time, in nanoseconds, as its sequence says. */
#define FAKE_STREAM_TIME (1600000000 * SECOND)
#define FAKE_MEMORY (2 * MINUTE)
#define FAKE_HOLD_LIMIT 80

struct fake_entry {
	struct fake_entry *next;
	char id[UPLOAD_ID_LIMIT + 1];
	uint64_t revision;
	char *value; /* NULL: a deletion marker */
	size_t length;
	struct tombstone tombstone;
};

struct fake_request {
	struct fake_request *next;
	enum { FAKE_LOAD, FAKE_PUT, FAKE_REMOVE, FAKE_PUBLISH, FAKE_LOOK } kind;
	struct request *request;
	struct lookup *lookup;
	nanos at; /* of the recorded words */
	char id[UPLOAD_ID_LIMIT + 1];
	char message_id[512];
	uint64_t expected;
	char *value; /* of a put; the message of a publish */
	size_t length;
	struct tombstone tombstone;
};

#define FAKE_RUNS 4096

struct fake_world {
	struct coordinator *coordinator;
	struct coordinator_options options;
	struct metrics_list metrics;
	struct log log;
	nanos now;
	const struct pipeline_step *limits; /* of both steps, from the next restart on; NULL: as in fake_open() */
	nanos coalescing;                   /* from the next restart on: the coordinator's option, … */
	uint64_t before;                    /* … the last event before it, */
	nanos ack_wait;                     /* … and that of the stream with an event */
	uint64_t pending;                   /* behind each event */
	nanos stored;                       /* when events were stored; 0: as FAKE_STREAM_TIME says */
	size_t mentions;                    /* how often the coordinator asked whether an instance lives */
	bool of_gap;                        /* the gap's reader delivers the events */
	nanos postponed;                    /* the pause with which an event was last postponed */
	const char *spared;                 /* from the next restart on: the coordinator's option; NULL: "" */
	const char *living;                 /* another live instance; NULL: none */
	uint64_t revision;
	struct fake_entry *entries;
	struct fake_request *first, **last;
	struct fake_request *seen; /* what was published or written, by its ID */
	const char *loading;       /* of the load that is being answered */
	struct run *run[FAKE_RUNS];
	size_t runs;
	void *scan;
	const bool *announces;                  /* the option, from the next restart on */
	char announced[512];                    /* the message ID of the last announcement */
	const char *message_id;                 /* of what is delivered; NULL: none */
	enum lookup_result restart;             /* whether a restart of the upload was requested, according to a search */
	const char *verdict, *details, *result; /* what the runs say that end, and others' answers; NULL: nothing */
	struct text words;
	struct text acts;  /* for the audit log, as "held u scan, released u scan by ada: why (3)" */
	size_t duplicates; /* publishes that the broker dropped */
};

/* With two steps: `scan` with two workers and a retry after a second, `slow` with one. */
void fake_open(struct fake_world *world);
void fake_close(struct fake_world *world);
/* The coordinator dies with everything that it knows, and another one of the same name starts. */
void fake_restart(struct fake_world *world, const char *owner);

/* The same in the middle of its work: its state may be inconsistent, so nothing is called, and its memory is not
 * freed. */
void fake_crash(struct fake_world *world, const char *owner);

/* Fails unless exactly these words were recorded since the last call. */
void fake_expect(struct fake_world *world, const char *words);
/* The same for the acts. */
void fake_expect_acts(struct fake_world *world, const char *acts);

/* Answers the oldest request as a broker would (false: there is none); or all of them, including those that follow. */
bool fake_answer(struct fake_world *world);
void fake_answer_all(struct fake_world *world);
/* Answers the oldest request in another way: UNKNOWN, with or without carrying it out, UNAVAILABLE, or REFUSED. */
void fake_fail(struct fake_world *world, enum request_status status, bool happened);

/* Events from the bus. */
void fake_begin(struct fake_world *world, const char *id, uint64_t sequence, bool redelivered);
void fake_step_finished(struct fake_world *world, const char *id, const char *step, enum outcome outcome,
                        uint64_t sequence, bool redelivered);
void fake_ready(struct fake_world *world, const char *id, bool failed, uint64_t sequence);
void fake_resume(struct fake_world *world, const char *id, const char *step, uint64_t sequence);
void fake_clean(struct fake_world *world, const char *id, uint64_t sequence);
/* The same as fake_begin() with this URL, stored in the stream at this time. */
void fake_begin_at(struct fake_world *world, const char *id, const char *url, uint64_t sequence, nanos stored);
void fake_deliver(struct fake_world *world, const char *message, size_t length, uint64_t sequence, bool redelivered);

/* The oldest run ends like this. */
void fake_return(struct fake_world *world, enum returned returned, enum outcome outcome, nanos until);
/* It fails because the upload's URL has no bytes any more. */
void fake_return_gone(struct fake_world *world);
/* A worker begins the oldest run. */
void fake_start_run(struct fake_world *world);

/* Time passes. */
void fake_pass(struct fake_world *world, nanos duration);

/* Reads the record from the bucket; the caller clears it. False: there is none. */
bool fake_record(const struct fake_world *world, const char *id, struct record *record);
/* Writes one, as another instance would. */
void fake_store(struct fake_world *world, const struct record *record);
/* The broker loses what it has acknowledged for an upload: it has `older` again, a record that it had as `revision`;
 * NULL: nothing, not even a marker. */
void fake_lose(struct fake_world *world, const char *id, const struct record *older, uint64_t revision);
/* Writes any value, as another program would. */
void fake_store_text(struct fake_world *world, const char *id, const char *value, size_t length);
/* A record of this status, for the upload that fake_begin() begins. */
struct record fake_make_record(const char *id, const char *owner, const struct status *status);
/* Gives the bucket's records to the coordinator, as at startup (token NULL) or for a resume. */
void fake_find_all(struct fake_world *world, void *token);

#endif
