/* SPDX-License-Identifier: Apache-2.0
 * The records as they passed on the wire: what was stored last for each upload, and whether the next step came too
 * early. A step that waits until a stored time must not run before, whichever instance owns the upload meanwhile.
 *
 * It also knows what the broker has promised. A broker that accepts a write on a revision that was replaced before,
 * or has less than it confirmed, has forgotten a record. No service can prevent that; see README.md. */
#ifndef TESTS_TORTURE_LEDGER_H
#define TESTS_TORTURE_LEDGER_H

#include <stddef.h>

#include "core/upload/record.h"

struct ledger;

/* Where an upload is according to a record. */
struct stand {
	uint64_t revision; /* 0: not known to be stored */
	uint64_t expected; /* the revision that it was decided on */
	unsigned instance; /* the instance that wrote it */
	enum phase phase;
	size_t step;
	bool awaited;
	nanos due;
	uint64_t said;
	nanos published_at;
};

/* For uploads "u0" to "u<count - 1>". The functions fail the test on an unreadable record. */
struct ledger *ledger_create(size_t count);
void ledger_free(struct ledger *ledger);

/* A record's write passes; `expected` is the revision that it was decided on. Returns whether it takes the upload
 * over from another instance. Sets where the upload is according to it; *index: SIZE_MAX: not an upload of the test. */
bool ledger_passes(struct ledger *ledger, const char *value, size_t length, uint64_t expected, unsigned instance,
                   size_t *index, struct stand *stand);
/* A deletion passes; the same without the record. */
void ledger_deletes(struct ledger *ledger, const char *key, uint64_t expected, size_t *index, struct stand *stand);
/* … and was stored. */
void ledger_stored(struct ledger *ledger, size_t index, const struct stand *stand);

/* At the end of the test: the revision that the broker has for an upload. */
void ledger_compare_end(struct ledger *ledger, size_t index, uint64_t revision);
/* Whether the broker has forgotten what it had stored for the upload. */
bool ledger_forgotten(const struct ledger *ledger, size_t index);

/* When an upload's end was decided, by the transition that publishes it; 0: no such record has passed. */
nanos ledger_decided(const struct ledger *ledger, size_t index, uint64_t said);

/* How many ends of waits were compared with their due times, and how many came before them. */
size_t ledger_compared(const struct ledger *ledger);
size_t ledger_early(const struct ledger *ledger);

#endif
