/* SPDX-License-Identifier: Apache-2.0
 * Shared by all commands: options, exit statuses, and reading the configuration. */
#ifndef CORE_CLIENT_OPTIONS_H
#define CORE_CLIENT_OPTIONS_H

#include "core/config/config.h"

/* The exit statuses of `submit`, which also uses 128 + the number of the signal that interrupted it. Other commands use
 * 0 and 2. */
enum { EXIT_ACCEPTED = 0, EXIT_REJECTED = 1, EXIT_ERROR = 2 };

/* The last line of each usage text. */
#define OPTION_CONFIG_USAGE \
	"  -c FILE  the configuration (default: $POSTPROCESSING_CONFIG, or " CONFIG_DIR "/postprocessing.ini)\n"

/* The options that most commands have. */
struct command_options {
	const char *config_path; /* -c FILE, --config FILE */
	bool json;               /* --json; rejected if the usage text does not contain it */
};

struct option;
/* The options and arguments of a command besides -c FILE, --json and -h. */
struct command_syntax {
	const char *usage;
	const char *letters;        /* short options, in getopt's form; NULL: none */
	const struct option *names; /* long options, in getopt_long's form, each with a unique letter; NULL: none */
	bool (*take)(void *closure, int letter, const char *value); /* handles an option. False: invalid */
	void *closure;
	int least, most;   /* number of arguments; most -1: any number */
	const char *needs; /* what the first argument is, if there has to be one: "an upload's ID" */
};

/* Parses the command line, and reports errors on stderr with the usage. Returns the index of the first argument. If it
 * is negative, the command must exit with the status -1 - index. */
int command_read(int argc, char **argv, const struct command_syntax *syntax, struct command_options *options);

/* Reads the configuration for a command. path NULL: the default place. NULL: invalid; the problems were printed to
 * stderr. */
struct config *command_config(const char *path);

#endif
