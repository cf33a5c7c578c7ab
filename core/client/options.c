/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/terminal.h"

#define ENDED(status) (-1 - (status))

#define NAMES_LIMIT 32

static int refuse(const struct command_syntax *syntax)
{
	fputs(syntax->usage, stderr);
	return ENDED(EXIT_ERROR);
}

int command_read(int argc, char **argv, const struct command_syntax *syntax, struct command_options *options)
{
	struct option names[NAMES_LIMIT] = {
		{"config", required_argument, NULL, 'c'}, {"json", no_argument, NULL, 'J'}, {"help", no_argument, NULL, 'h'}};
	char letters[64];
	const struct option *named = syntax->names;
	for (size_t i = 3; named != NULL && named->name != NULL && i < NAMES_LIMIT - 1; i++)
		names[i] = *named++;
	*options = (struct command_options){0};
	snprintf(letters, sizeof letters, "c:h%s", syntax->letters != NULL ? syntax->letters : "");
	int letter;
	while ((letter = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (letter == 'c') {
			options->config_path = optarg;
		} else if (letter == 'J' && strstr(syntax->usage, "--json") != NULL) {
			options->json = true;
		} else if (letter == 'h') {
			fputs(syntax->usage, stdout);
			return ENDED(EXIT_SUCCESS);
		} else if (letter == 'J') {
			terminal_error("unexpected option: --json");
			return refuse(syntax);
		} else if (letter == '?' || syntax->take == NULL || !syntax->take(syntax->closure, letter, optarg)) {
			return refuse(syntax);
		}
	}
	int count = argc - optind;
	if (count < syntax->least)
		terminal_error("%s is needed", syntax->needs);
	else if (syntax->most >= 0 && count > syntax->most)
		terminal_error("unexpected argument: %s", argv[optind + syntax->most]);
	else
		return optind;
	return refuse(syntax);
}

struct config *command_config(const char *path)
{
	struct problems problems = {0};
	struct config *config = config_read(path, environ, &problems);
	for (size_t i = 0; i < problems.count; i++)
		terminal_error("%s", problems.line[i]);
	if (problems.count > 0) {
		config_free(config);
		config = NULL;
	}
	problems_free(&problems);
	return config;
}
