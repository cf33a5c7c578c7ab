/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/longest_wait.h"

#include <stdint.h>
#include <stdio.h>

struct longest {
	nanos wait;
	char *text;
};

static void consider(struct longest *longest, nanos wait, const char *step, const char *key)
{
	char duration[DURATION_TEXT_SIZE];
	if (wait <= longest->wait)
		return;
	longest->wait = wait;
	snprintf(longest->text, LONGEST_WAIT_TEXT, "step %s (%s: %s)", step, key, duration_format(wait, duration));
}

/* Before the last retry. */
static nanos last_backoff(const struct step_config *config)
{
	nanos backoff = config->retry_backoff;
	for (unsigned i = 1; i < config->max_retries && backoff < INT64_MAX / 2; i++)
		backoff *= 2;
	return config->max_retries > 0 ? backoff : 0;
}

nanos longest_wait(const struct steps *steps, char text[LONGEST_WAIT_TEXT])
{
	struct longest longest = {.text = text};
	snprintf(text, LONGEST_WAIT_TEXT, "storage to confirm");
	longest.wait = steps_pipeline(steps->limits, steps->count).confirm_interval_limit;
	for (size_t i = 0; i < steps->count; i++) {
		const struct step *step = &steps->step[i];
		const struct step_config *config = step->config;
		nanos own = 0;
		const char *key = step->setup != NULL ? step_setup_longest(step->setup, &own) : NULL;
		consider(&longest, config->deadline, config->name, "deadline");
		consider(&longest, config->check_limit, config->name, "check_limit, while suspended");
		consider(&longest, last_backoff(config), config->name, "retry_backoff, doubled max_retries times");
		if (key != NULL)
			consider(&longest, own, config->name, key);
	}
	return longest.wait;
}
