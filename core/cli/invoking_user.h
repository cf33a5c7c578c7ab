/* SPDX-License-Identifier: Apache-2.0
 * Who calls a command. */
#ifndef CORE_CLI_INVOKING_USER_H
#define CORE_CLI_INVOKING_USER_H

/* The user's name; behind sudo, that of the user who called it. Valid until the next call. */
const char *invoking_user(void);

#endif
