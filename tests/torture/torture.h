/* SPDX-License-Identifier: Apache-2.0
 * The attack on real processes: three instances of the built service on one broker, a load that knows what has to
 * become of each upload, faults from a seed, and an oracle that reads stream and bucket when all is over.
 *
 *   load.c       offers uploads, plays storage and the service that does the remote step
 *   faults.c     which fault comes when
 *   instances.c  the instances, and what is done to them
 *   brokers.c    what is done to the broker, or to one of a cluster
 *   network.c    networks of their own for the instances, with links that can be taken down
 *   proxy.c      what stands between each instance and the broker
 *   dialogue.c   what the frames mean that pass there; frame.c reads one, ledger.c remembers the records in them
 *   oracle.c     the judgement
 *   meter.c      memory and descriptors, in a run without faults
 *   table.c      the counts, for people
 *
 *   torture.c    all of it in its order
 *
 * One thread but the proxy's: what would block for long (a broker that is stopped) is tried again in the next round. */
#ifndef TESTS_TORTURE_TORTURE_H
#define TESTS_TORTURE_TORTURE_H

#include <stdio.h>

#include "core/base/process_usage.h"
#include "core/base/text.h"
#include "core/upload/upload.h"
#include "tests/scenario/scenario.h"
#include "tests/torture/network.h"
#include "tests/torture/proxy.h"

#define TORTURE_INSTANCES 3
/* Of a cluster. */
#define TORTURE_BROKERS 3
/* How long each upload waits in its second step. */
#define TORTURE_DELAY (300 * MILLISECOND)

/* Few of each; mostly deaths, with long faults rare; the same with mostly deaths of brokers; only instances that are
 * cut off; only deaths of brokers. */
extern const unsigned torture_few[], torture_all[], torture_brokers[], torture_partitions[], torture_broker_kills[];

struct torture_options {
	uint64_t seed;
	nanos duration; /* during which uploads are offered and faults injected */
	size_t uploads;
	nanos pause;                   /* between two faults, on average; 0: there are none */
	nanos stop_limit;              /* the longest time for which an instance is stopped or cut off */
	nanos end_limit;               /* for everything to end after the last fault */
	const unsigned *mix;           /* how often each fault comes, as one of those below */
	const struct network *network; /* in which the instances are; NULL: in the test's own */
	nanos timeout;                 /* ack_wait of the consumer; 0: as the service sets it */
};

/* One upload of the load, and what has become of it so far. */
struct offered {
	struct upload *upload;
	enum outcome outcome; /* that it must have */
	bool infected;        /* its first step ends it */
	bool sent, confirmed;
	unsigned begins; /* how often it was offered: again when the service requests it */
	unsigned starts; /* of the remote step, as received */
};

/* Something that storage or the remote service is about to publish. */
struct saying {
	nanos at;
	char id[64]; /* its Nats-Msg-Id */
	struct text message;
	size_t upload;
	bool ready; /* it is an UploadReady */
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

enum fault {
	FAULT_KILL,
	FAULT_POINT, /* kill -9 at a named point of the protocol */
	FAULT_STOP,
	FAULT_LONG_STOP, /* the others take over its uploads */
	FAULT_HOLE,      /* a partition: nothing passes either way */
	FAULT_LONG_HOLE,
	FAULT_CUT, /* in the middle of a frame */
	FAULT_PIECES,
	FAULT_ANSWERS, /* lost: the broker's answers about writes and publishes */
	FAULT_ACKS,    /* lost: acknowledgements of events */
	FAULT_BROKER_KILL,
	FAULT_BROKER_STOP,
	FAULT_BROKER_LONG_STOP, /* for longer than an event may stay unacknowledged */
	FAULT_CONSUMER,
	FAULT_OTHER_CONSUMER, /* another program has created it again */
	FAULTS
};

/* Cards in random order: each is dealt once before any is dealt again. */
#define DECK_LIMIT 128
struct deck {
	unsigned card[DECK_LIMIT], count, dealt;
};

struct victim {
	struct process process;
	enum { VICTIM_WORKS, VICTIM_DEAD, VICTIM_STOPPED, VICTIM_CUT_OFF } state;
	nanos back;       /* when it is to be started, continued or connected again, unless it works */
	bool cut;         /* after it is connected again, its old connections are closed */
	nanos gate_until; /* when the other disturbances of its gate end; 0: there are none */
	struct trap trap; /* as it was set, for the count */
};

struct brokers {
	struct nats_fixture *server[TORTURE_BROKERS];
	unsigned count;
	struct nats_fixture *hurt; /* NULL: all run */
	bool stopped;              /* else it is dead */
	nanos back;
	bool patient; /* whether ack_wait was set */
	nanos made;   /* when another program creates the consumer again; 0: never */
};

struct faults {
	struct victim instance[TORTURE_INSTANCES];
	struct brokers brokers;
	nanos next;
	unsigned count[FAULTS];
	unsigned points[POINTS][2]; /* kills at each; [1]: the frame was withheld */
	struct deck faults, traps;  /* kinds of faults; points, withheld or not */
	bool drawn;                 /* the next fault is `fault`: no instance could be hurt */
	enum fault fault;
	uint64_t random;
};

#define METER_LOOKS 3
#define METER_PROCESSES (TORTURE_INSTANCES + 1)

/* The instances, and behind them the broker. */
struct meter {
	struct process_usage look[METER_LOOKS][METER_PROCESSES];
	unsigned looks;
};

struct torture {
	struct torture_options options;
	struct scenario scenario;
	jsCtx *js;          /* times out sooner than the scenario's */
	const char *older;  /* another program that instances run, now and then; NULL: none */
	unsigned starts[2]; /* of instances; [1]: of the older program */
	struct proxy *proxy;
	struct ledger *ledger;
	struct load load;
	struct faults faults;
	struct meter meter;
};

struct verdict {
	size_t once, twice, lost, wrong, early, silent, repeats, doubles, records, unacknowledged, undelivered;
	size_t forgotten; /* the broker forgot their records: they are counted only here: */
	size_t forgotten_lost, forgotten_twice;
	size_t stuck;              /* … those that did not end, although no instance died that remembered them */
	bool forgetful;            /* the broker's version is known to do that, see README.md */
	size_t overtaken;          /* requests decided before the end, which the broker received after it */
	size_t hasty;              /* published again before it was due */
	size_t echoes;             /* events that are in the stream more than once under one ID */
	size_t waits, early_waits; /* ends of waits that passed the proxy, and those before their time */
	nanos late[2], took[2];    /* how far the delay exceeded its time, and BytesReceived to the end: p99, the longest */
	nanos settled;             /* from the last fault until everything was over */
};

/* Runs the attack on these brokers, with the connection of `scenario`, which is open except for clamd, and judges.
 * Closes it. */
void torture_run(struct torture *torture, struct nats_fixture *server, unsigned servers);
/* Longer than a form of the test that lasts for minutes; for main(), before the test runs. False: out of memory. */
bool torture_set_limit(void);
/* A number from the environment. */
uint64_t torture_variable(const char *name, uint64_t fallback);

/* The service's configuration. Backoffs are short and retries many: under such attacks runs fail more often than
 * anybody would allow. */
#define TORTURE_STEPS "virusscan, delay, remote"
#define TORTURE_INI \
	"[postprocessing]\nmax_retries = 100\nretry_backoff = 100ms\n" \
	"[step:virusscan]\ndeadline = 10s\n[step:delay]\nduration = 300ms\nworkers = 8\n" \
	"[step:remote]\nmodule = remote\ndeadline = 4s\n"

/* A number below `limit`, the next one of a seed. */
uint64_t torture_random(uint64_t *state, uint64_t limit);

void load_begin(struct torture *torture);
/* One round: publishes what is due, reads what has come. Without `offer` no new uploads begin. */
void load_turn(struct torture *torture);
/* Whether all uploads are offered and confirmed, as far as the load knows. */
bool load_is_over(const struct load *load);
void load_end(struct load *load);

void faults_begin(struct torture *torture);
/* One round: brings back what is due; injects the next fault if it is due. */
void faults_turn(struct torture *torture, bool inject);
/* Whether everything runs. */
bool faults_are_over(const struct faults *faults);
const char *fault_name(enum fault fault);
/* The next card of a deck. */
unsigned faults_deal(struct faults *faults, struct deck *deck);
/* A number between the two, from the seed. */
nanos faults_between(struct faults *faults, nanos least, nanos most);
/* Counts and logs an event, so that the oracle's findings can be compared with it. */
void faults_report(struct torture *torture, enum fault fault, const char *where, nanos back);

/* Starts the instances; stream and consumer exist then. */
void instances_begin(struct torture *torture);
void instances_turn(struct torture *torture, nanos now);
bool instances_all_work(const struct faults *faults);
/* Hurts an instance that works; false: there is none. */
bool instances_hurt(struct torture *torture, enum fault fault, nanos now);
/* Stops them in an orderly way; each must end well, without a secret in its log. */
void instances_end(struct torture *torture);

/* Takes over the brokers to which the instances connect; they stay the caller's. */
void brokers_begin(struct torture *torture, struct nats_fixture *server, unsigned count);
void brokers_turn(struct torture *torture, nanos now);
bool brokers_all_work(const struct faults *faults);
/* In a cluster, the leader of the stream of events or of records; only one at a time. */
void brokers_hurt(struct torture *torture, enum fault fault, nanos now);
void brokers_lose_consumer(struct torture *torture, enum fault fault, nanos now);
/* Creates the consumer as another program, and sets its ack_wait, if either is due. */
void brokers_turn_consumer(struct torture *torture, nanos now);

/* Measures the processes three times: after the warm-up, in the middle, at the end. */
void meter_turn(struct torture *torture, nanos now);
void meter_print(const struct torture *torture, FILE *out);
/* Whether nothing has grown. */
bool meter_is_good(const struct meter *meter, FILE *out);

/* Whether everything has ended: the bucket is empty, and all events are acknowledged. For wait_until(). */
bool oracle_is_quiet(struct torture *torture);
/* The state of the consumer, and of the reader of the gap before it. */
void oracle_tell_consumers(struct torture *torture, FILE *out);
/* Judges by the stream itself. Violations are written to `out`, with all events of the upload. */
void oracle_judge(struct torture *torture, struct verdict *verdict, FILE *out);
bool verdict_is_good(const struct verdict *verdict);

void table_print(const struct torture *torture, const struct verdict *verdict, FILE *out);

#endif
