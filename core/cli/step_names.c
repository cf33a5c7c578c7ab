/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/step_names.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/terminal.h"
#include "core/base/text.h"

static bool is_configured(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->step_count; i++)
		if (strcmp(config->step[i].name, name) == 0)
			return true;
	return false;
}

void step_names_init(struct step_names *names, const struct config *config, const char *wanted)
{
	*names = (struct step_names){.config = config, .wanted = wanted};
	names->known = wanted == NULL || strcmp(wanted, STEP_FINISHED_NAME) == 0 || is_configured(config, wanted);
}

void step_names_free(struct step_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
}

static void note(struct step_names *names, const char *name)
{
	names->known = names->known || strcmp(names->wanted, name) == 0;
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->name[i], name) == 0)
			return;
	if (names->count == STEP_NAMES_LIMIT || is_configured(names->config, name))
		return;
	names->name[names->count++] = alloc_text(name);
}

void step_names_note(struct step_names *names, const struct record *record)
{
	/* The names are needed only to check the wanted name and to list the existing ones. */
	for (size_t i = 0; !names->known && i < record->upload->step_count; i++)
		note(names, record->upload->step[i]);
}

bool step_names_check(const struct step_names *names)
{
	if (names->known)
		return true;
	struct text list = {0};
	for (size_t i = 0; i < names->config->step_count; i++)
		text_format(&list, "%s, ", names->config->step[i].name);
	for (size_t i = 0; i < names->count; i++)
		text_format(&list, "%s (in records), ", names->name[i]);
	terminal_error("unknown step \"%s\"; the steps are: %s" STEP_FINISHED_NAME, names->wanted,
	               list.data == NULL ? "" : list.data);
	text_free(&list);
	return false;
}
