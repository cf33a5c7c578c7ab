/* SPDX-License-Identifier: Apache-2.0 */
#include "core/position.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/private_file.h"
#include "core/private_folder.h"

bool position_read(const char *state_dir, const char *file, const char *of, struct position *position)
{
	char text[512], name[256], why[256];
	struct position read = {0};
	*position = read;
	int folder = private_folder_open(state_dir, why, sizeof why);
	if (folder < 0)
		return false;
	ssize_t length = private_file_read(folder, file, text, sizeof text);
	close(folder);
	if (length < 0 || sscanf(text, "%" SCNd64 " %" SCNu64 " %255s %" SCNd64, &read.stream, &read.sequence, name, &read.noted) < 3 ||
	    strcmp(name, of) != 0)
		return false;
	*position = read;
	return true;
}

bool position_write(const char *state_dir, const char *file, const char *of, const struct position *position)
{
	char text[512], why[256];
	int folder = private_folder_open(state_dir, why, sizeof why);
	if (folder < 0)
		return false;
	int length = snprintf(text, sizeof text, "%" PRId64 " %" PRIu64 " %.255s %" PRId64 "\n", position->stream, position->sequence, of,
	                      position->noted);
	bool good = private_file_write(folder, file, text, (size_t)length);
	close(folder);
	return good;
}

enum standing position_compare(const struct position *position, int64_t created, uint64_t last)
{
	if (position->stream == 0)
		return STANDING_FIRST;
	if (position->stream != created)
		return STANDING_OTHER;
	return last < position->sequence ? STANDING_BEHIND : STANDING_GOOD;
}

struct position shared_position_get(struct shared_position *shared)
{
	pthread_mutex_lock(&shared->lock);
	struct position position = shared->position;
	pthread_mutex_unlock(&shared->lock);
	return position;
}

void shared_position_set(struct shared_position *shared, const struct position *position)
{
	pthread_mutex_lock(&shared->lock);
	shared->position = *position;
	pthread_mutex_unlock(&shared->lock);
}

void shared_position_advance(struct shared_position *shared, int64_t when, uint64_t sequence)
{
	pthread_mutex_lock(&shared->lock);
	if (when >= shared->position.stream && sequence > shared->position.sequence) {
		shared->position.sequence = sequence;
		shared->position.noted = clock_now();
	}
	pthread_mutex_unlock(&shared->lock);
}
