/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <jansson.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/client/json_text.h"
#include "core/client/submission.h"

static const char usage[] =
	"usage: postprocessing submit [-c FILE] [-a ADDR] [--url URL] [-t DURATION] [--json] [--] FILE…\n"
	"Runs local files through the steps of the running service and waits. Exit status: 0 all files were\n"
	"accepted, 1 a file was rejected, 2 an error. If interrupted (130), it withdraws unfinished files.\n"
	"  -a, --address ADDR      serve the files on this HOST:PORT, which the service must be able to reach\n"
	"                          (default: a free port on 127.0.0.1)\n"
	"  --url URL               the URL at which the service reaches this address, for example http://HOST:PORT\n"
	"                          when the address is 0.0.0.0:PORT\n"
	"  -t, --timeout DURATION  give up after this time, for example 10m (default: never)\n"
	"  --                      what follows are files, also if a name begins with -\n" OPTION_CONFIG_USAGE;

enum { OPTION_URL = 'U' };

static const struct option names[] = {
	{"address", required_argument, NULL, 'a'},
	{"url", required_argument, NULL, OPTION_URL},
	{"timeout", required_argument, NULL, 't'},
	{NULL, 0, NULL, 0},
};

static bool take_option(void *closure, int letter, const char *value)
{
	struct submission_options *options = closure;
	if (letter == 'a' || letter == OPTION_URL) {
		*(letter == 'a' ? &options->addr : &options->url) = value;
		return true;
	}
	if (duration_parse(value, &options->timeout) && options->timeout > 0)
		return true;
	terminal_error("-t %s: not a duration such as 90s or 10m", value);
	return false;
}

/* The final result of one file. */
static const char *verdict(const struct submitted *file)
{
	if (file->error[0] != '\0')
		return "error";
	return file->outcome == OUTCOME_CONTINUE ? "accepted"
	       : file->outcome == OUTCOME_DELETE ? "rejected: delete"
	                                         : "rejected: abort";
}

static void print_table(const struct submitted *file, size_t count)
{
	printf("%-16s  %9s  %s\n", "OUTCOME", "TIME", "FILE");
	for (size_t i = 0; i < count; i++) {
		const char *detail = file[i].error[0] != '\0' ? file[i].error : file[i].detail;
		printf("%-16s  %8.3fs  ", verdict(&file[i]), (double)file[i].took / (double)SECOND);
		terminal_print(stdout, file[i].name);
		if (detail[0] != '\0') {
			fputs("  (", stdout);
			terminal_print(stdout, detail);
			fputc(')', stdout);
		}
		putchar('\n');
	}
}

static json_t *describe(const struct submitted *file)
{
	bool failed = file->error[0] != '\0';
	/* Names and messages hold any bytes; a message may have been cut within a character. */
	return json_pack("{s:o, s:s, s:I, s:s*, s:o*, s:f, s:o*}", "file", json_text(file->path), "id", file->id, "size",
	                 (json_int_t)file->size, "outcome", failed ? NULL : outcome_name(file->outcome), "error",
	                 failed ? json_text(file->error) : NULL, "seconds", (double)file->took / (double)SECOND, "detail",
	                 file->detail[0] != '\0' ? json_text(file->detail) : NULL);
}

static bool print_json(const struct submitted *file, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, alloc_checked(describe(&file[i])));
	bool good = json_print(array);
	json_decref(array);
	return good;
}

static int exit_status(const struct submitted *file, size_t count)
{
	int status = EXIT_ACCEPTED;
	for (size_t i = 0; i < count; i++) {
		if (file[i].error[0] != '\0')
			return EXIT_ERROR;
		if (file[i].outcome != OUTCOME_CONTINUE)
			status = EXIT_REJECTED;
	}
	return status;
}

int command_submit(int argc, char **argv)
{
	struct command_options options;
	struct submission_options how = {0};
	struct client client;
	const struct command_syntax syntax = {.usage = usage,
	                                      .letters = "a:t:",
	                                      .names = names,
	                                      .take = take_option,
	                                      .closure = &how,
	                                      .least = 1,
	                                      .most = -1,
	                                      .needs = "a file"};
	int first = command_read(argc, argv, &syntax, &options);
	if (first < 0)
		return -1 - first;
	size_t count = (size_t)(argc - first);
	if (!client_open(&client, options.config_path))
		return EXIT_ERROR;
	struct submitted *file = alloc_zeroed(count, sizeof *file);
	for (size_t i = 0; i < count; i++) {
		const char *slash = strrchr(argv[(size_t)first + i], '/');
		file[i].path = argv[(size_t)first + i];
		file[i].name = slash != NULL ? slash + 1 : file[i].path;
	}
	how.progress = options.json ? NULL : stderr;
	int status = EXIT_ERROR, signal_number;
	if (submission_run(&client, &how, file, count, &signal_number)) {
		bool shown = true;
		if (options.json)
			shown = print_json(file, count);
		else
			print_table(file, count);
		status = signal_number != 0 ? 128 + signal_number : shown ? exit_status(file, count) : EXIT_ERROR;
	}
	free(file);
	client_close(&client);
	return status;
}
