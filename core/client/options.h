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

/* Reads -c, --json, -h and, if `more` is not NULL, the short options that it lists (in getopt's form) by calling `option`
 * with each. Returns the place of the first argument that is none; below 0: the command ends, with status -1 - place. */
int command_read_options(int argc, char **argv, const char *usage, struct command_options *options, const char *more,
                         bool (*option)(void *closure, int letter, const char *value), void *closure);
/* The same, with long options beside the short ones; `named` is getopt_long's table, each with a letter of its own. */
struct option;
int command_read_named_options(int argc, char **argv, const char *usage, struct command_options *options, const char *more,
                               const struct option *named, bool (*option)(void *closure, int letter, const char *value),
                               void *closure);

/* Reads the configuration for a command; what is wrong with it goes to stderr, line by line. NULL then. path NULL: the
 * default place. */
struct config *command_config(const char *path);

#endif
