/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/command.h"
#include "core/json_text.h"
#include "core/service_http.h"

static const char usage[] = "usage: postprocessing health [-c FILE] [--json]\n"
                            "Asks the running service whether it is ready: 0 it is, 1 it is not.\n"
                            OPTION_CONFIG_USAGE;

/* What the service says, or why it could not be asked. False: out of memory, or nowhere to print to. */
static bool print_json(bool ready, const char *reason)
{
	json_t *health = json_pack("{s:b, s:o}", "ready", ready, "reason", json_text(reason));
	bool good = health != NULL && json_dumpf(health, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
	json_decref(health);
	return good;
}

int command_health(int argc, char **argv)
{
	struct command_options options;
	int first = command_read_options(argc, argv, usage, &options, NULL, NULL, NULL);
	if (first < 0)
		return -1 - first;
	if (first < argc) {
		fputs(usage, stderr);
		return EXIT_ERROR;
	}
	struct config *config = command_config(options.config_path);
	if (config == NULL)
		return EXIT_ERROR;
	if (config->http_addr == NULL || config->http_addr[0] == '\0') {
		fputs("[http] addr is empty: the service has no HTTP to be asked by\n", stderr);
		config_free(config);
		return EXIT_ERROR;
	}
	struct text body = {0};
	char why[256] = "";
	long status = service_http_get(config, "/readyz", &body, why, sizeof why);
	bool ready = status == 200, shown = true;
	char *line = text_take(&body);
	if (line != NULL)
		line[strcspn(line, "\n")] = '\0';
	const char *reason = status != 0 && line != NULL ? line : why;
	if (options.json)
		shown = print_json(ready, reason);
	else
		fprintf(ready ? stdout : stderr, "%s\n", reason);
	free(line);
	config_free(config);
	return !shown ? EXIT_ERROR : ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
