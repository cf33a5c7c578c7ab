/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/command.h"
#include "postprocessing/step.h"

static int command_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("postprocessing %s, step ABI %u.%u\n", PACKAGE_VERSION, PP_STEP_ABI_MAJOR, PP_STEP_ABI_MINOR);
	return EXIT_SUCCESS;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"server", command_server, "run the service"},
	{"version", command_version, "show the versions of program and step ABI"},
};

static void print_usage(FILE *to)
{
	fputs("usage: postprocessing COMMAND [OPTIONS]\n\n", to);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\npostprocessing COMMAND -h shows the options of one.\n", to);
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

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	if (strcmp(name, "--version") == 0)
		name = "version";
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	bool asked = strcmp(name, "help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0;
	if (name[0] != '\0' && !asked)
		fprintf(stderr, "postprocessing: there is no command \"%s\"\n\n", name);
	print_usage(asked ? stdout : stderr);
	return asked ? EXIT_SUCCESS : EXIT_ERROR;
}
