/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/private_file.h"
#include "core/base/private_folder.h"

#define CATCH_UP_LIMIT (30 * SECOND)
/* A stream is looked at every one or two seconds. After a longer pause, it is unknown what happened in between. */
#define CATCH_UP_BREAK (10 * SECOND)

bool checkpoint_read(const char *state_dir, const char *file, const char *of, struct checkpoint *position)
{
	char text[512], name[256], why[256];
	struct checkpoint read = {0};
	*position = read;
	int folder = private_folder_open(state_dir, why, sizeof why);
	if (folder < 0)
		return false;
	ssize_t length = private_file_read(folder, file, text, sizeof text);
	close(folder);
	/* Earlier versions wrote fewer values, and ignore the additional ones. */
	if (length < 0 ||
	    sscanf(text,
	           "%" SCNd64 " %" SCNu64 " %255s %" SCNd64 " %" SCNu64 " %" SCNd64 " %" SCNu64 " %" SCNu64 " %" SCNd64,
	           &read.stream, &read.sequence, name, &read.noted, &read.gap_end, &read.made, &read.floor, &read.count,
	           &read.looked) < 3 ||
	    strcmp(name, of) != 0)
		return false;
	*position = read;
	return true;
}

bool checkpoint_write(const char *state_dir, const char *file, const char *of, const struct checkpoint *position)
{
	char text[512], why[256];
	int folder = private_folder_open(state_dir, why, sizeof why);
	if (folder < 0)
		return false;
	int length = snprintf(text, sizeof text,
	                      "%" PRId64 " %" PRIu64 " %.255s %" PRId64 " %" PRIu64 " %" PRId64 " %" PRIu64 " %" PRIu64
	                      " %" PRId64 "\n",
	                      position->stream, position->sequence, of, position->noted, position->gap_end, position->made,
	                      position->floor, position->count, position->looked);
	bool good = private_file_write(folder, file, text, (size_t)length);
	close(folder);
	return good;
}

enum continuity checkpoint_compare(const struct checkpoint *position, int64_t created, uint64_t last)
{
	if (position->stream == 0)
		return CONTINUITY_FIRST;
	if (position->stream != created)
		return CONTINUITY_OTHER;
	uint64_t seen = position->floor > position->sequence ? position->floor : position->sequence;
	return last < seen ? CONTINUITY_BEHIND : CONTINUITY_GOOD;
}

bool continuity_is_settled(enum continuity continuity, int64_t replicas, struct catch_up *behind, nanos now)
{
	bool may_catch_up = continuity == CONTINUITY_BEHIND && replicas > 1;
	if (may_catch_up && (behind->since == 0 || now - behind->seen > CATCH_UP_BREAK))
		behind->since = now;
	behind->seen = now;
	if (may_catch_up && now - behind->since < CATCH_UP_LIMIT)
		return false;
	behind->since = 0;
	return true;
}

struct checkpoint shared_checkpoint_get(struct shared_checkpoint *shared)
{
	pthread_mutex_lock(&shared->lock);
	struct checkpoint position = shared->position;
	pthread_mutex_unlock(&shared->lock);
	return position;
}

void shared_checkpoint_set(struct shared_checkpoint *shared, const struct checkpoint *position)
{
	pthread_mutex_lock(&shared->lock);
	shared->position = *position;
	pthread_mutex_unlock(&shared->lock);
}

/* With the lock held. */
static void advance(struct checkpoint *position, uint64_t sequence)
{
	if (sequence <= position->sequence)
		return;
	position->sequence = sequence;
	position->noted = clock_now();
}

void shared_checkpoint_advance(struct shared_checkpoint *shared, int64_t when, uint64_t sequence)
{
	pthread_mutex_lock(&shared->lock);
	if (when >= shared->position.stream)
		advance(&shared->position, sequence);
	pthread_mutex_unlock(&shared->lock);
}

void shared_checkpoint_look(struct shared_checkpoint *shared, const struct checkpoint *seen)
{
	struct checkpoint *position = &shared->position;
	pthread_mutex_lock(&shared->lock);
	if (seen->made >= position->stream) {
		position->gap_end = seen->gap_end;
		position->made = seen->made;
		position->floor = seen->floor;
		position->count = seen->count;
		position->looked = clock_now();
		if (seen->gap_end == 0)
			advance(position, seen->floor);
	}
	pthread_mutex_unlock(&shared->lock);
}
