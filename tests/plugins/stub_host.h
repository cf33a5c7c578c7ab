/* SPDX-License-Identifier: Apache-2.0
 * A host for the tests of modules: it is linked to a module's objects, gives them configuration and bytes, and
 * records what they report. */
#ifndef TESTS_PLUGINS_STUB_HOST_H
#define TESTS_PLUGINS_STUB_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <postprocessing/step.h>

extern const struct pp_host stub_host;

#define STUB_VALUES 16

struct pp_setup {
	const struct pp_key *keys;
	const char *value[STUB_VALUES]; /* "key=value" over the fallbacks, NULL-terminated */
	char rejected[256];             /* "key: reason", of the last reject() */
};

struct pp_run {
	const char *resource_id, *filename;
	int64_t filesize, now, deadline, woken_at;
	int cancel_fd; /* -1: none */
	/* The upload: `length` bytes in pieces of `piece`; `bytes` NULL: zeros. Reading fails at `breaks_at`; SIZE_MAX:
	 * never. */
	const void *bytes;
	size_t length, piece, breaks_at, offset;

	char result[2048]; /* "": none was set */
	char verdict[32], details[1024];
	char reason[1024];
	char logged[1024];        /* the last line, … */
	char first_logged[1024];  /* … and the first */
	int level;                /* of the last one */
	unsigned refused_results; /* that many calls of set_result() fail */
	bool ended;               /* the end was read */
	int file;                 /* content_fd(), 0: not asked for */
	int64_t wait_until, await_until;
	unsigned quarantined; /* calls of quarantine(), which … */
	bool quarantine_fails;
	const char *known_sha256; /* NULL: nobody has asked for it */
	/* The cache: what cache_get() finds. NULL: there is none. */
	struct stub_cache *cache;
};

#define STUB_CACHE_ENTRIES 8
struct stub_cache {
	char key[STUB_CACHE_ENTRIES][PP_CACHE_KEY_LIMIT + 1], text[STUB_CACHE_ENTRIES][PP_CACHE_LIMIT + 1];
	size_t count;   /* of entries */
	unsigned asked; /* calls of cache_get() */
};

/* A run on these bytes, in one piece, which may take 60 s. */
void stub_run_init(struct pp_run *run, const void *bytes, size_t length);

/* Creates the module's instance with its fallbacks and `value` ("key=value"; may be NULL); fails the test if it
 * cannot. */
void *stub_create(const char *value, const char *value2, const char *value3);
/* The same with any number of values, NULL-terminated. */
void *stub_create_with(const char *const values[]);

#endif
