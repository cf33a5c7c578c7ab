/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/stream_watch.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/nats/bus_connect.h"

natsStatus stream_watch_find(struct stream_watch *watch, jsCtx *js, const char *stream, bool known, jsStreamInfo **info,
                             char *why, size_t size)
{
	const char *kind = watch->kind, *name = watch->name, *state_dir = watch->state_dir;
	char reason[BUS_REASON_SIZE];
	jsErrCode code = 0;
	natsStatus status = js_GetStreamInfo(info, js, stream, NULL, &code);
	bool missing = status == NATS_NOT_FOUND && known;
	if (missing && !watch->missed)
		log_error(
			watch->log,
			"%s %s: missing from the broker, and with it %s. Processing pauses until the %s is back. Restore the broker's files "
			"(an embedded broker's are in %s/broker)%s. If the %s is lost for good, or you want to use another broker, stop the "
			"service, delete %s/%s, start the service, and have storage restart its uploads",
			kind, name, watch->contents, kind, state_dir, watch->creator, kind, state_dir, watch->checkpoint);
	watch->missed = status != NATS_OK && (missing || watch->missed);
	if (status == NATS_NOT_FOUND)
		snprintf(why, size, "%s %s: missing", kind, name);
	else if (status != NATS_OK)
		snprintf(why, size, "%s %s: %s", kind, name, bus_reason(status, code, reason));
	return status;
}

bool stream_watch_compare(struct stream_watch *watch, const struct checkpoint *before, const struct checkpoint *found,
                          int64_t replicas, enum continuity *continuity)
{
	*continuity = checkpoint_compare(before, found->stream, found->sequence);
	if (!continuity_is_settled(*continuity, replicas, &watch->behind, clock_monotonic()))
		return false;
	if (*continuity == CONTINUITY_OTHER)
		log_error(
			watch->log,
			"%s %s: this is not the %s used before: %s are lost; have storage restart the uploads that it still waits for",
			watch->kind, watch->name, watch->kind, watch->contents);
	else if (*continuity == CONTINUITY_BEHIND)
		log_error(watch->log,
		          "%s %s: the broker went back from %s %" PRIu64 " to %" PRIu64
		          ": the %s in between are lost; have storage restart the "
		          "uploads that it still waits for",
		          watch->kind, watch->name, watch->unit, before->sequence, found->sequence, watch->written);
	return true;
}
