/* SPDX-License-Identifier: Apache-2.0
 * Closes all descriptors when it is loaded, and does not end. */
#include <unistd.h>

#include "tests/modules/fixture.h"

__attribute__((constructor)) static void close_all(void)
{
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	for (;;)
		pause();
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = "mute", FIXTURE_FUNCTIONS};
