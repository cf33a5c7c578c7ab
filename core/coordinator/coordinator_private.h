/* SPDX-License-Identifier: Apache-2.0
 * What the files of the coordinator share.
 *
 *   coordinator.c        what comes in, and what is due
 *   active_upload.c  the uploads: their table, the queues of their jobs, and when each is looked at again
 *   job.c  carrying out one job: load, decide, write, acknowledge
 *   write_coalescing.c   the first write of a record, put off until the step that runs meanwhile is over
 *   read_repair.c   what is remembered, and the broker has lost
 *   outbox.c    publishing what was decided, and what a process that died may have left unsaid
 *   announcements.c  telling others that a step has been entered, and what they make of it
 *   dispatch.c  the lines in front of the steps, and whose turn it is
 *   suspension.c  steps that give no turns, because they cannot do their work
 *   runs.c   the runs of steps: start, deadline, end */
#ifndef CORE_COORDINATOR_COORDINATOR_PRIVATE_H
#define CORE_COORDINATOR_COORDINATOR_PRIVATE_H

#include "core/coordinator/coordinator.h"
#include "core/coordinator/lag.h"
#include "core/coordinator/fair_queue.h"
#include "core/base/table.h"
#include "core/base/timers.h"
#include "core/coordinator/deferred.h"

/* A reading of the bucket for a resume by step; its jobs share the event that asked for it. */
struct sweep {
	struct delivery *source;
	char *step;
	unsigned references;
};

/* One input for one upload, and its carrying out. */
struct job {
	struct job *next;
	struct active_upload *active;
	struct input input;
	struct event event;       /* what the input's texts point into */
	bool republishing;        /* `left` is of what a process that died may have left unsaid: */
	unsigned republished;
	struct delivery *source;  /* to be acknowledged at the end; NULL: none */
	nanos taken;              /* when it came */
	struct sweep *sweep;      /* or NULL */
	char *result;             /* of a run */
	char reason[REASON_SIZE]; /* of a run */
	/* Once decided: */
	struct action action;
	struct record *record;    /* as it is written */
	struct tombstone tombstone; /* … or as what stays of it */
	unsigned left;            /* PUBLISH_… not yet published */
	nanos checked;            /* when the record was last known to be as it is remembered; 0: since it was decided */
	nanos sent;               /* when the first of `left` was last published … */
	nanos unsure;             /* … and when the first time that nobody knows whether it was stored; 0: never */
	nanos looked;             /* when it was known not to be in the stream; 0: nobody looked */
	bool loaded;              /* the record was read for this job */
	bool uncertain;           /* a write was sent that was not answered */
	unsigned attempts;
	unsigned conflicts;       /* writes that were refused because of another one */
	uint64_t write_id;        /* the same for all attempts of one write */
	struct status intended;   /* by an uncertain write */
	bool coalesced;               /* its step was to be run before the record was written */
	bool announced;           /* the step that it enters was */
	struct timer again;       /* when to try again */
	enum { JOB_IDLE, JOB_LOADING, JOB_COALESCING, JOB_RESTORING, JOB_WRITING, JOB_CHECKING, JOB_LOOKING, JOB_PUBLISHING,
	       JOB_ASKING_RESTART } doing;
	struct request request;
};

/* One upload with which something is under way, or whose record is remembered. The others are deferred. */
struct active_upload {
	struct entry entry;
	enum { ACTIVE_UNKNOWN, ACTIVE_ABSENT, ACTIVE_PRESENT } known;
	uint64_t revision;        /* of the record or its deletion marker, 0: no key; what is to be written on */
	struct tombstone gone;    /* ABSENT: of the marker */
	struct record *record;    /* PRESENT */
	uint64_t acknowledged;    /* PRESENT: its revision, other than `revision` if the broker has lost it since */
	nanos known_at;           /* PRESENT: when the broker last had it */
	bool expected;            /* there has to be a record: there was one, and nobody is known to have deleted it */
	bool unsafe;              /* the broker has lost its record before: it stays in memory */
	struct job *current;
	struct job *first, **last;
	struct run *run;          /* handed to the workers */
	bool queued;              /* stands in the line of its step */
	bool turn;                /* its turn has come, and it has not been used yet: */
	bool suspect;             /* … and is to be marked as running first, see struct turns */
	bool theirs;              /* PRESENT: another instance looks after it */
	unsigned unpublished;          /* PUBLISH_… that another process may have died before publishing */
	nanos not_before;         /* its timer is not to fire before; 0: as its status says */
	bool advancing;           /* active_advance() is at work */
	size_t turn_step;
	int64_t turn_size;
	struct flow *turn_of;    /* whose it is, see fair_queue.h */
	struct timer due;
	char id[];
};

/* The turns that are out in one step: each ends with the run that it leads to. An upload that may have been running when
 * the service ended, or that has failed before, is a suspect: it may end the service (again), so it is marked in its
 * record before it runs, and only as many as there are workers have their turn at a time. */
struct dispatch {
	unsigned out;
	int64_t bytes; /* of their uploads together */
	bool giving;   /* dispatch_give() is at work */
	/* While the step is suspended no turns are given: */
	nanos suspended; /* since then; 0: it is not */
	char reason[REASON_SIZE];
	nanos expiry;    /* no upload in its line has waited for too long before that time */
};

/* One step's announcements. */
struct announced {
	bool wanted;
	bool answered; /* by another service, and that was said */
};

struct coordinator {
	struct coordinator_options options;
	int64_t stream;
	uint64_t before;          /* events up to this one are older than the connection, and perhaps than the process */
	struct lag lag;
	uint64_t gap_end;         /* events up to this one are read besides, 0: there is no such gap; … */
	bool gap_behind;          /* … and not all of them have been delivered yet */
	uint64_t lost_from;       /* the broker has lost the events from this one on, … */
	nanos lost_at;            /* … as was noticed then; 0 and 0: none */
	nanos sure;               /* so long after it was first published may a message be published again unseen */
	struct table active_uploads;
	struct deferred deferred;
	struct timers due;        /* of slots */
	struct timers again;      /* of jobs */
	struct timers left;       /* of runs whose uploads have moved on */
	struct fair_queue queue;
	size_t standing;          /* in a line without being a slot */
	struct dispatch *dispatch;      /* of each step */
	struct announced *announced; /* the same */
	size_t busy, runs;
	size_t coalesced, coalescing_limit;  /* jobs that hold … */
	nanos coalescing;          /* … and for how long */
	size_t cached;            /* records in slots */
	uint64_t writes;          /* ever begun */
	bool stopping;
	nanos ticked;             /* when it last did */
	struct text text;         /* for what is sent */
	struct url_marker *marker;
};

#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* coordinator.c */
struct job *job_create(enum input_kind kind);
void job_free(struct coordinator *coordinator, struct job *job);
/* An event that is not done with, if it is still here, is left to come again. */
void event_give_back(struct coordinator *coordinator, struct delivery **source);
/* Its job that has this event already; NULL: none does. */
struct job *active_find_event(const struct active_upload *active, uint64_t sequence, int64_t stream);
/* What an upload at rest waits for. */
enum waits_for status_waits_for(const struct status *status);
/* Is it a record that another instance looks after? */
bool record_is_theirs(const struct coordinator *coordinator, const struct record *record);
/* Tells the pipeline, as part of INPUT_FOUND, who wrote the record that was found. */
void record_describe(const struct coordinator *coordinator, const struct record *record, struct input *input);

/* May what was stored by then be yet to come? */
bool events_may_come(const struct coordinator *coordinator, nanos then, nanos now);

/* active_upload.c */
/* The upload's slot, made if there is none. */
struct active_upload *active_get(struct coordinator *coordinator, const char *id);
/* Is it known here, as a slot, as a waiter or in a line? */
bool active_exists(const struct coordinator *coordinator, const char *id);
/* From one slot to the next, of NULL the first; NULL: there are no more. */
struct active_upload *active_next(const struct coordinator *coordinator, const struct active_upload *active);
/* Frees one that is out of the table, with its jobs. */
void active_destroy(struct coordinator *coordinator, struct active_upload *active);
/* Takes the job over, as the upload's last. */
void active_add_job(struct coordinator *coordinator, struct active_upload *active, struct job *job, nanos now);
/* The same, as its next; what holds its first write makes way for it. */
void active_hurry_job(struct coordinator *coordinator, struct active_upload *active, struct job *job, nanos now);
/* Is the upload's next job one that ends all that its current one has to say? */
bool active_is_cleaned_next(const struct active_upload *active);
/* The current job is over: on to the next, or to rest. */
void active_advance(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* Takes the one whose time has come first; NULL: nobody's has. */
struct active_upload *active_take_due(struct coordinator *coordinator, nanos now);
/* When the next one's time comes; INT64_MAX: never. */
nanos active_next_due(const struct coordinator *coordinator, nanos now);
/* Nothing is under way for the upload: sets its timer, or forgets it if it has none. */
void active_rest(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* Forgets what is known of the record. */
void active_forget(struct coordinator *coordinator, struct active_upload *active);
/* Takes the record over, which the broker has now. */
void active_know(struct coordinator *coordinator, struct active_upload *active, struct record *record, uint64_t revision, nanos now);
/* Whose is the record that was read? */
void active_find_owner(const struct coordinator *coordinator, struct active_upload *active);

/* job.c */
void job_start(struct coordinator *coordinator, struct job *job, nanos now);
void job_answered(struct coordinator *coordinator, struct job *job, nanos now);
void job_try_again(struct coordinator *coordinator, struct job *job, nanos now);

/* Is what is remembered of the record so old that another instance may have ended the upload since? */
bool active_is_stale(const struct active_upload *active, nanos now);
/* Reads the record; job_answered() goes on with it. */
void job_load(struct coordinator *coordinator, struct job *job);
/* The same after a write that conflicted. */
void job_load_again(struct coordinator *coordinator, struct job *job, nanos now);
/* Makes it one of this instance. */
void record_sign(const struct coordinator *coordinator, struct record *record);
/* Writes it, on the revision that the slot knows. */
void job_put(struct coordinator *coordinator, struct job *job, const struct record *record, nanos now);
void job_decide(struct coordinator *coordinator, struct job *job, nanos now);
/* All is done: acknowledges the event and frees the job. */
void job_finish(struct coordinator *coordinator, struct job *job, nanos now);
void job_try_later(struct coordinator *coordinator, struct job *job, nanos now);
/* Writes the job's record. */
void job_write(struct coordinator *coordinator, struct job *job, nanos now);
/* The step's result that the record is to hold: the run's, or, when the write only keeps what was to be published, the
 * record's own. False: there is no memory for it. */
bool job_take_result(struct job *job);

/* write_coalescing.c
 *
 * The unacknowledged event of an upload that begins holds all that its first record would: so the first step is run
 * without one, and its end is written with the beginning, in one write, conditional like any other. Only then is the event
 * acknowledged. The beginning is written by itself when all that takes longer, or when the service stops: from then on the
 * upload waits for its turn, or its step runs, as any other's.
 *
 *   BEGIN ──▶ holding ──the run ends──▶ BEGIN and RETURNED written ──▶ as after RETURNED
 *                │                            │ refused
 *                │                            ▼
 *                │                      the run is void: BEGIN as without it, on the record that is there
 *                │                            ▲
 *                │ limit                      │ refused
 *                └──────────────────────▶ BEGIN written ──▶ as after BEGIN
 *
 * A step that ends the service while there is no record has nothing to be found by; its event comes again, redelivered,
 * and what was redelivered is not held but marked, see pipeline.h. Should the broker die with the service and forget that
 * it had delivered it, the event still is older than the next connection, and those are not held either. A process that
 * was stopped for long gives the event back: others may have ended the upload so long ago that no marker tells. */
/* Holds the decided job instead of writing its record. False: that is to be written. */
bool coalescing_begin(struct coordinator *coordinator, struct job *job, nanos now);
/* Does the upload's job hold? */
bool coalescing_is_on(const struct active_upload *active);
/* Its turn has come. */
void coalescing_run(struct coordinator *coordinator, struct active_upload *active);
/* The run ended. True: the job that holds takes its result over. False: there is none. */
bool coalescing_returned(struct coordinator *coordinator, struct active_upload *active, struct run *run, nanos now);
/* It is held no longer: what there is to write is written. */
void coalescing_end(struct coordinator *coordinator, struct job *job, nanos now);
/* The upload's job that holds waits again for its turn among the jobs, and its run is dropped. */
void coalescing_put_back(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* There is another record than the job was held for: drops its run, or the result that it had. */
void coalescing_void(struct coordinator *coordinator, struct job *job, nanos now);

/* read_repair.c: some brokers lose writes that they have acknowledged, when they are killed. */
/* Is what is remembered of the record newer than the broker's revision of it (0: none)? */
bool active_is_ahead(const struct active_upload *active, uint64_t revision, nanos now);
/* It is: this one has to be replaced, by what the job writes or with job_restore(). */
void active_found_behind(struct coordinator *coordinator, struct active_upload *active, uint64_t revision);
bool active_is_behind(const struct active_upload *active);
/* The broker surely has lost this one: it is written again, if it is not there, and stays in memory. */
void active_lose(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* The numbers of events that the broker has lost say nothing of the events that have them now. */
void record_forget_lost(const struct coordinator *coordinator, struct record *record);
/* Writes what is remembered again, as ours: whose it was may not remember it. */
void job_restore(struct coordinator *coordinator, struct job *job, nanos now);
/* The request to do so was answered. */
void job_restored(struct coordinator *coordinator, struct job *job, nanos now);
/* It was decided what to do about an upload of which nothing is remembered and whose record is lost. */
void job_lost(struct coordinator *coordinator, struct job *job);

/* outbox.c */
/* Publishes the first of what is left to publish, or ends the job. */
void job_publish_next(struct coordinator *coordinator, struct job *job, nanos now);
/* The request to publish it was answered. */
void job_published(struct coordinator *coordinator, struct job *job, nanos now);
/* Finds out whether somebody has asked storage for the upload since it was begun. */
void job_ask_restart(struct coordinator *coordinator, struct job *job);
/* PUBLISH_… that has to be made sure of before the job is decided. */
unsigned job_to_republish(const struct job *job);
/* PUBLISH_… that a record's writer, another process, may have died before publishing. */
unsigned record_unpublished(const struct coordinator *coordinator, const struct record *record, nanos now);

/* announcements.c: StartPostprocessingStep for a step that is done here is for storage, which shows it to people. It
 * is sent as soon as the step is entered, at most once, and nothing waits for it: neither does it for a record. */
void announcements_init(struct coordinator *coordinator);
/* Does so if the job's action enters such a step, as this record says. */
void announce_step(struct coordinator *coordinator, struct job *job, const struct record *record, nanos now);
/* The step is one that others are asked to do: what is published then is the question. */
void announcement_is_question(struct coordinator *coordinator, size_t step);
/* Is the event our own word, that has come back? */
bool event_is_our_result(const struct coordinator *coordinator, const struct delivery *delivery, const struct event *event);
/* Another service has taken an announcement for a question: says so once for each step. */
void report_answer_of_others(struct coordinator *coordinator, const struct job *job);

/* dispatch.c */
/* Does it stand in a line, has it its turn, or does it run? */
bool active_busy(const struct active_upload *active);
/* The step that the record is in, among the configured ones; their number if it is none of them. */
size_t record_step(const struct coordinator *coordinator, const struct record *record);
/* Takes a turn at once. False: others are before it. */
bool dispatch_take(struct coordinator *coordinator, struct active_upload *active, const struct upload *upload, size_t step);
/* Whoever calls this lets dispatch_give() follow. */
void dispatch_stand_in_line(struct coordinator *coordinator, const struct record *record, size_t step, bool suspect, nanos now);
/* Has a turn at once, in spite of all. */
void dispatch_seize(struct coordinator *coordinator, struct active_upload *active, const struct record *record, size_t step, bool suspect, nanos now);
/* Does not use its turn, if it has one. */
void dispatch_return(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* Nor does it stand in line any more. */
void dispatch_forfeit(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* One turn is over. */
void dispatch_end(struct coordinator *coordinator, size_t step, int64_t size, struct flow *of, nanos now);
/* Calls those in front of the line as long as there is room for them. */
void dispatch_give(struct coordinator *coordinator, size_t step, nanos now);

/* suspension.c
 *
 * An upload whose step is suspended waits in the line, with the record that it has. Its limit follows from the record, so
 * nothing is written for it until it has its turn, or ends. */
bool step_is_suspended(const struct coordinator *coordinator, size_t step);
/* Does the upload wait for a turn in a step that is suspended? */
bool active_is_suspended(const struct coordinator *coordinator, const struct active_upload *active);
/* One that came at that time stands in the line now. */
void suspension_joined(struct coordinator *coordinator, size_t step, nanos came, nanos now);
/* Ends the waiting of those that have waited for too long. To be called with each tick. */
void suspensions_expire(struct coordinator *coordinator, nanos now);
/* It is decided whether this one had. */
void suspension_decided(struct coordinator *coordinator, struct active_upload *active, nanos now);
void suspensions_set_back(struct coordinator *coordinator, nanos now);

/* runs.c */
/* The clock was set back: what has begun later than now has begun now. */
void runs_set_back(struct coordinator *coordinator, nanos now);
/* The upload's step is to be run: it stands in line for it. by_hand: an administrator wants it, also while the step is
 * suspended. */
void runs_want(struct coordinator *coordinator, struct active_upload *active, bool mark, bool by_hand, nanos now);
/* Its turn has come, and it is marked if it had to be. */
void runs_start(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* The turn is used, for a run on this record. */
void runs_launch(struct coordinator *coordinator, struct active_upload *active, const struct record *record);
/* How the run ended becomes the job's input; its kind stays. */
void runs_pass(struct run *run, struct job *job);
void runs_drop(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* The time of a run has come that no upload waits for. */
void runs_left_due(struct coordinator *coordinator, struct run *run, nanos now);
/* The time of a slot's run has come. */
void runs_due(struct coordinator *coordinator, struct active_upload *active, nanos now);
nanos runs_look_again(const struct active_upload *active, nanos now);

#endif
