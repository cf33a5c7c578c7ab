/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/readiness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"

#define NOT_LOOKED_AT "not checked yet"

struct fact {
	struct readiness *readiness;
	struct fact *next;
	struct gauge *gauge;
	const char *thing, *name;
	bool set, good, hidden;
	nanos since;
	char reason[FACT_REASON_SIZE];
	char texts[];
};

struct readiness {
	pthread_mutex_t lock; /* of all facts */
	struct metrics *metrics;
	struct fact *first, **last;
	char *instance; /* NULL: not set */
};

struct readiness *readiness_create(struct metrics *metrics)
{
	struct readiness *readiness = alloc_zeroed(1, sizeof *readiness);
	lock_init(&readiness->lock);
	readiness->metrics = metrics;
	readiness->last = &readiness->first;
	return readiness;
}

void readiness_destroy(struct readiness *readiness)
{
	if (readiness == NULL)
		return;
	for (struct fact *fact = readiness->first, *next; fact != NULL; fact = next) {
		next = fact->next;
		free(fact);
	}
	pthread_mutex_destroy(&readiness->lock);
	free(readiness->instance);
	free(readiness);
}

struct fact *readiness_add(struct readiness *readiness, const char *thing, const char *name)
{
	size_t thing_size = strlen(thing) + 1, name_size = strlen(name) + 1;
	struct fact *fact = alloc_zeroed(1, sizeof *fact + thing_size + name_size);
	fact->readiness = readiness;
	fact->thing = memcpy(fact->texts, thing, thing_size);
	fact->name = memcpy(fact->texts + thing_size, name, name_size);
	fact->since = clock_now();
	text_copy(fact->reason, sizeof fact->reason, NOT_LOOKED_AT);
	fact->gauge = metrics_gauge(readiness->metrics, "postprocessing_ready",
	                            "Whether something that the service needs is available: 1 or 0.",
	                            (const char *const[]){"thing", thing, "name", name, NULL});
	pthread_mutex_lock(&readiness->lock);
	*readiness->last = fact;
	readiness->last = &fact->next;
	pthread_mutex_unlock(&readiness->lock);
	return fact;
}

/* `reason` without a leading "THING NAME: ". */
static const char *bare_reason(const struct fact *fact, const char *reason)
{
	size_t thing = strlen(fact->thing), name = strlen(fact->name);
	const char *rest = reason;
	if (strncmp(rest, fact->thing, thing) != 0)
		return reason;
	rest += thing;
	if (name > 0 && (*rest != ' ' || strncmp(rest + 1, fact->name, name) != 0))
		return reason;
	rest += name > 0 ? 1 + name : 0;
	return strncmp(rest, ": ", 2) == 0 ? rest + 2 : reason;
}

bool fact_set(struct fact *fact, bool good, const char *reason)
{
	if (fact == NULL)
		return false;
	reason = bare_reason(fact, reason);
	pthread_mutex_lock(&fact->readiness->lock);
	bool changed = !fact->set || fact->good != good;
	if (changed)
		fact->since = clock_now();
	fact->set = true;
	fact->good = good;
	text_copy(fact->reason, sizeof fact->reason, reason);
	pthread_mutex_unlock(&fact->readiness->lock);
	gauge_set(fact->gauge, good);
	return changed;
}

void fact_show(struct fact *fact, bool shown)
{
	pthread_mutex_lock(&fact->readiness->lock);
	fact->hidden = !shown;
	pthread_mutex_unlock(&fact->readiness->lock);
	gauge_show(fact->gauge, shown);
}

bool fact_good(struct fact *fact)
{
	if (fact == NULL)
		return false;
	pthread_mutex_lock(&fact->readiness->lock);
	bool good = fact->good;
	pthread_mutex_unlock(&fact->readiness->lock);
	return good;
}

nanos fact_since(struct fact *fact)
{
	pthread_mutex_lock(&fact->readiness->lock);
	nanos since = fact->since;
	pthread_mutex_unlock(&fact->readiness->lock);
	return since;
}

/* The first fact that is not good; NULL: all are good. */
static const struct fact *first_fault(const struct readiness *readiness)
{
	const struct fact *fact = readiness->first;
	while (fact != NULL && (fact->good || fact->hidden))
		fact = fact->next;
	return fact;
}

bool readiness_good(struct readiness *readiness)
{
	pthread_mutex_lock(&readiness->lock);
	bool good = first_fault(readiness) == NULL;
	pthread_mutex_unlock(&readiness->lock);
	return good;
}

char *readiness_fault(struct readiness *readiness, char *text, size_t size)
{
	pthread_mutex_lock(&readiness->lock);
	const struct fact *fact = first_fault(readiness);
	text[0] = '\0';
	if (fact != NULL)
		snprintf(text, size, "%s%s%s: %s", fact->thing, fact->name[0] != '\0' ? " " : "", fact->name, fact->reason);
	pthread_mutex_unlock(&readiness->lock);
	return text;
}

void readiness_set_instance(struct readiness *readiness, const char *name)
{
	readiness->instance = alloc_text(name);
}

static void write_fact(const struct fact *fact, struct text *text)
{
	char when[TIME_TEXT_SIZE];
	text_string(text, "{\"thing\":", fact->thing);
	text_string(text, ",\"name\":", fact->name);
	text_json(text, ",\"ready\":", fact->good ? "true" : "false");
	text_string(text, ",\"reason\":", fact->reason);
	text_string(text, ",\"since\":", time_format(fact->since, when));
	text_add(text, "}");
}

bool readiness_write(struct readiness *readiness, struct text *text)
{
	pthread_mutex_lock(&readiness->lock);
	bool good = first_fault(readiness) == NULL;
	text_json(text, "{\"ready\":", good ? "true" : "false");
	if (readiness->instance != NULL)
		text_string(text, ",\"instance\":", readiness->instance);
	text_add(text, ",\"checks\":[");
	const char *comma = "";
	for (const struct fact *fact = readiness->first; fact != NULL; fact = fact->next) {
		if (fact->hidden)
			continue;
		text_add(text, comma);
		write_fact(fact, text);
		comma = ",";
	}
	text_add(text, "]}");
	pthread_mutex_unlock(&readiness->lock);
	return good;
}
