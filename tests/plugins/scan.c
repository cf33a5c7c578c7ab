/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/plugins/scan.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

void *create_at(const char *socket, const char *value, const char *value2)
{
	char text[160];
	snprintf(text, sizeof text, "clamav_socket=%s", socket);
	return stub_create(text, value, value2);
}

uint32_t scan(void *instance, struct pp_run *run)
{
	uint32_t outcome = pp_step_module.run(instance, run);
	ck_assert_msg((outcome == PP_RETRY) <= (run->result[0] == '\0'), "a Result without a verdict: %s", run->result);
	return outcome;
}

void assert_holds(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}
