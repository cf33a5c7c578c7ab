/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/coordinator_private.h"

void slot_forget(struct coordinator *coordinator, struct slot *slot)
{
	coordinator->cached -= slot->record != NULL;
	record_free(slot->record);
	slot->record = NULL;
	slot->revision = 0;
	slot->known = SLOT_UNKNOWN;
}

void slot_know(struct coordinator *coordinator, struct slot *slot, struct record *record, uint64_t revision)
{
	slot_forget(coordinator, slot);
	slot->record = record;
	slot->revision = revision;
	slot->known = SLOT_PRESENT;
	coordinator->cached++;
}

static void slot_free(struct coordinator *coordinator, struct slot *slot)
{
	slot_forget(coordinator, slot);
	free(slot->id);
	free(slot);
}

void slot_destroy(struct coordinator *coordinator, struct slot *slot)
{
	if (slot->current != NULL)
		job_free(coordinator, slot->current);
	while (slot->first != NULL) {
		struct job *job = slot->first;
		slot->first = job->next;
		job_free(coordinator, job);
	}
	slot_free(coordinator, slot);
}

/* FNV-1a. IDs are chosen by storage, not by users. */
static size_t hash(const char *id)
{
	uint64_t value = 14695981039346656037u;
	for (; *id != '\0'; id++)
		value = (value ^ (unsigned char)*id) * 1099511628211u;
	return (size_t)(value ^ value >> 32);
}

static void table_grow(struct coordinator *coordinator)
{
	size_t chains = coordinator->chains * 2;
	struct slot **chain = calloc(chains, sizeof *chain);
	if (chain == NULL) /* slower, not wrong */
		return;
	for (size_t i = 0; i < coordinator->chains; i++) {
		while (coordinator->chain[i] != NULL) {
			struct slot *slot = coordinator->chain[i];
			coordinator->chain[i] = slot->next;
			size_t place = hash(slot->id) & (chains - 1);
			slot->next = chain[place];
			chain[place] = slot;
		}
	}
	free(coordinator->chain);
	coordinator->chain = chain;
	coordinator->chains = chains;
}

struct slot *slot_get(struct coordinator *coordinator, const char *id)
{
	size_t place = hash(id) & (coordinator->chains - 1);
	for (struct slot *slot = coordinator->chain[place]; slot != NULL; slot = slot->next)
		if (strcmp(slot->id, id) == 0)
			return slot;
	struct slot *slot = calloc(1, sizeof *slot);
	if (slot == NULL || (slot->id = strdup(id)) == NULL) {
		free(slot);
		return NULL;
	}
	slot->last = &slot->first;
	slot->next = coordinator->chain[place];
	coordinator->chain[place] = slot;
	if (++coordinator->slots > coordinator->chains)
		table_grow(coordinator);
	return slot;
}

static void slot_remove(struct coordinator *coordinator, struct slot *slot)
{
	struct slot **link = &coordinator->chain[hash(slot->id) & (coordinator->chains - 1)];
	while (*link != slot)
		link = &(*link)->next;
	*link = slot->next;
	coordinator->slots--;
	timers_unset(&coordinator->due, &slot->due);
	slot_free(coordinator, slot);
}

void slot_add_job(struct coordinator *coordinator, struct slot *slot, struct job *job, nanos now)
{
	job->slot = slot;
	*slot->last = job;
	slot->last = &job->next;
	if (slot->current == NULL)
		slot_advance(coordinator, slot, now);
}

static nanos look_again(const struct slot *slot, nanos now)
{
	if (slot->run != NULL)
		return runs_look_again(slot, now);
	if (slot->known != SLOT_PRESENT || slot->theirs || slot->suspect || slot->record->status.due == 0)
		return 0;
	nanos due = slot->record->status.due;
	return due > slot->not_before ? due : slot->not_before;
}

void slot_rest(struct coordinator *coordinator, struct slot *slot, nanos now)
{
	nanos at = look_again(slot, now);
	if (at != 0) {
		if (!timers_set(&coordinator->due, &slot->due, at))
			log_error(coordinator->options.log, "upload %s: out of memory for its timer; it goes on at the next start", slot->id);
		/* Of many that wait only the timers stay in memory. */
		if (coordinator->cached > 2 * (size_t)coordinator->options.busy_limit && slot->run == NULL && at > now + SECOND)
			slot_forget(coordinator, slot);
		return;
	}
	timers_unset(&coordinator->due, &slot->due);
	if (slot->run == NULL && !slot->suspect)
		slot_remove(coordinator, slot);
}

void slot_advance(struct coordinator *coordinator, struct slot *slot, nanos now)
{
	if (slot->advancing) /* a job that was over at once brought us here again */
		return;
	slot->advancing = true;
	while (slot->current == NULL && slot->first != NULL) {
		struct job *job = slot->first;
		slot->first = job->next;
		if (slot->first == NULL)
			slot->last = &slot->first;
		slot->current = job;
		coordinator->busy++;
		job_start(coordinator, job, now);
	}
	slot->advancing = false;
	if (slot->current == NULL)
		slot_rest(coordinator, slot, now);
}
