/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/config/config.h"

void config_announce(const struct config *config, const struct log *log)
{
	char list[1024] = "";
	size_t used = 0;
	for (size_t i = 0; i < config->step_count && used < sizeof list; i++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", config->step[i].name);
	if (config->step_count == 0)
		log_warning(log, "no steps are configured: every upload is accepted at once; set [postprocessing] steps "
		                 "(POSTPROCESSING_STEPS)");
	else
		log_info(log, "steps: %s", list);
	if (config->delay_appended)
		log_warning(log, "a delay is set, but the step `delay` is not in the list of steps; it runs last");
	for (size_t i = 0; i < config->warnings.count; i++)
		log_warning(log, "%s", config->warnings.line[i]);
	for (size_t i = 0; i < config->notes.count; i++)
		log_info(log, "%s", config->notes.line[i]);
}
