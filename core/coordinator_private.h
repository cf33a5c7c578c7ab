/* SPDX-License-Identifier: Apache-2.0
 * What the files of the coordinator share.
 *
 *   coordinator.c        what comes in, and what is due
 *   coordinator_slots.c  the uploads: their table, the queues of their jobs, and when each is looked at again
 *   coordinator_carry.c  carrying out one job: load, decide, write, acknowledge
 *   coordinator_say.c    publishing what was decided, and what a process that died may have left unsaid
 *   coordinator_runs.c   the runs of steps: queueing, deadlines, suspects */
#ifndef CORE_COORDINATOR_PRIVATE_H
#define CORE_COORDINATOR_PRIVATE_H

#include "core/coordinator.h"
#include "core/timers.h"

/* A reading of the bucket for a resume by step; its jobs share the event that asked for it. */
struct sweep {
	struct delivery *source;
	char *step;
	unsigned references;
};

/* One input for one upload, and its carrying out. */
struct job {
	struct job *next;
	struct slot *slot;
	struct input input;
	struct event event;       /* what the input's texts point into */
	bool redelivered;         /* the event was delivered before, perhaps to a process that died */
	bool saying_again;        /* `left` is of what a process that died may have left unsaid: */
	unsigned said_again;
	struct delivery *source;  /* to be acknowledged at the end; NULL: none */
	struct sweep *sweep;      /* or NULL */
	char *result;             /* of a run */
	char reason[REASON_SIZE]; /* of a run */
	/* Once decided: */
	struct action action;
	struct record *record;    /* as it is written */
	unsigned left;            /* PUBLISH_… not yet published */
	nanos checked;            /* when the record was last known to be as it is remembered; 0: since it was decided */
	bool loaded;              /* the record was read for this job */
	bool uncertain;           /* a write was sent that was not answered */
	unsigned attempts;
	uint64_t write_id;        /* the same for all attempts of one write */
	uint64_t intended;        /* the transition of an uncertain write */
	struct timer again;       /* when to try again */
	enum { JOB_IDLE, JOB_LOADING, JOB_WRITING, JOB_CHECKING, JOB_PUBLISHING } doing;
	struct request request;
};

/* One upload. */
struct slot {
	struct slot *next;        /* in the table's chain */
	char *id;
	enum { SLOT_UNKNOWN, SLOT_ABSENT, SLOT_PRESENT } known;
	uint64_t revision;        /* of the record or its deletion marker, 0: no key */
	uint64_t gone_begun;      /* ABSENT: the marker's */
	int64_t gone_stream;
	struct record *record;    /* PRESENT */
	struct job *current;
	struct job *first, **last;
	struct run *run;          /* queued or running here */
	bool suspect;             /* waits to be marked as running, see struct suspects */
	bool theirs;              /* PRESENT: another instance looks after it */
	unsigned unsaid;          /* PUBLISH_… that another process may have died before publishing */
	nanos not_before;         /* its timer is not to fire before; 0: as its status says */
	bool advancing;           /* slot_advance() is at work */
	size_t suspect_step;
	uint64_t suspect_transition; /* what is to be marked: nothing that was decided since */
	struct slot *next_suspect;
	struct timer due;
};

/* Uploads of one step that may have been running when the service ended, or that have failed before. One of them may end
 * the service (again), so each is marked in its record before it runs, and only few are at a time. */
struct suspects {
	struct slot *first, **last;
	unsigned out;
};

struct coordinator {
	struct coordinator_options options;
	int64_t stream;
	struct slot **chain;
	size_t chains, slots;
	struct timers due;        /* of slots */
	struct timers again;      /* of jobs */
	struct timers left;       /* of runs whose uploads have moved on */
	struct suspects *suspects;/* of each step */
	size_t busy, runs;
	size_t cached;            /* records in slots */
	uint64_t writes;          /* ever begun */
	bool stopping;
	struct text text;         /* for what is sent */
};

#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* coordinator.c */
struct job *job_create(enum input_kind kind);
void job_free(struct coordinator *coordinator, struct job *job);
/* Is it a record that another instance looks after? */
bool record_is_theirs(const struct coordinator *coordinator, const struct record *record);

/* coordinator_slots.c */
/* The upload's slot, made if there is none; NULL: out of memory. */
struct slot *slot_get(struct coordinator *coordinator, const char *id);
/* Frees one that is out of the table, with its jobs. */
void slot_destroy(struct coordinator *coordinator, struct slot *slot);
/* Takes the job over, as the upload's last. */
void slot_add_job(struct coordinator *coordinator, struct slot *slot, struct job *job, nanos now);
/* The current job is over: on to the next, or to rest. */
void slot_advance(struct coordinator *coordinator, struct slot *slot, nanos now);
/* Nothing is under way for the upload: sets its timer, or forgets it if it has none. */
void slot_rest(struct coordinator *coordinator, struct slot *slot, nanos now);
/* Forgets what is known of the record. */
void slot_forget(struct coordinator *coordinator, struct slot *slot);
/* Takes the record over. */
void slot_know(struct coordinator *coordinator, struct slot *slot, struct record *record, uint64_t revision);

/* coordinator_carry.c */
void job_start(struct coordinator *coordinator, struct job *job, nanos now);
void job_answered(struct coordinator *coordinator, struct job *job, nanos now);
void job_try_again(struct coordinator *coordinator, struct job *job, nanos now);

/* Reads the record; job_answered() goes on with it. */
void job_load(struct coordinator *coordinator, struct job *job);
void job_decide(struct coordinator *coordinator, struct job *job, nanos now);
/* All is done: acknowledges the event and frees the job. */
void job_finish(struct coordinator *coordinator, struct job *job, nanos now);
void job_try_later(struct coordinator *coordinator, struct job *job, nanos now);

/* coordinator_say.c */
/* Publishes the first of what is left to publish, or ends the job. */
void job_say_next(struct coordinator *coordinator, struct job *job, nanos now);
/* PUBLISH_… that has to be made sure of before the job is decided. */
unsigned job_to_say_again(const struct job *job);
/* PUBLISH_… that a record's writer, another process, may have died before publishing. */
unsigned record_unsaid(const struct coordinator *coordinator, const struct record *record, nanos now);

/* coordinator_runs.c */
bool slot_busy(const struct slot *slot);
void runs_start(struct coordinator *coordinator, struct slot *slot, bool mark, nanos now);
void runs_drop(struct coordinator *coordinator, struct slot *slot, nanos now);
/* The time of a run has come that no upload waits for. */
void runs_left_due(struct coordinator *coordinator, struct run *run, nanos now);
/* The time of a slot's run has come. */
void runs_due(struct coordinator *coordinator, struct slot *slot, nanos now);
nanos runs_look_again(const struct slot *slot, nanos now);
void suspects_release(struct coordinator *coordinator, size_t step, nanos now);
void suspects_forget(struct coordinator *coordinator, struct slot *slot, nanos now);

#endif
