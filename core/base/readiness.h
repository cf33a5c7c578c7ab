/* SPDX-License-Identifier: Apache-2.0
 * The facts behind /readyz, `postprocessing health` and the metric postprocessing_ready: whether everything that the
 * service needs is available. Facts are registered by one thread; any thread may set one. */
#ifndef CORE_BASE_READINESS_H
#define CORE_BASE_READINESS_H

#include "core/base/clock.h"
#include "core/base/metrics.h"
#include "core/base/text.h"

struct readiness;
struct fact;

/* Registers a gauge with `metrics` for each fact. */
struct readiness *readiness_create(struct metrics *metrics);
void readiness_destroy(struct readiness *readiness); /* NULL is fine */

/* Adds a fact about a thing ("broker", "permission", "stream", "consumer", "bucket", "step", "state folder",
 * "audit log", "quarantine") and its name ("main-queue", "virusscan"; "" if there is only one of its kind). Both are
 * copied. The fact is not ready, with the reason "not checked yet", until it is set. Setting NULL does nothing. */
struct fact *readiness_add(struct readiness *readiness, const char *thing, const char *name);

#define FACT_REASON_SIZE 256
/* `reason`: why it is not ready, for people, without secrets; truncated at a character boundary. If it begins with the
 * thing and its name, as in "stream main-queue: missing", these are removed. With `good`, it may contain additional
 * information, or be "". True: `good` has changed, or is set for the first time. */
bool fact_set(struct fact *fact, bool good, const char *reason);
bool fact_good(struct fact *fact);
/* When the fact got its present state; this value differs for each change. */
nanos fact_since(struct fact *fact);

/* Whether the fact counts and is reported; it does and is at first. What was set meanwhile is kept. */
void fact_show(struct fact *fact, bool shown);

/* Whether all facts are good. */
bool readiness_good(struct readiness *readiness);

/* The first fact that is not good, as "stream main-queue: missing"; "" if all are good. Returns text. */
char *readiness_fault(struct readiness *readiness, char *text, size_t size);

/* Sets the name of this instance; copied. */
void readiness_set_instance(struct readiness *readiness, const char *name);

/* Appends {"ready":bool,"instance":name,"checks":[{"thing","name","ready","reason","since"},…]} in the order of
 * registration. "since" is in RFC 3339: when "ready" last changed. Returns "ready". */
bool readiness_write(struct readiness *readiness, struct text *text);

#endif
