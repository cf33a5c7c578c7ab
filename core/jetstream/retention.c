/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/retention.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"

/* The maximum number of records per round; the others follow in the next one. */
#define ROUND_LIMIT 10000

static bool is_known(const struct revision_list *list, uint64_t revision)
{
	size_t low = 0, high = list->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (list->revision[middle] == revision)
			return true;
		if (list->revision[middle] < revision)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static void note_unended(struct retention *retention, uint64_t revision)
{
	struct revision_list *list = &retention->still_unended;
	if (list->count == list->room) {
		list->room = list->room != 0 ? 2 * list->room : 256;
		list->revision = alloc_resized(list->revision, list->room * sizeof *list->revision);
	}
	list->revision[list->count++] = revision;
}

natsStatus retention_collect(void *closure, natsMsg *message, const struct bus_position *position)
{
	struct retention *retention = closure;
	if (position->stored > clock_now() - retention->age)
		return NATS_OK;
	if (is_known(&retention->unended, position->sequence))
		note_unended(retention, position->sequence);
	else
		entry_list_add(&retention->candidates, retention->store, message, position, ROUND_LIMIT);
	return NATS_OK;
}

/* Removes the record if the upload has ended. A record that has been written since is not removed. */
static natsStatus look_at(struct retention *retention, jsCtx *js, const struct found_entry *candidate, natsMsg *message,
                          size_t *removed)
{
	struct record record;
	char why[128];
	if (natsMsg_GetSequence(message) != candidate->revision)
		return NATS_OK;
	enum record_verdict verdict =
		record_decode(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), &record, why, sizeof why);
	if (verdict == RECORD_UNREAD)
		return NATS_OK;
	natsStatus status = NATS_OK;
	bool gone = false;
	if (verdict == RECORD_BROKEN || record.status.phase != PHASE_ENDED)
		note_unended(retention, candidate->revision);
	else
		status = store_expire(retention->store, js, candidate->key, candidate->revision, &record.status, &gone);
	*removed += gone;
	record_clear(&record);
	return status;
}

static natsStatus read_and_look(struct retention *retention, jsCtx *js, const struct found_entry *candidate,
                                size_t *removed)
{
	char stream[160], subject[RECORD_KEY_SIZE + 160];
	natsMsg *message = NULL;
	snprintf(stream, sizeof stream, "KV_%s", retention->store->bucket);
	snprintf(subject, sizeof subject, "$KV.%s.%s", retention->store->bucket, candidate->key);
	natsStatus status = js_GetLastMsg(&message, js, stream, subject, NULL, NULL);
	if (status == NATS_OK)
		status = look_at(retention, js, candidate, message, removed);
	natsMsg_Destroy(message);
	/* Another instance was faster. */
	return status == NATS_NOT_FOUND ? NATS_OK : status;
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
	return (a > b) - (a < b);
}

natsStatus retention_apply(struct retention *retention, jsCtx *js, bool (*pause)(void *closure), void *closure,
                           size_t *removed)
{
	natsStatus status = NATS_OK;
	struct revision_list *old = &retention->unended, *new = &retention->still_unended;
	bool go_on = js != NULL;
	*removed = 0;
	for (size_t i = 0; i < retention->candidates.count && status == NATS_OK && go_on; i++) {
		status = read_and_look(retention, js, &retention->candidates.entry[i], removed);
		go_on = status == NATS_OK && pause(closure);
	}
	entry_list_free(&retention->candidates);
	if (js != NULL) {
		struct revision_list last = *old;
		*old = *new;
		*new = last;
		if (old->count > 0)
			qsort(old->revision, old->count, sizeof *old->revision, compare);
	}
	new->count = 0;
	return status;
}

void retention_free(struct retention *retention)
{
	free(retention->unended.revision);
	free(retention->still_unended.revision);
	entry_list_free(&retention->candidates);
}
