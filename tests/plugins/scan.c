/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/plugins/scan.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"

void *create_at(const char *socket, const char *value, const char *value2)
{
	char text[160];
	snprintf(text, sizeof text, "clamav_socket=%s", socket);
	const char *const values[] = {
		"self_test=0", "cache=0", text, value != NULL ? value : value2, value != NULL ? value2 : NULL, NULL};
	return stub_create_with(values);
}

void *create_icap(const char *url, const char *value)
{
	const char *const values[] = {"scanner=icap", "self_test=0", "cache=0", url, value, NULL};
	return stub_create_with(values);
}

bool check(void *instance, char *why, size_t size)
{
	struct pp_run run;
	stub_run_init(&run, NULL, 0);
	run.deadline = run.now + 9 * SECOND;
	bool passed = pp_step_module.check_run(instance, &run) == 0;
	snprintf(why, size, "%s", run.reason);
	return passed;
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
