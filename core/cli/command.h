/* SPDX-License-Identifier: Apache-2.0
 * The commands of the program, one file each. argv[0] is the name of the command. They return the exit status. */
#ifndef CORE_CLI_COMMAND_H
#define CORE_CLI_COMMAND_H

#include "core/client/options.h"

int command_server(int argc, char **argv);
int command_submit(int argc, char **argv);
int command_list(int argc, char **argv);
int command_show(int argc, char **argv);
int command_quarantine(int argc, char **argv);
int command_reject(int argc, char **argv);
int command_release(int argc, char **argv);
int command_resume(int argc, char **argv);
int command_steps(int argc, char **argv);
int command_try(int argc, char **argv);
int command_show_config(int argc, char **argv);
int command_health(int argc, char **argv);

#endif
