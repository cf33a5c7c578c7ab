/* SPDX-License-Identifier: Apache-2.0
 * What the service and a worker process say to each other, see packet.h.
 *
 *   service                            worker
 *   START ─────────────────────────────▶  takes its identity and its sandbox, loads the module
 *      ◀──────────────── DESCRIBED or REFUSED   (and ends, if it was asked for no more)
 *   SETUP ─────────────────────────────▶  create()
 *      ◀── LOG*, REJECTED*, CREATED or FAILED
 *   RUN ───────────────────────────────▶  run()
 *      ◀── LOG*, REPORT*, READ, COPY or QUARANTINE, CACHE_GET, CACHE_PUT …
 *   BYTES, … END ──────────────────────▶  what read() of the module returns
 *   COPIED or END ─────────────────────▶  what content_fd() and content_sha256() return
 *   END ───────────────────────────────▶  what quarantine() returns
 *   CACHED ────────────────────────────▶  what cache_get() returns
 *      ◀── DONE
 *   CHECK ─────────────────────────────▶  check()
 *      ◀── LOG*, REPORT*, CHECKED
 *   closes the socket ─────────────────▶  destroy(), and ends
 *
 * One run at a time. READ, COPY and QUARANTINE have a number within the run, which comes back with the answer: one
 * ends what the one before has asked for, and late packets of that are skipped. A run is cancelled by the end of the
 * stream on a third descriptor of the worker. Structs borrow their strings: when encoding from the caller, after
 * decoding from the packet. */
#ifndef CORE_ABI_PROTOCOL_H
#define CORE_ABI_PROTOCOL_H

#include <sys/types.h>

#include "core/abi/channel.h"
#include "core/abi/grant.h"
#include "core/abi/host.h"
#include "core/abi/report.h"

/* Descriptors of a worker process at its start. */
enum { WORKER_CONTROL = 3, WORKER_MODULE = 4, WORKER_CANCEL = 5 };

enum message_kind {
	/* To the worker: */
	MESSAGE_START = 1,
	MESSAGE_SETUP,
	MESSAGE_RUN,
	MESSAGE_BYTES, /* some bytes, or a descriptor to read them from */
	MESSAGE_END,   /* there are no more bytes, or they cannot be had; or the upload is in the quarantine, or not */
	MESSAGE_CHECK,
	MESSAGE_COPIED, /* a descriptor of the whole upload */
	MESSAGE_CACHED, /* what the cache has */
	/* To the service: */
	MESSAGE_DESCRIBED = 100,
	MESSAGE_REFUSED,
	MESSAGE_REJECTED,
	MESSAGE_CREATED,
	MESSAGE_FAILED,
	MESSAGE_LOG,
	MESSAGE_READ,
	MESSAGE_DONE,
	MESSAGE_CHECKED,
	MESSAGE_COPY,
	MESSAGE_CACHE_GET,
	MESSAGE_CACHE_PUT,
	MESSAGE_REPORT, /* progress and metrics, see report.h */
	MESSAGE_QUARANTINE,
};

/* How often one run may send READ, COPY and QUARANTINE. */
#define REQUESTS_LIMIT 32

#define START_PATHS 16

struct start_message {
	const char *name;   /* of the module */
	const char *path;   /* of its file, for messages */
	const char *folder; /* that of the file, which may hold libraries of the module; NULL: none */
	const char *step;   /* "" while a module is described */
	bool describe;      /* no more than that */
	bool own_user;      /* take uid and gid */
	uid_t uid;
	gid_t gid;
	enum log_level level;
	uint32_t grants;                   /* GRANT_… */
	int64_t memory_limit;              /* bytes */
	bool grouped;                      /* the process' control group sees to that */
	const char *readable[START_PATHS]; /* files and folders that the module may read */
	size_t readable_count;
	/* The folder of the copies of uploads, which are files without names. The module may open the one whose descriptor
	 * it has again, by /proc/self/fd. A descriptor of the folder is sent along. */
	const char *copies;  /* the service's side; NULL: none */
	int copies_folder;   /* the worker's side; -1: none */
	const char *scratch; /* the folder in which it may write; NULL: none */
};

void start_encode(struct text *packet, const struct start_message *start);
bool start_decode(struct packet *packet, struct start_message *start);

void setup_encode(struct text *packet, const struct pp_setup *setup);
/* The values are allocated with their items, in one block, and the caller frees it. */
bool setup_decode(struct packet *packet, struct pp_setup *setup, struct setup_value **values);

/* The bytes of the upload may come along. */
struct run_message {
	struct run_facts facts;
	struct earlier_step earlier[EARLIER_LIMIT]; /* those of the facts */
	bool with_bytes;                            /* all of them: */
	const void *bytes;
	size_t length;
};

/* The step's name is not sent: the worker knows it. */
void run_encode(struct text *packet, uint64_t run, const struct run_facts *facts, bool with_bytes);
bool run_decode(struct packet *packet, struct run_message *message);

/* What a run has said so far. */
struct run_words {
	char verdict[PP_VERDICT_LIMIT + 1]; /* "": none */
	char reason[PP_REASON_LIMIT + 1];
	char details[PP_DETAILS_LIMIT + 1]; /* JSON text; "": none */
};
/* Copies what is valid; each text may be NULL. */
void run_words_set(struct run_words *words, const char *verdict, const char *details, const char *reason);

/* What a worker asks for: the bytes as a stream, a descriptor of all of them, or the quarantine. */
struct request_message {
	unsigned number;        /* from 1 in each run */
	bool copy;              /* COPY */
	bool digest;            /* COPY: the SHA-256, too */
	bool quarantine;        /* QUARANTINE: */
	struct run_words words; /* set for that alone */
};

void request_encode(struct text *packet, uint64_t run, const struct request_message *request);
bool request_decode(struct packet *packet, struct request_message *request);

/* BYTES; they follow, or come through a pipe or file that is sent along. `request`: the number of what is answered. */
void bytes_encode(struct text *packet, uint64_t run, unsigned request);
bool bytes_decode(struct packet *packet, unsigned *request, const void **bytes, size_t *length);

/* `error`: why the bytes cannot be had; NULL: that was all of them. */
void end_encode(struct text *packet, uint64_t run, unsigned request, const char *error);
bool end_decode(struct packet *packet, unsigned *request, const char **error);

/* The descriptor is sent along. `digest`: 64 hex digits; NULL: nobody has asked for it. */
struct copied_message {
	unsigned request;
	int64_t size;
	const char *digest;
};

void copied_encode(struct text *packet, uint64_t run, const struct copied_message *copied);
bool copied_decode(struct packet *packet, struct copied_message *copied);

/* CACHE_GET and CACHE_PUT (with a text), and CACHED (without a key; text NULL: there is none). `number`: of the
 * call in this run, from 1. */
struct cache_message {
	unsigned number;
	const char *key, *text;
};

void cache_encode(struct text *packet, enum message_kind kind, uint64_t run, const struct cache_message *message);
bool cache_decode(struct packet *packet, struct cache_message *message);

void log_encode(struct text *packet, uint64_t run, enum log_level level, const char *text);
bool log_decode(struct packet *packet, enum log_level *level, const char **text);

void rejected_encode(struct text *packet, const char *key, const char *text);
bool rejected_decode(struct packet *packet, const char **key, const char **text);

/* A message that is one text: REFUSED, FAILED (why), CREATED (what the sandbox lacks; ""). */
void text_encode(struct text *packet, enum message_kind kind, const char *text);
bool text_decode(struct packet *packet, const char **text);

/* The end of a run. */
struct run_done {
	struct run_answer answer;
	bool read;            /* the module has read bytes of the upload */
	bool crowded;         /* threads are left that were not there when the instance was created, or temporary files */
	struct report report; /* the metrics that were not reported before */
};

void done_encode(struct text *packet, uint64_t run, const struct run_done *done);
/* The result is checked and copied as set_result() does. */
bool done_decode(struct packet *packet, struct run_done *done);

void check_encode(struct text *packet, nanos deadline);
bool check_decode(struct packet *packet, nanos *deadline);

void checked_encode(struct text *packet, bool passed, const char *why);
bool checked_decode(struct packet *packet, bool *passed, const char **why);

/* A message without fields. */
void plain_encode(struct text *packet, enum message_kind kind, uint64_t run);

#endif
