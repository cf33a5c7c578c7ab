/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/upload/pipeline_fixture.h"

#include <stdio.h>

static const struct pipeline_step limits[] = {
	{.name = "scan",
     .max_retries = SCAN_RETRIES,
     .retry_backoff = 5 * SECOND,
     .deadline = 10 * MINUTE,
     .max_wait = 720 * HOUR,
     .max_waits = 1000,
     .check_limit = MINUTE,
     .hold_limit = 2 * HOUR,
     .hold_outcome = OUTCOME_DELETE},
	{.name = "delay",
     .max_retries = 0,
     .retry_backoff = SECOND,
     .deadline = MINUTE,
     .max_wait = 720 * HOUR,
     .max_waits = 1000,
     .check_limit = 24 * HOUR,
     .hold_limit = HOUR,
     .hold_outcome = OUTCOME_CONTINUE,
     .continue_when_exhausted = true},
};
static const char *const names[] = {"scan", "delay", "policies"};

const struct pipeline fixture_pipeline = {
	.step = limits,
	.count = 2,
	.other = {.name = "", .max_retries = 2, .retry_backoff = 3 * SECOND, .deadline = 4 * MINUTE, MAX_WAITING},
	.confirm_interval = MINUTE,
	.confirm_interval_limit = 5 * MINUTE,
	.confirm_limit = 6,
};
const struct upload fixture_upload = {.id = "u-1", .step = names, .step_count = 3};

static const char *published(unsigned publish, char letters[8])
{
	static const char all[] = "FSREA";
	char *end = letters;
	for (unsigned i = 0; i < 5; i++)
		if (publish & 1u << i)
			*end++ = all[i];
	*end = '\0';
	return letters;
}

char *action_text(const struct action *action, const struct status *status, char text[ACTION_TEXT_SIZE])
{
	char letters[8];
	const char *write = action->write == WRITE_PUT ? "put" : action->write == WRITE_DELETE ? "delete" : "keep";
	published(action->publish, letters);
	if (action->ignored != NULL)
		snprintf(text, ACTION_TEXT_SIZE, "ignored%s%s%s%s", letters[0] != '\0' ? " " : "", letters,
		         action->run ? " run" : "", action->drop ? " drop" : "");
	else if (action->write == WRITE_DELETE)
		snprintf(text, ACTION_TEXT_SIZE, "delete%s", action->drop ? " drop" : "");
	else
		snprintf(text, ACTION_TEXT_SIZE, "%s %s %zu%s%s%s%s%s", write, phase_name(status->phase), status->step,
		         letters[0] != '\0' ? " " : "", letters, action->run ? " run" : "", action->mark ? " mark" : "",
		         action->drop ? " drop" : "");
	return text;
}
