/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/stream_tail.h"

#define WALK_LIMIT 1000

/* Searches message by message, backwards from the last assigned number; NULL: none. */
static natsStatus walk_back(natsMsg **message, jsCtx *js, const char *stream)
{
	jsStreamInfo *info = NULL;
	natsStatus status = js_GetStreamInfo(&info, js, stream, NULL, NULL);
	if (status != NATS_OK)
		return status;
	uint64_t count = info->State.Msgs, from = info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	if (count == 0)
		return NATS_OK;
	for (unsigned i = 0; i < WALK_LIMIT && i < from; i++) {
		status = js_GetMsg(message, js, stream, from - i, NULL, NULL);
		if (status != NATS_NOT_FOUND)
			return status;
	}
	return NATS_MISMATCH;
}

natsStatus bus_find_last(jsCtx *js, const char *stream, const char *subject, uint64_t *sequence, nanos *stored)
{
	natsMsg *message = NULL;
	natsStatus status = js_GetLastMsg(&message, js, stream, subject, NULL, NULL);
	/* Up to nats-server 2.10, this is also the answer if only the last message of the subject was removed. */
	if (status == NATS_NOT_FOUND)
		status = walk_back(&message, js, stream);
	*sequence = message != NULL ? natsMsg_GetSequence(message) : 0;
	if (stored != NULL)
		*stored = message != NULL ? natsMsg_GetTime(message) : 0;
	natsMsg_Destroy(message);
	return status;
}

/* Whether the message was stored before `since`; a missing message counts as older. */
static natsStatus is_older(jsCtx *js, const char *stream, uint64_t sequence, nanos since, bool *older)
{
	natsMsg *message = NULL;
	natsStatus status = js_GetMsg(&message, js, stream, sequence, NULL, NULL);
	*older = status == NATS_NOT_FOUND || (status == NATS_OK && natsMsg_GetTime(message) < since);
	natsMsg_Destroy(message);
	return status == NATS_NOT_FOUND ? NATS_OK : status;
}

natsStatus bus_find_since(jsCtx *js, const char *stream, uint64_t first, uint64_t limit, nanos since, uint64_t *found)
{
	natsStatus status = NATS_OK;
	while (first < limit && status == NATS_OK) {
		bool older;
		uint64_t middle = first + (limit - first) / 2;
		status = is_older(js, stream, middle, since, &older);
		if (status == NATS_OK && older)
			first = middle + 1;
		else
			limit = middle;
	}
	*found = first;
	return status;
}
