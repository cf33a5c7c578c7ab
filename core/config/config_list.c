/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/config/config_source.h"

char **list_split(const char *text, const char *separators)
{
	size_t length = strlen(text), slots = length / 2 + 2;
	char **list = alloc_bytes(slots * sizeof *list + length + 1);
	char *copy = (char *)(list + slots);
	memcpy(copy, text, length + 1);
	size_t count = 0;
	char *rest;
	for (char *part = strtok_r(copy, separators, &rest); part != NULL; part = strtok_r(NULL, separators, &rest))
		list[count++] = part;
	list[count] = NULL;
	return list;
}
