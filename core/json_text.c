/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json_text.h"

#include "core/text.h"

json_t *json_text(const char *text)
{
	struct text quoted = {0};
	text_add_json(&quoted, text);
	json_t *string = quoted.failed ? NULL : json_loadb(quoted.data, quoted.length, JSON_DECODE_ANY, NULL);
	text_free(&quoted);
	return string;
}
