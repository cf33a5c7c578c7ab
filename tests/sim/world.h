/* SPDX-License-Identifier: Apache-2.0
 * A world for the coordinator: instances of it on a simulated broker, a storage, another step service, and time, all
 * from one seed. Everything that happens is an entry in one queue, ordered by time, so that a seed always gives the
 * same run. Everything that may go wrong does: requests are lost on the way to the broker and back, answers come
 * late, the broker goes away, instances die between any two of their operations, or stop in an orderly way. At the
 * end all faults stop, and the promises are checked.
 *
 * Steps are announced, and some service may take that for a request.
 *
 * Storage publishes some of its events twice, and removes some of its uploads (CleanUpload), at any time in their
 * life. Then nothing more runs on them, nothing more is published about them, and none of their records stays.
 *
 * In some worlds the consumer is lost, and created again for new messages. The gap before it is read besides, so
 * that events overtake older ones.
 *
 * For some seeds the broker forgets records that it has acknowledged. An upload that is hit may begin again, and end
 * once more and with another outcome, but it must end: by itself, while the instance that looked after it lives;
 * otherwise somebody has storage begin it again, because nobody else can know of it. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "core/coordinator/coordinator.h"
#include "core/server/peers.h"
#include "tests/sim/broker.h"

#define SIM_INSTANCES 4
#define SIM_UPLOADS 12
#define SIM_STEPS 3 /* scan, delay, remote */
#define SIM_DELAY (20 * SECOND)
#define SIM_HOLD (2 * SECOND)

#define SIM_UNCONNECTED UINT64_MAX

/* Deliberate breakages, to show that the checks can fail. */
enum breakage {
	BREAK_NOTHING,
	BREAK_CONDITION,         /* writes succeed whatever revision they expect */
	BREAK_ACK_FIRST,         /* events are acknowledged when they are delivered */
	BREAK_PUBLISH_LOST,      /* every eighth publish is reported as done and is not */
	BREAK_WRITE_LOST,        /* every eighth write is reported as done and is not */
	BREAK_DUE_NOT_STORED,    /* the record loses its due time and phase on the way to the bucket */
	BREAK_NO_SCAN,           /* a restarted instance does not read the bucket */
	BREAK_EARLY_WAKE,        /* the clock that the coordinator sees runs ahead by a minute at times */
	BREAK_MESSAGE_ID,        /* publishes carry a fresh ID at each attempt */
	BREAK_WRITE_ID,          /* writes carry a fresh ID at each attempt, and conflicts look like success */
	BREAK_NO_TICK,           /* timers are ignored */
	BREAK_ERROR_IS_CONTINUE, /* runs that fail are reported as continue */
	BREAK_STEP_SKIPPED,      /* records come back from the bucket one step further */
	BREAK_NO_LOOK,           /* what was published before is not found in the stream */
	BREAK_RESTART_LOST,      /* RestartPostprocessing is reported as published and is not */
	BREAK_MARKER_FORGOTTEN,  /* deletion markers lose the event that had begun the upload */
	BREAK_HELD_ACKNOWLEDGED, /* the event of an upload is acknowledged when its step is run without a record */
	BREAK_HELD_FOR_LONG,     /* … which is allowed for the time that the step takes */
	BREAK_FIRST_DELIVERIES,  /* redelivered events look like first deliveries */
	BREAK_SUSPEND_UNHEARD,   /* a step is run though it is suspended */
	BREAK_RELEASE_UNHEARD,   /* … or not run though it is no longer suspended */
	BREAK_CLEAN_SKIPPED,     /* the event that removes an upload is acknowledged and ignored */
	BREAK_CLEAN_BACKDATED,   /* the tombstone of a removed upload says no more than any other tombstone */
	BREAK_REPEAT_ASKED,      /* a search finds a request for a restart of each upload */
	BREAK_NO_WAIT_FOR_GAP,   /* the service does not know that older events are unread */
	BREAK_GAP_FORGOTTEN,     /* the messages that a lost consumer had not finished are not read */
	BREAKAGES
};

enum happening_kind {
	HAPPEN_ARRIVE, /* a request reaches the broker */
	HAPPEN_ANSWER, /* its answer reaches the instance */
	HAPPEN_PULL,   /* an instance takes messages */
	HAPPEN_TICK,
	HAPPEN_SIGN, /* an instance gives a sign of life */
	HAPPEN_RUN_ENDS,
	HAPPEN_CRASH,
	HAPPEN_START,
	HAPPEN_FOUND,    /* an instance has read a record of the bucket */
	HAPPEN_STALL,    /* an instance is stopped for a while */
	HAPPEN_STOP,     /* an instance is told to end */
	HAPPEN_DOUBT,    /* an instance takes the bucket for another one */
	HAPPEN_SUSPEND,  /* an instance cannot do a step, whose number is in `upload` … */
	HAPPEN_RELEASE,  /* … and can again */
	HAPPEN_FORGET,   /* the broker loses a record, or the last ones of an upload */
	HAPPEN_CONSUMER, /* the broker loses the consumer, or how far the reader of the gap before it has got */
	HAPPEN_BROKER_DOWN,
	HAPPEN_BROKER_UP,
	HAPPEN_UPLOAD, /* storage announces an upload, */
	HAPPEN_REPEAT, /* … says so once more */
	HAPPEN_CLEAN,  /* … or removes it */
	HAPPEN_TOLD,   /* another instance tells this one that an upload is over */
	HAPPEN_READY,  /* storage confirms the end of one */
	HAPPEN_RESUME, /* somebody resumes an upload by hand */
	HAPPEN_ASK,    /* somebody asks about an upload, perhaps before its event is read */
	HAPPEN_DECIDE, /* somebody releases or rejects an upload that is held */
	HAPPEN_REMOTE, /* the other step service answers */
	HAPPEN_MEDDLE  /* … and one that was not asked */
};

enum operation_kind {
	OPERATION_LOAD,
	OPERATION_PUT,
	OPERATION_REMOVE,
	OPERATION_PUBLISH,
	OPERATION_ANNOUNCE,
	OPERATION_LOOK
};

/* A request on its way. It is independent of the instance that sent it, which may die meanwhile. */
struct operation {
	enum operation_kind kind;
	char *key, *id, *data;
	size_t length;
	uint64_t expected;
	struct tombstone tombstone;
	/* The answer: */
	enum request_status status;
	uint64_t sequence;
	bool duplicate;
	int error;
	struct sim_entry snapshot; /* LOAD */
	bool lose_answer;
	struct lookup *lookup; /* LOOK: answered, or freed with the operation */
};

struct happening {
	nanos at;
	uint64_t order; /* breaks ties */
	enum happening_kind kind;
	size_t instance, upload;
	unsigned life; /* of the instance when it was planned */
	struct request *request;
	struct operation *operation;
	struct run *run;
	enum outcome outcome;
};

struct instance {
	struct coordinator *coordinator; /* NULL: dead */
	struct peers *peers;
	unsigned life;
	char owner[16], nonce[32];
	struct metrics_list metrics;
	nanos stalled_until;
	nanos stops_until; /* it was told to stop, and its steps may run until then; 0: it was not */
	bool cancelled;    /* … and longer: they were told, too */
	nanos doubted;     /* when it last forgot what it knew of the bucket */
	bool suspended[SIM_STEPS];
	unsigned dispatch_before[SIM_STEPS]; /* … and the number of turns given before */
	unsigned held;                       /* messages here, unacknowledged */
	uint64_t consumer;                   /* the life of the consumer that it has prepared; SIM_UNCONNECTED: of none */
	int calls_to_death;                  /* port calls until it dies; below 0: it does not */
	bool dying;
	struct run *run[1024]; /* out */
	size_t runs;
};

/* The first URL of some uploads has no bytes any more. When storage is asked for a new one, it names one that has
 * the bytes, one that has none, or does not answer. */
enum sim_loss { LOSS_NONE, LOSS_REPAIRED, LOSS_REPEATED, LOSS_UNANSWERED };
#define SIM_LOSSES 3 /* the maximum number of uploads */
#define SIM_URL_GONE "http://storage/secret/gone"

struct sim_upload {
	char id[24];
	uint64_t begun;    /* sequence of its BytesReceived; 0: not announced yet */
	unsigned finished; /* the time at which the last PostprocessingFinished was stored */
	nanos finished_at;
	enum outcome outcome; /* the outcome of the first one */
	size_t finisher;      /* the instance that published the last one, and in which of its lives */
	unsigned finisher_life;
	bool finisher_owned;
	bool passed[SIM_STEPS]; /* the step was really done: its run ended with continue, its time came, or it was answered
	                         */
	unsigned failed_runs;   /* of the steps that are done here; and the number of retries spent for them: */
	unsigned reaper;
	unsigned results; /* PostprocessingStepFinished of the scan stored */
	unsigned feared;  /* steps that were running when an instance died, one bit each, and the last time of that: */
	nanos feared_at;
	nanos shown[SIM_INSTANCES]; /* when each instance last read its record */
	nanos held;                 /* since when the first step is run without a record; 0: it is not … */
	size_t holder;              /* … and by which instance */
	enum sim_loss loss;
	bool missed;            /* its record says that its URL has no bytes, … */
	unsigned asked;         /* … so that storage was asked for a new one, … */
	unsigned asked_in_life; /* … since it last began after an end */
	bool confirmed;
	bool repeated;                 /* storage has announced it twice */
	uint64_t announced[SIM_STEPS]; /* the event of the pass in which each step was last announced */
	uint64_t cleaned;              /* sequence of its CleanUpload; 0: there is none */
	nanos clean_at;                /* when the record, if there was one, was removed for it; 0: it was not */
	uint64_t ended_pass;           /* the event that began the pass whose end was published; 0: none */
	bool removed;
	bool hit;           /* by what the broker forgot */
	bool lost;          /* the broker has forgotten that it had delivered its event */
	bool sought;        /* somebody asked about it, perhaps while its event was not read yet */
	bool resumed;       /* by hand, perhaps */
	bool judged;        /* somebody has released or rejected it, perhaps */
	bool restarted;     /* storage was asked to begin it again */
	uint64_t answered;  /* sequence of the last answer `continue` of the other step service */
	size_t missed_by;   /* the instance, from 1, that has to notice; 0: none */
	struct record last; /* as it lies in the bucket */
	bool present;
};

/* How often a step was run without a record, and how that ended. */
struct sim_holds {
	unsigned long begun;
	unsigned long ended;     /* the run ended, and was written together with the beginning */
	unsigned long outlasted; /* the beginning was written by itself */
	unsigned long orphaned;  /* the instance died */
	unsigned long refused;   /* there was a record */
	unsigned long returned;  /* the event was given back, because the instance had been stopped */
};

struct world {
	uint64_t seed, random;
	enum breakage breakage;
	unsigned broken; /* counts where a breakage happens only now and then */
	nanos now, faults_until;
	struct happening *queue; /* a heap */
	size_t happenings, queue_size;
	uint64_t order;
	struct sim_broker broker;
	bool broker_up;
	struct instance instance[SIM_INSTANCES];
	size_t instances;
	struct sim_upload upload[SIM_UPLOADS];
	struct log log;
	bool trace;
	struct sim_holds holds;
	unsigned long announcements;
	unsigned long suspensions, expired; /* of steps; of uploads that waited for them for too long */
	unsigned long resumed;              /* uploads, by hand */
	unsigned long judged;               /* uploads that were held */
	const struct operation *answering;  /* what a port's read() reads next */
	const struct happening *arriving;   /* the instance that sends; NULL: storage */
	char violation[256];                /* the first broken promise; "": none so far */
};

/* Runs a seed to its end. Returns whether all promises were kept; otherwise world->violation names the broken one. */
bool world_run(struct world *world, uint64_t seed, enum breakage breakage, bool trace);
void world_free(struct world *world);

/* For the parts of the world. */
uint64_t world_random(struct world *world, uint64_t below);
bool world_chance(struct world *world, unsigned percent); /* only while there are faults */
bool world_maybe(struct world *world, unsigned percent);  /* always */
void world_plan(struct world *world, nanos in, const struct happening *happening);
void world_violated(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool world_strikes(struct world *world, enum breakage breakage); /* every eighth time */

/* instance.c */
void instance_start(struct world *world, size_t number);
void instance_crash(struct world *world, size_t number);
/* Call these around every call into the coordinator: the instance may have died in it. */
void instance_after_call(struct world *world, size_t number);
void instance_happens(struct world *world, const struct happening *happening);
void operation_arrives(struct world *world, const struct happening *happening);
void operation_free(struct operation *operation);
/* The ports of an instance. */
struct ports sim_ports(struct world *world, size_t number);
/* The record in the bucket, or a falsified one. False: it cannot be read, which is a violation. */
bool sim_decode(struct world *world, size_t instance, const struct sim_entry *entry, struct record *record);

/* stop.c */
void stop_begins(struct world *world, size_t number);
/* Call it with each tick from then on. */
void stop_goes_on(struct world *world, size_t number);

/* suspend.c */
void suspend_happens(struct world *world, const struct happening *happening);

/* actors.c: storage and the other step service */
void actors_announce(struct world *world, size_t upload);
void actors_happen(struct world *world, const struct happening *happening);
/* A message was stored on the stream. */
void actors_see(struct world *world, uint64_t sequence);

/* forget.c */
void forget_happens(struct world *world);
/* The consumer's part. */
void forget_consumer(struct world *world);
/* This instance's memory is lost. */
void forget_died(struct world *world, size_t instance);

/* promises.c */
/* tombstone: of a deletion; NULL: it is a record. */
void promises_of_write(struct world *world, const char *key, const char *value, size_t length,
                       const struct tombstone *tombstone);
void promises_of_finished(struct world *world, struct sim_upload *upload, enum outcome outcome);
void promises_at_end(struct world *world);
/* A message of the service was stored. */
void promises_of_message(struct world *world, const char *message_id, const struct event *event);
/* … and it announces a step that is done here. */
void promises_of_announcement(struct world *world, struct sim_upload *upload, const char *message_id);
/* Storage is asked to begin an upload again, because of this event; 0: because its record was lost. */
void promises_of_restart(struct world *world, const struct sim_upload *upload, uint64_t event);
/* An instance runs a step, sends a write, acknowledges an event or gives it back; it dies in this call. */
void promises_of_run(struct world *world, size_t instance, const struct run *run);
void promises_of_put(struct world *world, size_t instance, const char *key);
void promises_of_acknowledgement(struct world *world, uint64_t sequence);
void promises_of_drop(struct world *world, size_t instance, uint64_t sequence);
void promises_of_cancellation(struct world *world, size_t instance, const struct run *run);
void promises_of_death(struct world *world, size_t instance, const struct run *run);
void promises_after_death(struct world *world, size_t instance);
struct sim_upload *world_upload(struct world *world, const char *id);

#endif
