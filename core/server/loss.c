/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/loss.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/private_file.h"
#include "core/base/private_folder.h"

/* Both are checked about every second. After a longer pause, it is unknown what happened in between. */
#define BREAK (10 * SECOND)

enum loss_verdict loss_judge(struct loss *loss, enum presence stream, enum presence bucket, nanos connection, nanos now)
{
	bool known = stream != PRESENCE_UNKNOWN && bucket != PRESENCE_UNKNOWN;
	bool both_gone = stream != PRESENCE_SAME && bucket != PRESENCE_SAME;
	bool some_missing = stream == PRESENCE_MISSING || bucket == PRESENCE_MISSING;
	if (!known || !both_gone || !some_missing) {
		loss->since = 0;
		return LOSS_NONE;
	}
	if (loss->since == 0 || loss->connection != connection || now - loss->seen > BREAK)
		loss->since = now;
	loss->connection = connection;
	loss->seen = now;
	return now - loss->since >= loss_grace ? LOSS_CERTAIN : LOSS_SUSPECTED;
}

nanos loss_left(const struct loss *loss, nanos now)
{
	nanos left = loss->since + loss_grace - now;
	return left > 0 ? left : 0;
}

unsigned loss_replicas_read(const char *state_dir)
{
	char text[32], why[256];
	unsigned replicas;
	int folder = private_folder_open(state_dir, why, sizeof why);
	ssize_t length = folder >= 0 ? private_file_read(folder, LOSS_REPLICAS, text, sizeof text) : -1;
	if (folder >= 0)
		close(folder);
	return length > 0 && sscanf(text, "%u", &replicas) == 1 ? replicas : 0;
}

bool loss_replicas_write(const char *state_dir, unsigned replicas, char *why, size_t size)
{
	char text[32];
	int folder = private_folder_open(state_dir, why, size);
	if (folder < 0)
		return false;
	int length = snprintf(text, sizeof text, "%u\n", replicas);
	bool good = private_file_write(folder, LOSS_REPLICAS, text, (size_t)length);
	if (!good)
		snprintf(why, size, "%s", private_file_reason(errno));
	close(folder);
	return good;
}
