/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/signals.h"
#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/client/json_text.h"
#include "core/client/options.h"
#include "core/client/standard_streams.h"
#include "postprocessing/step.h"

static int command_version(int argc, char **argv)
{
	static const char usage[] = "usage: postprocessing version [--json]\n"
								"Prints the versions of the program and of the step ABI.\n";
	struct command_options options;
	int first = command_read(argc, argv, &(struct command_syntax){.usage = usage}, &options);
	if (first < 0)
		return -1 - first;
	char abi[32];
	snprintf(abi, sizeof abi, "%u.%u", PP_STEP_ABI_MAJOR, PP_STEP_ABI_MINOR);
	if (!options.json) {
		printf("postprocessing %s, step ABI %s\n", PACKAGE_VERSION, abi);
		return EXIT_SUCCESS;
	}
	json_t *json = json_pack("{s:s, s:s}", "version", PACKAGE_VERSION, "abi", abi);
	bool good = json_print(json);
	json_decref(json);
	return good ? EXIT_SUCCESS : EXIT_ERROR;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"server", command_server, "run the service"},
	{"submit", command_submit, "run local files through the steps and wait"},
	{"list", command_list, "list unfinished uploads"},
	{"show", command_show, "show one upload: why it waits, and until when"},
	{"resume", command_resume, "make uploads continue"},
	{"restart", command_resume, "alias of resume"},
	{"release", command_release, "release held uploads"},
	{"reject", command_reject, "reject held uploads"},
	{"quarantine", command_quarantine, "list, show, export and purge encrypted copies of uploads"},
	{"steps", command_steps, "show steps, modules and problems in the configuration"},
	{"try", command_try, "run a module on a file, without broker and configuration"},
	{"config", command_show_config, "show the configuration in effect and where each value comes from"},
	{"health", command_health, "check whether the running service is ready"},
	{"version", command_version, "show the versions of the program and the step ABI"},
};

static void print_usage(FILE *to)
{
	fputs("usage: postprocessing COMMAND [OPTIONS]\n\n", to);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\nRun `postprocessing COMMAND -h` for the options of a command.\n", to);
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
		terminal_error("postprocessing: unknown command \"%s\"", name);
	print_usage(asked ? stdout : stderr);
	return asked ? EXIT_SUCCESS : EXIT_ERROR;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "server") == 0)
		signals_delay();
	if (!standard_streams_open())
		return EXIT_ERROR;
	return standard_streams_finish("postprocessing", run_command(argc, argv));
}
