/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/invoking_user.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

const char *invoking_user(void)
{
	const struct passwd *entry = getpwuid(getuid());
	const char *caller = getuid() == 0 ? getenv("SUDO_USER") : NULL;
	if (caller != NULL && caller[0] != '\0')
		return caller;
	return entry != NULL ? entry->pw_name : "unknown user";
}
