/* SPDX-License-Identifier: Apache-2.0
 * The records as they went over the wire: what was stored last for each upload, and whether what follows came too
 * early. A step that waits until a time written down must not run before, whoever owns it meanwhile.
 *
 * It also knows what the broker has promised: one that takes a write on a revision that it has replaced before, or has
 * less than it said it had stored, has forgotten a record. No service can do anything about that; see README.md. */
#ifndef TESTS_TORTURE_LEDGER_H
#define TESTS_TORTURE_LEDGER_H

#include <stddef.h>

#include "core/upload/record.h"

struct ledger;

/* Where an upload stands by a record. */
struct stand {
	uint64_t revision; /* 0: not known to be stored */
	uint64_t expected; /* the one that it was decided on */
	unsigned instance; /* that wrote it */
	enum phase phase;
	size_t step;
	bool awaited;
	nanos due;
	uint64_t said;
	nanos published_at;
};

/* For uploads "u0" to "u<count - 1>". Those who use it fail the test on a record that nobody can read. */
struct ledger *ledger_create(size_t count);
void ledger_free(struct ledger *ledger);

/* A record's write passes; `expected` is the revision that it was decided on. Returns whether it takes the upload over
 * from another instance. Fills in where the upload stands by it; *index: SIZE_MAX: no upload of ours. */
bool ledger_passes(struct ledger *ledger, const char *value, size_t length, uint64_t expected, unsigned instance,
                   size_t *index, struct stand *stand);
/* A deletion passes; the same without the record. */
void ledger_deletes(struct ledger *ledger, const char *key, uint64_t expected, size_t *index, struct stand *stand);
/* … and was stored. */
void ledger_stored(struct ledger *ledger, size_t index, const struct stand *stand);

/* When all is over: the revision that the broker has for an upload in the end. */
void ledger_compare_end(struct ledger *ledger, size_t index, uint64_t revision);
/* Has the broker forgotten what it had stored for the upload? */
bool ledger_forgotten(const struct ledger *ledger, size_t index);

/* When an upload's end was decided on, by the transition that says it; 0: no such record has passed. */
nanos ledger_decided(const struct ledger *ledger, size_t index, uint64_t said);

/* How many ends of waits were compared with their due time, and how many came before it. */
size_t ledger_compared(const struct ledger *ledger);
size_t ledger_early(const struct ledger *ledger);

#endif
