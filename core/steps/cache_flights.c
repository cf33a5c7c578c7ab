/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/cache_flights.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi/host.h"
#include "core/base/alloc.h"
#include "core/base/table.h"

struct flight {
	struct entry entry;
	const struct run *leader;
	struct cache_question *first, **last; /* that wait, by age */
	char key[CACHE_KEY_SIZE];
};

struct cache_flights {
	struct table table;
	void (*tell)(void *closure, struct cache_question *question, char *text);
	void *closure;
};

struct cache_flights *cache_flights_create(void (*tell)(void *closure, struct cache_question *question, char *text),
                                           void *closure)
{
	struct cache_flights *flights = alloc_zeroed(1, sizeof *flights);
	table_init(&flights->table, offsetof(struct flight, key));
	flights->tell = tell;
	flights->closure = closure;
	return flights;
}

static struct flight *find(const struct cache_flights *flights, const char *key)
{
	return (struct flight *)(void *)table_find(&flights->table, key);
}

/* The flight after this one, or the first one for NULL. */
static struct flight *next_flight(const struct cache_flights *flights, const struct flight *flight)
{
	return (struct flight *)(void *)table_next(&flights->table, flight != NULL ? &flight->entry : NULL);
}

/* Takes the question that has waited for longest out of the flight; NULL: none waits. */
static struct cache_question *take_first(struct flight *flight)
{
	struct cache_question *question = flight->first;
	if (question == NULL)
		return NULL;
	flight->first = question->next;
	if (flight->first == NULL)
		flight->last = &flight->first;
	question->next = NULL;
	return question;
}

static void end_flight(struct cache_flights *flights, struct flight *flight)
{
	table_remove(&flights->table, &flight->entry);
	free(flight);
}

void cache_flights_destroy(struct cache_flights *flights)
{
	struct flight *flight;
	if (flights == NULL)
		return;
	while ((flight = next_flight(flights, NULL)) != NULL) {
		struct cache_question *question;
		while ((question = take_first(flight)) != NULL)
			cache_question_free(question);
		end_flight(flights, flight);
	}
	table_free(&flights->table);
	free(flights);
}

static bool is_waiting(const struct cache_flights *flights, const struct run *run)
{
	for (const struct flight *flight = next_flight(flights, NULL); flight != NULL;
	     flight = next_flight(flights, flight))
		for (const struct cache_question *question = flight->first; question != NULL; question = question->next)
			if (question->asked_by == run)
				return true;
	return false;
}

bool cache_flights_lead(struct cache_flights *flights, struct cache_question *question, nanos now)
{
	struct flight *flight = find(flights, question->key);
	if (flight == NULL) {
		flight = alloc_zeroed(1, sizeof *flight);
		memcpy(flight->key, question->key, sizeof flight->key);
		flight->last = &flight->first;
		table_add(&flights->table, &flight->entry);
	} else if (flight->leader != question->asked_by && !is_waiting(flights, flight->leader)) {
		question->waits_since = now;
		*flight->last = question;
		flight->last = &question->next;
		return false;
	}
	flight->leader = question->asked_by;
	return true;
}

void cache_flights_land(struct cache_flights *flights, const char *key, const char *text)
{
	struct flight *flight = find(flights, key);
	struct cache_question *question;
	if (flight == NULL)
		return;
	while ((question = take_first(flight)) != NULL)
		flights->tell(flights->closure, question, alloc_text(text));
	end_flight(flights, flight);
}

/* Takes the questions of a run that has ended out of the flight. */
static void take_out(struct cache_flights *flights, struct flight *flight, const struct run *run)
{
	for (struct cache_question **link = &flight->first; *link != NULL;) {
		struct cache_question *question = *link;
		if (question->asked_by != run) {
			link = &question->next;
			continue;
		}
		*link = question->next;
		if (flight->last == &question->next)
			flight->last = link;
		question->next = NULL;
		question->run_ended = true;
		flights->tell(flights->closure, question, NULL);
	}
}

/* Tells the question that there is nothing. Its run leads from now on. */
static void pass_lead(struct cache_flights *flights, struct flight *flight)
{
	struct cache_question *question = take_first(flight);
	flight->leader = question->asked_by;
	flights->tell(flights->closure, question, NULL);
}

void cache_flights_leave(struct cache_flights *flights, const struct run *run)
{
	for (struct flight *flight = next_flight(flights, NULL), *next; flight != NULL; flight = next) {
		next = next_flight(flights, flight);
		take_out(flights, flight, run);
		if (flight->leader != run)
			continue;
		if (flight->first != NULL)
			pass_lead(flights, flight);
		else
			end_flight(flights, flight);
	}
}

void cache_flights_expire(struct cache_flights *flights, nanos now)
{
	for (struct flight *flight = next_flight(flights, NULL); flight != NULL; flight = next_flight(flights, flight))
		while (flight->first != NULL && now - flight->first->waits_since >= CACHE_TIMEOUT)
			pass_lead(flights, flight);
}
