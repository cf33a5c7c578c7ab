/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/other.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool other_says(const struct other *other, const char *words)
{
	char text[1 << 16];
	FILE *file = fopen(other->log, "r");
	size_t length = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
	if (file != NULL)
		fclose(file);
	text[length] = '\0';
	return strstr(text, words) != NULL;
}

struct wish {
	const struct other *other;
	const char *text;
};

static bool is_said(void *closure)
{
	struct wish *wish = closure;
	return other_says(wish->other, wish->text);
}

bool other_awaits(const struct other *other, const char *text, nanos limit)
{
	struct wish wish = {other, text};
	return wait_until(is_said, &wish, limit);
}

void other_start(struct other *other, const struct scenario *scenario)
{
	char ini[FOLDER_PATH_SIZE + 32], folder[FOLDER_PATH_SIZE + 16], state[FOLDER_PATH_SIZE + 64],
		socket[FOLDER_PATH_SIZE + 64];
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario->folder);
	snprintf(folder, sizeof folder, "%s/other", scenario->folder);
	snprintf(other->log, sizeof other->log, "%s/service.log", folder);
	snprintf(state, sizeof state, "POSTPROCESSING_STATE_DIR=%s", folder);
	snprintf(socket, sizeof socket, "ANTIVIRUS_CLAMAV_SOCKET=%s/clamd.sock", scenario->folder);
	mkdir(folder, 0700);
	const char *argv[] = {"./postprocessing", "server", "-c", ini, NULL};
	const char *env[] = {state, socket, NULL};
	ck_assert(process_start(&other->process, &(struct process_options){.argv = argv, .env = env, .log = other->log}));
	ck_assert(other_awaits(other, "ready, ", TEST_LIMIT));
}

void other_end(struct other *other)
{
	process_end(&other->process);
}
