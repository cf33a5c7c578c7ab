/* SPDX-License-Identifier: Apache-2.0
 * Declarations shared by the files of the server.
 *
 *   server.c               creates and connects the parts, and runs the main loop
 *   server_cache.c         what the runs ask of the cache
 *   server_checks.c        health checks of the steps
 *   server_housekeeping.c  periodic tasks, once a second
 *   server_facts.c         what /readyz reports
 *   server_loss.c          preparation of each connection, and detection of a broker that lost its data
 *   server_mail.c          what becomes of each mail that comes
 *   server_permissions.c   the permissions needed on the brokers
 *   server_ports.c         the coordinator's ports
 *   server_quarantine.c    the quarantine and the audit log
 *   server_reload.c        reading the configuration again
 *   server_scans.c         scans of the bucket for the coordinator
 *   server_steps.c         the steps, of the present configuration and of earlier ones */
#ifndef CORE_SERVER_SERVER_PRIVATE_H
#define CORE_SERVER_SERVER_PRIVATE_H

#include <stdatomic.h>

#include "core/base/audit.h"
#include "core/base/readiness.h"
#include "core/broker/broker.h"
#include "core/coordinator/coordinator.h"
#include "core/http/http.h"
#include "core/jetstream/bucket_watch.h"
#include "core/jetstream/cache.h"
#include "core/jetstream/checkpoint.h"
#include "core/jetstream/intake.h"
#include "core/jetstream/search.h"
#include "core/jetstream/tombstones.h"
#include "core/nats/bus_probe.h"
#include "core/server/loss.h"
#include "core/server/peers.h"
#include "core/server/rescan.h"
#include "core/server/server.h"
#include "core/steps/cache_flights.h"
#include "core/steps/checker.h"
#include "core/steps/longest_wait.h"
#include "core/steps/pool.h"
#include "core/steps/reports.h"
#include "core/steps/step_health.h"
#include "core/steps/workers.h"

/* A scan of the bucket in progress. */
struct reading {
	struct scan scan;
	struct reading *next;
	void *token;
};

/* What the service depends on besides the brokers and steps, see readiness.h. */
struct server_facts {
	struct fact *stream, *consumer, *bucket, *state_folder, *audit_log, *quarantine; /* NULL: there is none */
};

/* A step and its health. */
struct server_step {
	struct step *step; /* held */
	struct pipeline_step limits;
	bool announced;
	bool hold_told; /* it was logged that the bucket deletes records before its hold_limit */
	bool used;      /* it is in the configuration; otherwise only uploads that began before it was removed pass it */
	struct step_health health;
	char note_told[FACT_REASON_SIZE]; /* the note of its check that was logged; "": none */
	struct fact *fact;
	nanos suspended; /* since when (monotonic) */
	struct histogram *run_time;
	struct gauge *suspended_uploads, *noted;
};

/* The steps as the coordinator sees them, made of the above. */
struct step_lists {
	struct pipeline_step *limits;
	const char **name;
	unsigned *workers;
	bool *announced;
	struct histogram **run_time;
	struct gauge **suspended;
	const char **order; /* the names of the steps that an upload that begins passes */
	size_t order_count;
};

/* A broker and the connection to it. */
struct server_broker {
	struct server *server;
	const struct broker_address *address;
	bool stream, bucket; /* what it holds for the service */
	struct bus *bus;
	struct fact *connected, *permission; /* see readiness.h */
	struct permissions *permissions;
	struct bus_probe probe[BUS_PROBES_LIMIT + 1];
	/* For the bus' thread: */
	struct loss loss;
	bool loss_said; /* the suspected loss was logged */
};

struct reload;
struct keeper;

struct server {
	const struct preflight *first; /* the configuration of the start */
	const struct config *config;   /* the same: for all that a running service keeps */
	const char *config_path;
	struct log *log;
	struct mailbox mailbox;
	struct message_reaper reaper;
	struct mail stop;
	struct broker *broker;    /* embedded; NULL: none */
	uint64_t broker_restarts; /* the last count */
	struct server_broker brokers[2];
	size_t broker_count;
	struct server_broker *events, *records; /* the same one if it holds both */
	struct intake intake;
	struct store store;
	struct bucket_watch bucket;
	char longest_wait[LONGEST_WAIT_TEXT];
	struct cache *cache;
	struct cache_memory *cache_memory; /* of the cache; the worker processes are answered from it, too */
	struct cache_flights *flights;
	struct workers *workers;
	bool runs_ended; /* there are no workers any more */
	struct coordinator *coordinator;
	struct peers *peers;
	struct tombstones *tombstones;
	struct http *http;
	struct metrics *metrics;
	struct reports *reports;
	struct metrics_list counted;
	struct gauge *copied[2]; /* bytes, by enum copy_place */
	struct counter *copies;
	struct quarantine *quarantine; /* NULL: there is none */
	struct keeper *keeper;         /* of it */
	struct audit *audit;
	uint64_t copies_counted;  /* in it */
	struct server_step *step; /* a step keeps its number, also if it is removed from the configuration */
	size_t step_count;
	struct step_lists lists;
	unsigned step_version; /* the last one, see server_reload.c */
	struct reload *reload; /* under way; NULL: none */
	struct mail reload_mail;
	atomic_bool reload_asked; /* reload_mail is in the mailbox */
	bool reload_again;        /* when the one that is under way is over */
	struct gauge *reload_good, *reload_time;
	nanos shutdown_grace;
	struct checker *checker;
	char owner[OWNER_LIMIT];
	char nonce[17];
	char spared[WRITER_LIMIT]; /* the nonce of the process before this one, if that ended because it was out of memory;
	                              else "" */
	nanos twin_said; /* when it was last logged that another instance has the same name (monotonic); 0: never */
	int instance_lock;
	struct reading *scans;
	struct mail *held, **last_held; /* mails of scans, deferred until there is less to do */
	int64_t stream_created;         /* when the event stream was created */
	struct rescan rescan;
	struct search search;
	bool searching;
	struct mail *lookups; /* for the next search */
	bool stopping;
	bool settled;            /* startup is complete */
	char peers_subject[160]; /* the subject of the heartbeats of all instances that share the bucket */
	nanos housekeeping_next; /* monotonic */
	unsigned mails;          /* handled since the last housekeeping */
	bool stirred;            /* there were many mails, and their memory was not returned to the system yet */
	nanos sign_next;         /* monotonic */
	struct checkpoint saved, bucket_saved; /* as stored in the state folder */
	nanos save_next;                       /* monotonic */
	atomic_uint replicas;                  /* see loss.h */
	struct readiness *readiness;
	struct server_facts facts;
	bool said_ready, was_ready; /* the log says that the service is ready; it has been ready before */
	nanos unready_since;        /* monotonic: startup, or when the log last said that the service is not ready */
	atomic_bool ready;          /* the brokers are connected and prepared */
};

/* Handles a mail of the main thread's mailbox. */
void server_take_mail(struct server *server, struct mail *mail);
/* Frees the mails that are still in the mailbox. The buses may already be destroyed. */
void server_empty_mailbox(struct server *server, nanos timeout);

/* The ports through which the coordinator reaches everything else. */
struct ports server_ports(struct server *server);

/* Starts a scan for the coordinator; token NULL: the scan at startup. False: not possible now. */
bool server_read_bucket(struct server *server, void *token);
/* Starts the scan at startup, or a repeated one, if it is due. */
void server_read_if_due(struct server *server);
/* Handles a mail of a scan. Records that need more work than is possible at a time wait, and the scan waits with
 * them. */
void server_take_scan(struct server *server, struct mail *mail);
/* Continues with waiting records. Called in each round of the main loop. */
void server_read_on(struct server *server);
/* Makes all scans end early. */
void server_stop_scans(struct server *server);

/* The broker's name for messages: the address of an embedded broker changes. */
const char *server_broker_name(const struct server_broker *broker);
/* Registers everything that /readyz reports except the steps. */
void server_add_facts(struct server *server);
/* What a bus prepares, with its server_broker as closure. */
bus_prepare server_prepare;
/* The records bus is up: handles a bucket that this service has just created. */
void server_take_bucket(struct server *server);

/* Lists the permissions to test on the brokers. */
void server_list_permissions(struct server *server);

/* Logs when the service becomes ready, and when it stops being ready. */
void server_note_readiness(struct server *server);

/* The number of the step of this name; the number of steps if there is none. */
size_t server_step_find(const struct server *server, const char *name);
/* Adds the steps of the first configuration. */
void server_add_steps(struct server *server, const struct steps *steps);
/* Gives a step of another configuration the number; `number` is at most one beyond the last. */
void server_set_step(struct server *server, size_t number, const struct steps *steps, size_t of);
/* Makes the lists of the steps, in the order of the configuration. The caller frees those that there were before. */
void server_list_steps(struct server *server, const struct steps *steps);
/* What the coordinator gets of the lists. */
struct coordinator_steps server_coordinator_steps(const struct server *server);
void step_lists_free(struct step_lists *lists);
void server_remove_steps(struct server *server);

/* Starts reading the configuration again, or notes that it has to be done once more. */
void server_begin_reload(struct server *server);
/* Applies what was read, or refuses it. */
void server_end_reload(struct server *server, struct reload *reload);
/* Frees it without a look at it. */
void server_drop_reload(struct server *server, struct reload *reload);
struct reload *server_reload_of(struct mail *mail);

/* Starts the first checks; until they pass, the steps are suspended. False: no thread. */
bool server_start_checks(struct server *server, const struct steps *steps);
/* The step of this number was replaced: nothing is known of its health. */
void server_reset_health(struct server *server, size_t number);
/* Sets what /readyz says of the step. */
void server_tell_health(const struct server_step *step);
/* Starts the checks that are due. Called about once a second. */
void server_do_checks(struct server *server);
/* Handles the answer of a check. */
void server_take_check(struct server *server, const struct check_answer *answer);
/* The worker processes of a step could not be started, or can be again. */
void server_take_pool_news(struct server *server, const struct pool_news *news);
/* A run has ended, which also says something about the step's health. */
void server_note_run(struct server *server, const struct run *run);

/* Opens the quarantine, if the configuration has one. False: failed; why[size] has the reason. */
bool server_open_quarantine(struct server *server, char *why, size_t size);
/* Starts the audit log, and the thread that looks after the quarantine. False: no thread. */
bool server_start_audit(struct server *server);
/* Another configuration is in effect. */
void server_reset_quarantine(struct server *server, const struct preflight *made);
/* Has the quarantine looked at soon. Any thread may call this. */
void server_hasten_quarantine(struct server *server);
/* Ends both; there are no runs any more. */
void server_close_quarantine(struct server *server);

void server_create_cache(struct server *server);
/* A run asks the cache, or gives it something. Takes the question over. */
void server_take_question(struct server *server, struct cache_question *question);
/* Nobody asks the cache, or waits for it, any more. */
void server_end_cache(struct server *server);

/* Registers the metrics of copies. */
void server_add_copies(struct server *server);
/* Ends the copies that nothing has used for a time, and reports the others. Called about once a second. */
void server_tidy_copies(struct server *server);

/* Called about once a second. */
void server_do_housekeeping(struct server *server);
/* Tells the coordinator and the metrics how far the gap before the consumer has been read. */
void server_note_gap(struct server *server);
/* Tells the other instances that this one is alive ('+') or stops ('-'), or what it can do ('~'). */
void server_say_word(struct server *server, char sign);

/* A search in the stream has ended; starts the next one if there are lookups. */
void server_search_done(struct server *server);

#endif
