/* SPDX-License-Identifier: Apache-2.0
 * What the service needs to do its work, and whether it has it: the facts behind /readyz, `postprocessing health` and
 * the metric postprocessing_ready. Each fact is registered before the service starts its threads; from then on any thread
 * may set it. */
#ifndef CORE_BASE_READINESS_H
#define CORE_BASE_READINESS_H

#include "core/base/clock.h"
#include "core/base/metrics.h"
#include "core/base/text.h"

struct readiness;
struct fact;

/* Registers a gauge with `metrics` for each fact. NULL: out of memory. */
struct readiness *readiness_create(struct metrics *metrics);
void readiness_destroy(struct readiness *readiness); /* NULL is fine */

/* A thing that is looked at ("broker", "permission", "stream", "consumer", "bucket", "step", "state folder") and its
 * name ("main-queue", "virusscan"; "" if there is only one of its kind). Both are copied. It is not ready, "not looked
 * at yet", until it is set. NULL: out of memory; setting NULL does nothing. */
struct fact *readiness_add(struct readiness *readiness, const char *thing, const char *name);

#define FACT_REASON_SIZE 256
/* `reason`: why not, for people, without secrets; cut at a character's border. The thing and its name are left out where it
 * begins with them, as in "stream main-queue: it is gone". With `good` it may say what else there is to know, or be "". True: `good` has changed, or this is the first time that it is set. */
bool fact_set(struct fact *fact, bool good, const char *reason);
bool fact_good(struct fact *fact);
/* When that became so; other than at any other time that it did. */
nanos fact_since(struct fact *fact);

/* Are all of them good? */
bool readiness_good(struct readiness *readiness);

/* The first one that is not, as "stream main-queue: it is gone"; "" if all are good. Returns text. */
char *readiness_fault(struct readiness *readiness, char *text, size_t size);

/* Who it is whose facts these are; copied. False: out of memory. */
bool readiness_set_instance(struct readiness *readiness, const char *name);

/* Appends {"ready":bool,"instance":name,"checks":[{"thing","name","ready","reason","since"},…]}, in the order of registration. "since" is
 * RFC 3339: when "ready" became what it is. Returns "ready". */
bool readiness_write(struct readiness *readiness, struct text *text);

#endif
