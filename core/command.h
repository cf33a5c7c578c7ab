/* SPDX-License-Identifier: Apache-2.0
 * The commands of the binary, one file each. argv[0] is the command's name. They return the exit status. */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include "core/config.h"

int command_server(int argc, char **argv);

/* Exit statuses of `submit`; the others use 0 and 2. */
enum { EXIT_ACCEPTED = 0, EXIT_REJECTED = 1, EXIT_ERROR = 2 };

/* Reads the configuration for a command; what is wrong with it goes to stderr, line by line. NULL then. path NULL: the
 * default place. */
struct config *command_config(const char *path);

#endif
