/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trim.h"

#include "core/intake.h"

/* Whether it was stored before then; one that is gone was. */
static natsStatus is_older(jsCtx *js, uint64_t sequence, nanos before, bool *older)
{
	natsMsg *message = NULL;
	natsStatus status = js_GetMsg(&message, js, INTAKE_STREAM, sequence, NULL, NULL);
	*older = status == NATS_NOT_FOUND || (status == NATS_OK && natsMsg_GetTime(message) < before);
	natsMsg_Destroy(message);
	return status == NATS_NOT_FOUND ? NATS_OK : status;
}

/* The first one from `first` on that is not older, at the most `limit`. */
static natsStatus find_first(jsCtx *js, uint64_t first, uint64_t limit, nanos before, uint64_t *found)
{
	natsStatus status = NATS_OK;
	while (first < limit && status == NATS_OK) {
		bool older;
		uint64_t middle = first + (limit - first) / 2;
		status = is_older(js, middle, before, &older);
		if (status == NATS_OK && older)
			first = middle + 1;
		else
			limit = middle;
	}
	*found = first;
	return status;
}

natsStatus trim_events(jsCtx *js, uint64_t applied, nanos before)
{
	jsStreamInfo *info = NULL;
	uint64_t found = 0;
	jsOptions options;
	jsOptions_Init(&options);
	natsStatus status = js_GetStreamInfo(&info, js, INTAKE_STREAM, NULL, NULL);
	if (status != NATS_OK)
		return status;
	uint64_t first = info->State.FirstSeq, last = info->State.LastSeq, limit = applied < last ? applied + 1 : last;
	jsStreamInfo_Destroy(info);
	if (limit <= first)
		return NATS_OK;
	status = find_first(js, first, limit, before, &found);
	if (status != NATS_OK || found == first)
		return status;
	options.Stream.Purge.Sequence = found; /* what is before it goes */
	return js_PurgeStream(js, INTAKE_STREAM, &options, NULL);
}
