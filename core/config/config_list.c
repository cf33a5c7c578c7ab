/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/config/config_source.h"

char **list_items(const char *text)
{
	static const char blanks[] = " \t";
	size_t length = strlen(text), slots = 2;
	for (const char *c = text; *c != '\0'; c++)
		slots += *c == ',';
	char **list = alloc_bytes(slots * sizeof *list + length + 1);
	char *copy = (char *)(list + slots), *rest = copy, *part;
	memcpy(copy, text, length + 1);
	size_t count = 0;
	while (length > 0 && (part = strsep(&rest, ",")) != NULL) {
		part += strspn(part, blanks);
		size_t left = strlen(part);
		while (left > 0 && strchr(blanks, part[left - 1]) != NULL)
			part[--left] = '\0';
		list[count++] = part;
	}
	list[count] = NULL;
	return list;
}

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
