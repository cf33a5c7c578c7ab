/* SPDX-License-Identifier: Apache-2.0 */
#include "core/position.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/private_file.h"

#define FILE_NAME "position"

/* The folder, or -1: errno says why. */
static int open_folder(const char *state_dir)
{
	return open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool position_read(const char *state_dir, const char *consumer, struct position *position)
{
	char text[512], name[256];
	struct position read = {0};
	*position = read;
	int folder = open_folder(state_dir);
	if (folder < 0)
		return false;
	ssize_t length = private_file_read(folder, FILE_NAME, text, sizeof text);
	close(folder);
	if (length < 0 || sscanf(text, "%" SCNd64 " %" SCNu64 " %255s", &read.stream, &read.sequence, name) != 3 ||
	    strcmp(name, consumer) != 0)
		return false;
	*position = read;
	return true;
}

bool position_write(const char *state_dir, const char *consumer, const struct position *position)
{
	char text[512];
	int folder = open_folder(state_dir);
	if (folder < 0)
		return false;
	int length = snprintf(text, sizeof text, "%" PRId64 " %" PRIu64 " %.255s\n", position->stream, position->sequence, consumer);
	bool good = private_file_write(folder, FILE_NAME, text, (size_t)length);
	close(folder);
	return good;
}
