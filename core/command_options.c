/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/command.h"

#define ENDED(status) (-1 - (status))

int command_read_options(int argc, char **argv, const char *usage, struct command_options *options, const char *more,
                         bool (*option)(void *closure, int letter, const char *value), void *closure)
{
	static const struct option names[] = {
		{"config", required_argument, NULL, 'c'}, {"json", no_argument, NULL, 'J'}, {"help", no_argument, NULL, 'h'}, {0}};
	char letters[64];
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
		fprintf(stderr, "%s\n", problems.line[i]);
	if (config == NULL)
		fputs("out of memory\n", stderr);
	if (problems.count > 0) {
		config_free(config);
		config = NULL;
	}
	problems_free(&problems);
	return config;
}
