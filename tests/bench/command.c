/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/command.h"

#include <math.h>
#include <stdio.h>

#include "core/base/clock.h"

#define WORDS_LIMIT 32
#define TIMEOUT (2 * HOUR)

bool command_start(struct process *process, const struct service *service, const char *options)
{
	char ini[FOLDER_PATH_SIZE + 16], log[FOLDER_PATH_SIZE + 16], words[512];
	const char *argv[WORDS_LIMIT] = {BUILD_FOLDER "/postprocessing-bench", "--json", "-t", "10m", "-c", ini};
	snprintf(ini, sizeof ini, "%s/service.ini", service->folder);
	snprintf(log, sizeof log, "%s/bench.log", service->folder);
	snprintf(words, sizeof words, "%s", options);
	process_add_words(argv, 6, WORDS_LIMIT, words);
	return process_start(process, &(struct process_options){.argv = argv, .log = log, .pipe_out = true});
}

json_t *command_finish(struct process *process, const struct service *service, const char *options)
{
	char text[16384];
	size_t length = process_read_all(process, text, sizeof text);
	bool good = process_wait(process, TIMEOUT) && process->status == 0;
	process_end(process);
	json_t *shown = good ? json_loadb(text, length, 0, NULL) : NULL;
	if (shown == NULL) {
		char log[4096] = "";
		folder_read(service->folder, "bench.log", log, sizeof log);
		fprintf(stderr, "postprocessing-bench %s:\n%s", options, log);
	}
	return shown;
}

json_t *command_run(const struct service *service, const char *options)
{
	struct process process;
	return command_start(&process, service, options) ? command_finish(&process, service, options) : NULL;
}

double command_figure(const json_t *shown, const char *column, const char *name)
{
	const json_t *value = json_object_get(json_object_get(shown, column), name);
	return json_is_number(value) ? json_number_value(value) : NAN;
}
