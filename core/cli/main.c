/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/client/standard_streams.h"
#include "postprocessing/step.h"

static int command_version(int argc, char **argv)
{
	static const char usage[] = "usage: postprocessing version\nShows the versions of the program and of the step ABI.\n";
	if (argc > 1) {
		bool asked = strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0;
		fputs(usage, asked ? stdout : stderr);
		return asked ? EXIT_SUCCESS : EXIT_ERROR;
	}
	printf("postprocessing %s, step ABI %u.%u\n", PACKAGE_VERSION, PP_STEP_ABI_MAJOR, PP_STEP_ABI_MINOR);
	return EXIT_SUCCESS;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"server", command_server, "run the service"},
	{"submit", command_submit, "put local files through the steps and wait"},
	{"list", command_list, "show the uploads that are not done with"},
	{"show", command_show, "show one upload: why it waits, and until when"},
	{"resume", command_resume, "have uploads go on"},
	{"restart", command_resume, "the same"},
	{"steps", command_steps, "show steps, modules and what is wrong with the configuration"},
	{"config", command_show_config, "show each value of the configuration that counts, and where it comes from"},
	{"health", command_health, "is the running service ready?"},
	{"version", command_version, "show the versions of program and step ABI"},
};

static void print_usage(FILE *to)
{
	fputs("usage: postprocessing COMMAND [OPTIONS]\n\n", to);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\npostprocessing COMMAND -h shows the options of one.\n", to);
}

static int run_command(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	if (strcmp(name, "--version") == 0)
		name = "version";
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (strcmp(name, "bench") == 0) {
		fputs("postprocessing: the benchmark is now a program of its own, postprocessing-bench(1)\n", stderr);
		return EXIT_ERROR;
	}
	bool asked = strcmp(name, "help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0;
	if (name[0] != '\0' && !asked)
		terminal_error("postprocessing: there is no command \"%s\"", name);
	print_usage(asked ? stdout : stderr);
	return asked ? EXIT_SUCCESS : EXIT_ERROR;
}

int main(int argc, char **argv)
{
	if (!standard_streams_open())
		return EXIT_ERROR;
	return standard_streams_finish("postprocessing", run_command(argc, argv));
}
