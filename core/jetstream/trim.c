/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/trim.h"

#include "core/jetstream/intake.h"
#include "core/jetstream/stream_tail.h"

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
	status = bus_find_since(js, INTAKE_STREAM, first, limit, before, &found);
	if (status != NATS_OK || found == first)
		return status;
	options.Stream.Purge.Sequence = found; /* messages before it are purged */
	return js_PurgeStream(js, INTAKE_STREAM, &options, NULL);
}
