/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/coordinator/coordinator_private.h"
#include "core/base/json_reader.h"

/* Beyond the runs that workers are at, so many more are handed to them, together of so many bytes: small uploads
 * follow each other without a pause, and who comes new is not held up. */
#define AHEAD_LIMIT 64u
#define AHEAD_BYTES ((int64_t)1 << 20)

#define NAME_SIZE (LINES_NAME_LIMIT + 1)

/* Copies the text of a JSON object's member; "" if there is none, or too long a one. */
static void copy_member(const char *json, size_t length, const char *key, char name[NAME_SIZE])
{
	struct json_value value;
	const struct json_member member = {key, &value};
	struct json_reader reader = {.room = name, .left = NAME_SIZE};
	if (!json_read(json, length, &member, 1, NULL, 0) || json_reader_string(&reader, &value) != name)
		name[0] = '\0';
}

/* The user's ID within the user. */
static void copy_user(const char *json, char name[NAME_SIZE])
{
	struct json_value id;
	const struct json_member member = {"id", &id};
	bool there = json_read(json, strlen(json), &member, 1, NULL, 0) && id.text != NULL;
	copy_member(there ? id.text : "", there ? id.length : 0, "opaque_id", name);
}

bool slot_busy(const struct slot *slot)
{
	return slot->run != NULL || slot->queued || slot->turn;
}

size_t record_step(const struct coordinator *coordinator, const struct record *record)
{
	const char *name = status_step_name(record->upload, &record->status);
	size_t i = 0;
	while (i < coordinator->options.pipeline.count && strcmp(coordinator->options.step[i], name) != 0)
		i++;
	return i;
}

static bool has_room(const struct coordinator *coordinator, size_t step, bool suspect, int64_t size)
{
	const struct turns *turns = &coordinator->turns[step];
	unsigned workers = coordinator->options.workers[step];
	return turns->out < workers ||
	       (!suspect && turns->out < workers + AHEAD_LIMIT && size <= AHEAD_BYTES && turns->bytes <= AHEAD_BYTES - size);
}

static void take(struct coordinator *coordinator, struct slot *slot, size_t step, const struct place *place, struct group *of)
{
	slot->queued = false;
	slot->turn = true;
	slot->suspect = place->suspect;
	slot->turn_step = step;
	slot->turn_size = place->size;
	slot->turn_of = of;
	coordinator->turns[step].out++;
	coordinator->turns[step].bytes += place->size;
}

/* Calls the one in front. False: out of memory, it stays there. */
static bool call_next(struct coordinator *coordinator, size_t step, const struct place *next, nanos now)
{
	struct slot *slot = slot_get(coordinator, next->id);
	bool held = slot != NULL && hold_is_on(slot);
	struct job *job = slot != NULL && !held ? job_create(INPUT_STARTING) : NULL;
	if (job == NULL && !held) {
		if (slot != NULL && slot->current == NULL && !slot->advancing)
			slot_rest(coordinator, slot, now);
		return false;
	}
	take(coordinator, slot, step, next, lines_serve(&coordinator->lines, step));
	if (held)
		hold_run(coordinator, slot, now);
	else
		slot_add_job(coordinator, slot, job, now);
	return true;
}

void turns_give(struct coordinator *coordinator, size_t step, nanos now)
{
	struct turns *turns = &coordinator->turns[step];
	struct place next;
	if (turns->giving) /* a turn that was over at once brought us here again */
		return;
	turns->giving = true;
	while (!coordinator->stopping && !step_is_suspended(coordinator, step) && lines_first(&coordinator->lines, step, &next) &&
	       has_room(coordinator, step, next.suspect, next.size) && call_next(coordinator, step, &next, now))
		;
	turns->giving = false;
}

void turns_end(struct coordinator *coordinator, size_t step, int64_t size, struct group *of, nanos now)
{
	lines_over(&coordinator->lines, of);
	coordinator->turns[step].out--;
	coordinator->turns[step].bytes -= size;
	turns_give(coordinator, step, now);
}

void turns_return(struct coordinator *coordinator, struct slot *slot, nanos now)
{
	if (!slot->turn)
		return;
	slot->turn = false;
	turns_end(coordinator, slot->turn_step, slot->turn_size, slot->turn_of, now);
}

void turns_forfeit(struct coordinator *coordinator, struct slot *slot, nanos now)
{
	if (slot->queued)
		lines_leave(&coordinator->lines, slot->id);
	slot->queued = false;
	turns_return(coordinator, slot, now);
}

/* The names go where the place then points. */
static struct place make_place(const struct upload *upload, bool suspect, char space[NAME_SIZE], char user[NAME_SIZE])
{
	copy_member(upload->resource_id_json, strlen(upload->resource_id_json), "space_id", space);
	copy_user(upload->user_json, user);
	int64_t size = upload->filesize < 0 ? 0 : upload->filesize < LINES_SIZE_LIMIT ? upload->filesize : LINES_SIZE_LIMIT;
	return (struct place){.id = upload->id, .space = space, .user = user, .size = size, .suspect = suspect};
}

bool turns_take(struct coordinator *coordinator, struct slot *slot, const struct upload *upload, size_t step)
{
	char space[NAME_SIZE], user[NAME_SIZE];
	struct place next, place = make_place(upload, false, space, user);
	if (step_is_suspended(coordinator, step) || lines_first(&coordinator->lines, step, &next) ||
	    !has_room(coordinator, step, false, place.size))
		return false;
	take(coordinator, slot, step, &place, lines_pass(&coordinator->lines, step, &place));
	return true;
}

bool turns_stand_in_line(struct coordinator *coordinator, const struct record *record, size_t step, bool suspect, nanos now)
{
	char space[NAME_SIZE], user[NAME_SIZE];
	struct place place = make_place(record->upload, suspect, space, user);
	place.came = pipeline_came(&coordinator->options.pipeline.step[step], &record->status);
	if (!lines_join(&coordinator->lines, step, &place, now))
		return false;
	suspension_joined(coordinator, step, place.came, now);
	return true;
}

bool turns_seize(struct coordinator *coordinator, struct slot *slot, const struct record *record, size_t step, bool suspect, nanos now)
{
	char space[NAME_SIZE], user[NAME_SIZE];
	struct place place = make_place(record->upload, suspect, space, user);
	struct job *job = suspect ? job_create(INPUT_STARTING) : NULL;
	if (suspect && job == NULL)
		return false;
	take(coordinator, slot, step, &place, lines_pass(&coordinator->lines, step, &place));
	if (suspect)
		slot_add_job(coordinator, slot, job, now);
	else
		runs_start(coordinator, slot, now);
	return true;
}
