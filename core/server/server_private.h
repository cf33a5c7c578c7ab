/* SPDX-License-Identifier: Apache-2.0
 * What the files of the server share.
 *
 *   server.c           its parts, and what comes in
 *   server_checks.c    whether the steps can do their work
 *   server_housekeeping.c    what is done every second
 *   server_facts.c     what /readyz tells
 *   server_loss.c      what is made sure of at each connection, and a broker that has lost it all
 *   server_permissions.c  what the brokers have to permit
 *   server_ports.c     what the coordinator reaches the world by
 *   server_scans.c  reading the bucket for it */
#ifndef CORE_SERVER_SERVER_PRIVATE_H
#define CORE_SERVER_SERVER_PRIVATE_H

#include <stdatomic.h>

#include "core/broker/broker.h"
#include "core/nats/bus_probe.h"
#include "core/jetstream/bucket_watch.h"
#include "core/server/rescan.h"
#include "core/steps/checker.h"
#include "core/coordinator/coordinator.h"
#include "core/http/http.h"
#include "core/jetstream/intake.h"
#include "core/steps/longest_wait.h"
#include "core/server/loss.h"
#include "core/jetstream/tombstones.h"
#include "core/server/peers.h"
#include "core/jetstream/checkpoint.h"
#include "core/base/readiness.h"
#include "core/jetstream/search.h"
#include "core/server/server.h"
#include "core/steps/step_health.h"
#include "core/steps/workers.h"

/* A reading of the bucket under way. */
struct reading {
	struct scan scan;
	struct reading *next;
	void *token;
};

/* What the service needs, see readiness.h. */
struct server_facts {
	struct fact *events_broker, *store_broker; /* one and the same if the brokers are */
	struct fact *events_permission, *store_permission;
	struct fact *stream, *consumer, *bucket, *state_folder;
};

/* A step, and whether it can do its work. */
struct server_step {
	const char *name;
	struct step_health health;
	struct fact *fact;
	nanos suspended; /* since then (monotonic) */
};

/* Of one broker, on its bus' thread. */
struct loss_watch {
	struct loss loss;
	bool said; /* that all seems to be lost */
};

struct server {
	const struct config *config;
	const struct log *log;
	struct mailbox mailbox;
	struct message_reaper reaper;
	struct mail stop;
	struct broker *broker;             /* embedded; NULL: none */
	uint64_t broker_restarts;          /* as they were counted last */
	const struct broker_address *events_address, *store_address;
	struct bus *events, *records;      /* one and the same if they have one address */
	struct intake intake;
	struct store store;
	struct bucket_watch bucket;
	char longest_wait[LONGEST_WAIT_TEXT];
	struct workers *workers;
	struct coordinator *coordinator;
	struct peers *peers;
	struct tombstones *tombstones;
	struct http *http;
	struct metrics *metrics;
	struct metrics_list counted;
	struct histogram **run_time;       /* of each step */
	struct gauge **suspended;          /* of each step */
	struct server_step *step;
	size_t step_count;
	struct checker *checker;
	char owner[OWNER_LIMIT];
	char nonce[17];
	char spared[WRITER_LIMIT]; /* the nonce of the process before this one, if that ended because it was out of memory; else "" */
	nanos twin_said; /* when it was said last that another one has the same name (monotonic); 0: never */
	int instance_lock;
	struct reading *scans;
	struct mail *held, **last_held;    /* of readings: to be taken when there is less to do */
	int64_t stream_created;            /* when the stream of events was made */
	struct rescan rescan;
	struct search search;
	bool searching;
	struct mail *lookups; /* for the next search */
	bool stopping;
	bool settled;                      /* the start is over */
	char peers_subject[160];           /* on which the instances of one bucket give signs of life */
	nanos housekeeping_next;                 /* monotonic */
	unsigned mails;                    /* taken since the chores were last done */
	bool stirred;                      /* they were many, and what they left in memory was not given back yet */
	nanos sign_next;                   /* monotonic */
	struct checkpoint saved, bucket_saved; /* as they lie in the state folder */
	nanos save_next;                   /* monotonic */
	struct loss_watch events_loss, store_loss;
	atomic_uint replicas;              /* see loss.h */
	struct readiness *readiness;
	struct server_facts facts;
	struct permissions *events_permissions, *store_permissions; /* one and the same if the brokers are */
	struct bus_probe events_probe[BUS_PROBES_LIMIT + 1], store_probe[BUS_PROBES_LIMIT + 1];
	bool said_ready, was_ready;        /* the log says that it is ready / was at some time */
	nanos unready_since;               /* monotonic: the start, or when the log said last that it is not */
	atomic_bool ready;                 /* the brokers are, with what is needed in them */
};

/* What the coordinator reaches the world by. */
struct ports server_ports(struct server *server);

/* Reads the bucket for the coordinator; token NULL: for the start. False: not now. */
bool server_read_bucket(struct server *server, void *token);
/* Reads it for the start, or again, if it is time to. */
void server_read_if_due(struct server *server);
/* A mail of a reading. Records that ask for more than can be done at a time wait, and the reading with them. */
void server_take_scan(struct server *server, struct mail *mail);
/* Goes on with those that wait. To be called in each round. */
void server_read_on(struct server *server);
/* Makes all readings end early. */
void server_stop_scans(struct server *server);

/* A broker's name, for people: a private one's address changes. */
const char *server_broker_name(const struct server *server, const struct broker_address *address);
/* Registers what /readyz tells, but for the steps. False: out of memory. */
bool server_add_facts(struct server *server);
/* What the buses prepare, with the server as closure: of one broker for both, of that of the events, of that of the store. */
bus_prepare server_prepare_both, server_prepare_events, server_prepare_store;
/* The bus of the records is up: is the bucket one that this service has just made? */
void server_take_bucket(struct server *server);

/* Lists what is tested of the brokers' permissions. False: out of memory. */
bool server_list_permissions(struct server *server);
void server_forget_permissions(struct server *server);

/* Says in the log when the service becomes ready, and when it no longer is. */
void server_note_readiness(struct server *server);

/* Registers the steps among what /readyz tells. False: out of memory. */
bool server_add_steps(struct server *server, const struct steps *steps);
/* Has the first checks made; until they have passed, the steps are suspended. False: out of memory or threads. */
bool server_start_checks(struct server *server, const struct steps *steps);
/* Has the checks made that are due. To be called about once a second. */
void server_do_checks(struct server *server);
/* What one says. */
void server_take_check(struct server *server, const struct check_answer *answer);
/* A run is over, which also tells. */
void server_note_run(struct server *server, const struct run *run);

/* To be called about once a second. */
void server_do_housekeeping(struct server *server);
/* Tells the coordinator, and the figures, how far the gap before the consumer is read. */
void server_note_gap(struct server *server);
/* Says to the other instances that this one lives ('+') or ends ('-'), or what it can do ('~'). */
void server_say_word(struct server *server, char sign);

/* A search in the stream is over; the next one begins, if it is asked for. */
void server_search_done(struct server *server);

#endif
