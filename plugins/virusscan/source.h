/* SPDX-License-Identifier: Apache-2.0
 * The bytes that are to be scanned, in order: an upload's, or a text of the module's own. They can be read again from
 * the first one, for the next scanner. */
#ifndef VIRUSSCAN_SOURCE_H
#define VIRUSSCAN_SOURCE_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <postprocessing/step.h>

#include "endpoint.h"

#define SOURCE_DIGEST_SIZE 65 /* 64 hex digits */

struct source {
	const struct pp_host *host; /* both NULL: the module's own text */
	struct pp_run *run;
	const char *name;
	int64_t size;       /* of all there is; -1: unknown */
	int64_t most;       /* bytes to hand out at most; -1: all */
	int64_t share;      /* a wait takes no longer than this, in nanoseconds; 0: no such limit */
	int64_t until;      /* of all waits, in nanoseconds of monotonic_now() */
	int cancel_fd;      /* -1: none */
	const char *memory; /* the bytes, if they are in memory */
	char *loaded;       /* … and were loaded */

	/* Since the first byte: */
	int64_t handed;   /* how many were handed out */
	bool ended;       /* all that is to be scanned was handed out */
	bool cut;         /* there is more than that, as is known at the end if not before */
	bool failed;      /* the bytes cannot be had: see source_error() */
	const char *rest; /* of the last piece: what comes behind the last byte to be scanned */
	size_t rest_length;
	EVP_MD_CTX *digest;
	bool digesting;
	/* The SHA-256 of all bytes; "": not known yet. That of the bytes handed out replaces the one that the host knows.
	 */
	char sha256[SOURCE_DIGEST_SIZE];
};

/* The upload of a run, of which at most `most` bytes are to be scanned; 0: all. */
void source_of_run(struct source *source, const struct pp_host *host, struct pp_run *run, int64_t most);
/* A text, which is borrowed. */
void source_of_text(struct source *source, const char *name, const char *text, const struct limits *limits);
void source_clear(struct source *source);

/* The same bytes are digested as they are handed out, for source_digest(), and for `sha256` when the last of all was
 * handed out. Before the first byte. False: out of memory. */
bool source_begin_digest(struct source *source);
/* The digest of what was handed out so far. False: there is none. */
bool source_digest(const struct source *source, unsigned char digest[EVP_MAX_MD_SIZE], unsigned *length);

/* Sets `sha256` for an upload of which all that had to be scanned was scanned, or less: reads the rest. Nothing can be
 * scanned after that without source_rewind(). False: out of memory, or `failed`. */
bool source_finish_digest(struct source *source);

/* As hex digits. */
void digest_format(const unsigned char *digest, unsigned length, char text[SOURCE_DIGEST_SIZE]);

/* Loads an upload of known size into memory, and sets `sha256`. Before the first byte. False: out of memory, or
 * `failed`. */
bool source_load(struct source *source);

/* As the host's read(). 0: all that is to be scanned was handed out. */
ssize_t source_read(struct source *source, const void **bytes);
/* Goes back to the first byte. False: it cannot. */
bool source_rewind(struct source *source);
const char *source_error(const struct source *source);
/* How many bytes will be handed out; -1: unknown. */
int64_t source_expected(const struct source *source);

/* The limits of one wait that may take `most` nanoseconds. */
struct limits source_limits(const struct source *source, int64_t most);

#endif
