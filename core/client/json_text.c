/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/printable.h"
#include "core/base/text.h"

json_t *json_text(const char *text)
{
	struct text quoted = {0};
	text_add_json(&quoted, text);
	char *json = alloc_checked(text_take(&quoted));
	json_t *string = alloc_checked(json_loads(json, JSON_DECODE_ANY, NULL));
	free(json);
	return string;
}

const char *json_member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "";
}

/* jansson has escaped the control characters that JSON forbids in strings; the line feeds are those between them. */
static bool put(const char *text)
{
	char escape[PRINTABLE_ESCAPE_SIZE];
	size_t left = strlen(text), length;
	for (const char *part; (part = printable_next(&text, &left, true, escape, &length)) != NULL;)
		fwrite(part, 1, length, stdout);
	putchar('\n');
	return ferror(stdout) == 0;
}

bool json_print(const json_t *json)
{
	char *text = alloc_checked(json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15)));
	bool good = put(text);
	free(text);
	return good;
}
