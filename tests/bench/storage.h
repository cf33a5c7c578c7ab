/* SPDX-License-Identifier: Apache-2.0
 * Plays the storage provider at speed: announces uploads, confirms each the moment PostprocessingFinished is there,
 * and keeps so many in flight. All it sends is made beforehand, nothing waits for an answer, and it finds the upload
 * of a message without parsing it: by `initiatorid`, which the service carries on unchanged. */
#ifndef TESTS_BENCH_STORAGE_H
#define TESTS_BENCH_STORAGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/upload.h"
#include "tests/harness/fixture_nats.h"

struct storage_run {
	size_t count;         /* uploads */
	size_t in_flight;     /* announced and not finished yet, at the most */
	size_t writes;        /* of each upload to the bucket, the last of which ends its record */
	const char *url;      /* of all; NULL: one that nobody serves */
	int64_t filesize;
	/* Filled in: */
	double elapsed;       /* seconds from the first announcement until all records are gone */
	double *latency;      /* seconds from announcement to PostprocessingFinished, of each; for the caller to free */
	enum outcome outcome; /* of the last one */
};

/* Runs `run` on a broker that has stream and bucket. False: with the reason on stderr, nothing is left to free. */
bool storage_run(const struct nats_fixture *nats, struct storage_run *run);

/* Announces `count` uploads, and waits until the bucket has been written to `writes` times more. */
bool storage_announce(const struct nats_fixture *nats, size_t count, uint64_t writes);

/* An upload's ID in a run. */
#define STORAGE_ID_SIZE 37
void storage_id(char id[STORAGE_ID_SIZE], uint32_t run, size_t index);
/* The run and index of the upload that a message is about; false: it has no ID of ours. */
bool storage_find_id(const char *message, size_t length, uint32_t *run, size_t *index);

/* What an upload of ours looks like, all but its ID; as large as a real one. */
struct upload storage_fields(const char *id);

#endif
