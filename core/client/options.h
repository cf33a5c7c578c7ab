/* SPDX-License-Identifier: Apache-2.0
 * What the commands have in common: options, exit statuses, and the configuration that they read. */
#ifndef CORE_CLIENT_OPTIONS_H
#define CORE_CLIENT_OPTIONS_H

#include "core/config/config.h"

/* Exit statuses of `submit`, which adds 128 + the signal that ended it; the others use 0 and 2. */
enum { EXIT_ACCEPTED = 0, EXIT_REJECTED = 1, EXIT_ERROR = 2 };

/* The last line of each usage text. */
#define OPTION_CONFIG_USAGE "  -c FILE  the configuration (default: $POSTPROCESSING_CONFIG, or " CONFIG_DIR "/postprocessing.ini)\n"

/* The options that most commands have. */
struct command_options {
	const char *config_path; /* -c FILE, --config FILE */
	bool json;               /* --json, where the usage text names it; elsewhere it is refused */
};

struct option;
/* What a command takes besides -c FILE, --json and -h. */
struct command_syntax {
	const char *usage;
	const char *letters;        /* its short options, in getopt's form; NULL: none */
	const struct option *names; /* its long options, in getopt_long's form, each with a letter of its own; NULL: none */
	bool (*take)(void *closure, int letter, const char *value); /* takes one of them. False: it is invalid */
	void *closure;
	int least, most;            /* number of arguments; most -1: any number */
};

/* Reads the command line; an error goes to stderr, with the usage. Returns the index of the first argument. Below 0: the command
 * ends, with status -1 - index. */
int command_read(int argc, char **argv, const struct command_syntax *syntax, struct command_options *options);

/* Reads the configuration for a command; what is wrong with it goes to stderr, line by line. NULL then. path NULL: the
 * default place. */
struct config *command_config(const char *path);

#endif
