/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/coordinator/coordinator_private.h"

/* Turns beyond the number of workers, and the bytes of all uploads with turns for which these are given. Workers find
 * the next small upload without a pause, and a new one is still not held up for long. */
#define AHEAD_LIMIT 64u
#define AHEAD_BYTES ((int64_t)1 << 20)

bool active_busy(const struct active_upload *active)
{
	return active->run != NULL || active->queued || active->turn;
}

size_t step_number(const struct coordinator *coordinator, const char *name)
{
	size_t i = 0;
	while (i < coordinator->options.pipeline.count && strcmp(coordinator->options.step[i], name) != 0)
		i++;
	return i;
}

size_t record_step(const struct coordinator *coordinator, const struct record *record)
{
	return step_number(coordinator, status_step_name(record->upload, &record->status));
}

static bool has_room(const struct coordinator *coordinator, size_t step, bool suspect, int64_t size)
{
	const struct step_turns *turns = &coordinator->step[step].turns;
	unsigned workers = coordinator->options.workers[step];
	return turns->out < workers || (!suspect && turns->out < workers + AHEAD_LIMIT && size <= AHEAD_BYTES &&
	                                turns->bytes <= AHEAD_BYTES - size);
}

static void take(struct coordinator *coordinator, struct active_upload *active, size_t step,
                 const struct queue_item *item, struct flow *of)
{
	active->queued = false;
	active->turn = true;
	active->suspect = item->suspect;
	active->turn_step = step;
	active->turn_size = item->size;
	active->turn_of = of;
	coordinator->step[step].turns.out++;
	coordinator->step[step].turns.bytes += item->size;
}

/* Gives the upload that is first in the queue its turn. */
static void call_next(struct coordinator *coordinator, size_t step, const struct queue_item *next, nanos now)
{
	struct active_upload *active = active_get(coordinator, next->id);
	take(coordinator, active, step, next, fair_queue_serve(&coordinator->queue, step));
	if (coalescing_is_on(active))
		runs_launch(coordinator, active, active->current->record);
	else
		active_add_job(coordinator, active, job_create(INPUT_STARTING), now);
}

void dispatch_give(struct coordinator *coordinator, size_t step, nanos now)
{
	struct step_turns *turns = &coordinator->step[step].turns;
	struct queue_item next;
	if (turns->giving) /* called by a turn that was over at once: the loop below goes on */
		return;
	turns->giving = true;
	while (!coordinator->stopping && !step_is_suspended(coordinator, step) &&
	       fair_queue_first(&coordinator->queue, step, &next) && has_room(coordinator, step, next.suspect, next.size))
		call_next(coordinator, step, &next, now);
	turns->giving = false;
}

void dispatch_end(struct coordinator *coordinator, size_t step, int64_t size, struct flow *of, nanos now)
{
	fair_queue_over(&coordinator->queue, of);
	coordinator->step[step].turns.out--;
	coordinator->step[step].turns.bytes -= size;
	dispatch_give(coordinator, step, now);
}

void dispatch_return(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	if (!active->turn)
		return;
	active->turn = false;
	dispatch_end(coordinator, active->turn_step, active->turn_size, active->turn_of, now);
}

void dispatch_forfeit(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	if (active->queued)
		fair_queue_leave(&coordinator->queue, active->id);
	active->queued = false;
	dispatch_return(coordinator, active, now);
}

/* Describes the upload for the fair queue. item.space and item.user point at `space` and `user`. */
static struct queue_item make_item(const struct upload *upload, bool suspect, char space[UPLOAD_NAME_SIZE],
                                   char user[UPLOAD_NAME_SIZE])
{
	upload_space_id(upload, space);
	upload_user_id(upload, user);
	int64_t size = upload->filesize < 0                       ? 0
	               : upload->filesize < FAIR_QUEUE_SIZE_LIMIT ? upload->filesize
	                                                          : FAIR_QUEUE_SIZE_LIMIT;
	return (struct queue_item){.id = upload->id, .space = space, .user = user, .size = size, .suspect = suspect};
}

bool dispatch_take(struct coordinator *coordinator, struct active_upload *active, const struct upload *upload,
                   size_t step)
{
	char space[UPLOAD_NAME_SIZE], user[UPLOAD_NAME_SIZE];
	struct queue_item next, item = make_item(upload, false, space, user);
	if (step_is_suspended(coordinator, step) || fair_queue_first(&coordinator->queue, step, &next) ||
	    !has_room(coordinator, step, false, item.size))
		return false;
	take(coordinator, active, step, &item, fair_queue_pass(&coordinator->queue, step, &item));
	return true;
}

void dispatch_enqueue(struct coordinator *coordinator, const struct record *record, size_t step, bool suspect,
                      nanos now)
{
	char space[UPLOAD_NAME_SIZE], user[UPLOAD_NAME_SIZE];
	struct queue_item item = make_item(record->upload, suspect, space, user);
	item.came = pipeline_came(&coordinator->options.pipeline.step[step], &record->status);
	fair_queue_join(&coordinator->queue, step, &item, now);
	suspension_joined(coordinator, step, item.came, now);
}

void dispatch_wait(struct coordinator *coordinator, struct active_upload *active, const struct record *record,
                   size_t step, bool suspect, nanos now)
{
	dispatch_enqueue(coordinator, record, step, suspect, now);
	active->queued = true;
	dispatch_give(coordinator, step, now);
}

void dispatch_seize(struct coordinator *coordinator, struct active_upload *active, const struct record *record,
                    size_t step, bool suspect, nanos now)
{
	char space[UPLOAD_NAME_SIZE], user[UPLOAD_NAME_SIZE];
	struct queue_item item = make_item(record->upload, suspect, space, user);
	take(coordinator, active, step, &item, fair_queue_pass(&coordinator->queue, step, &item));
	if (suspect)
		active_add_job(coordinator, active, job_create(INPUT_STARTING), now);
	else
		runs_start(coordinator, active, now);
}

size_t coordinator_waiting(const struct coordinator *coordinator, size_t step)
{
	return fair_queue_length(&coordinator->queue, step);
}
