/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/printable.h"
#include "core/base/text.h"

json_t *json_text(const char *text)
{
	struct text quoted = {0};
	text_add_json(&quoted, text);
	json_t *string = quoted.failed ? NULL : json_loadb(quoted.data, quoted.length, JSON_DECODE_ANY, NULL);
	text_free(&quoted);
	return string;
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
	char *text = json != NULL ? json_dumps(json, JSON_INDENT(2)) : NULL;
	bool good = text != NULL && put(text);
	if (text == NULL)
		fputs("out of memory\n", stderr);
	free(text);
	return good;
}
