/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/findings.h"

#include <stdio.h>

#include "core/base/terminal.h"
#include "core/client/json_text.h"

static json_t *describe(const struct problems *lines)
{
	json_t *array = json_array();
	for (size_t i = 0; lines != NULL && i < lines->count; i++)
		json_array_append_new(array, json_text(lines->line[i]));
	return array;
}

void findings_add(json_t *object, const struct preflight *preflight)
{
	const struct config *config = preflight->config;
	json_object_set_new(object, "problems", describe(&preflight->problems));
	json_object_set_new(object, "warnings", describe(config != NULL ? &config->warnings : NULL));
	json_object_set_new(object, "notes", describe(config != NULL ? &config->notes : NULL));
}

static void print_lines(const char *title, const json_t *lines)
{
	size_t i;
	json_t *line;
	if (json_array_size(lines) > 0)
		printf("\n%s\n", title);
	json_array_foreach(lines, i, line)
	{
		terminal_print(stdout, json_string_value(line));
		putchar('\n');
	}
}

void findings_print(const json_t *object)
{
	print_lines("ERRORS", json_object_get(object, "problems"));
	print_lines("WARNINGS", json_object_get(object, "warnings"));
	print_lines("NOTES", json_object_get(object, "notes"));
}
