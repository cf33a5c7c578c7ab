/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/client/options.h"

#include "core/base/terminal.h"

#define ENDED(status) (-1 - (status))

#define NAMES_LIMIT 32

int command_read_options(int argc, char **argv, const char *usage, struct command_options *options, const char *more,
                         bool (*option)(void *closure, int letter, const char *value), void *closure)
{
	return command_read_named_options(argc, argv, usage, options, more, NULL, option, closure);
}

int command_read_named_options(int argc, char **argv, const char *usage, struct command_options *options, const char *more,
                               const struct option *named, bool (*option)(void *closure, int letter, const char *value),
                               void *closure)
{
	struct option names[NAMES_LIMIT] = {
		{"config", required_argument, NULL, 'c'}, {"json", no_argument, NULL, 'J'}, {"help", no_argument, NULL, 'h'}};
	char letters[64];
	for (size_t i = 3; named != NULL && named->name != NULL && i < NAMES_LIMIT - 1; i++)
		names[i] = *named++;
	*options = (struct command_options){0};
	snprintf(letters, sizeof letters, "c:h%s", more != NULL ? more : "");
	int letter;
	while ((letter = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (letter == 'c') {
			options->config_path = optarg;
		} else if (letter == 'J' && strstr(usage, "--json") != NULL) {
			options->json = true;
		} else if (letter == 'h') {
			fputs(usage, stdout);
			return ENDED(EXIT_SUCCESS);
		} else if (letter == '?' || letter == 'J' || option == NULL || !option(closure, letter, optarg)) {
			fputs(usage, stderr);
			return ENDED(EXIT_ERROR);
		}
	}
	return optind;
}

struct config *command_config(const char *path)
{
	struct problems problems = {0};
	struct config *config = config_read(path, environ, &problems);
	for (size_t i = 0; i < problems.count; i++)
		terminal_error("%s", problems.line[i]);
	if (config == NULL)
		fputs("out of memory\n", stderr);
	if (problems.count > 0) {
		config_free(config);
		config = NULL;
	}
	problems_free(&problems);
	return config;
}
