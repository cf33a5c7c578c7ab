/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upload/history.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/text.h"

/* How much of an entry is kept. */
enum kept { KEPT_ALL, KEPT_VERDICT_AND_DETAILS, KEPT_VERDICT };

static bool is_of_step(const struct json_value *element, const char *step)
{
	struct json_value name;
	const struct json_member member = {"step", &name};
	return json_read(element->text, element->length, &member, 1, NULL, 0) && json_says(&name, step);
}

static void add_members(struct text *text, const struct history_entry *entry, enum kept kept)
{
	bool has_result = entry->result != NULL, has_details = entry->details != NULL;
	bool result = has_result && kept == KEPT_ALL && strlen(entry->result) <= HISTORY_RESULT_LIMIT;
	bool details = has_details && kept != KEPT_VERDICT;
	if (entry->passed) {
		text_add(text, ",\"passed\":true");
		text_string(text, ",\"reason\":", entry->reason);
	}
	if (entry->verdict != NULL)
		text_string(text, ",\"verdict\":", entry->verdict);
	if (details)
		text_json(text, ",\"details\":", entry->details);
	if (result)
		text_json(text, ",\"result\":", entry->result);
	if (has_result != result || has_details != details)
		text_add(text, ",\"omitted\":true");
	text_add(text, "}");
}

static struct json_value whole(const char *history)
{
	return (struct json_value){.text = history, .length = history != NULL ? strlen(history) : 0};
}

static bool says_nothing(const struct history_entry *entry)
{
	return !entry->passed && entry->verdict == NULL && entry->details == NULL && entry->result == NULL;
}

static void make(struct text *text, const char *history, const struct history_entry *entry, enum kept kept)
{
	struct json_value rest = whole(history), element;
	bool done = says_nothing(entry);
	text_clear(text);
	text_add(text, "[");
	while (history != NULL && json_next(&rest, &element)) {
		bool same = is_of_step(&element, entry->step);
		if (same && entry->whole)
			continue;
		text_add(text, text->length > 1 ? "," : "");
		text_add_bytes(text, element.text, element.length - (same && !done));
		if (same && !done)
			add_members(text, entry, kept);
		done = done || same;
	}
	if (!done) {
		text_string(text, text->length > 1 ? ",{\"step\":" : "{\"step\":", entry->step);
		add_members(text, entry, kept);
	}
	text_add(text, "]");
}

char *history_add(const char *history, const struct history_entry *entry)
{
	struct text text = {0};
	bool unchanged = says_nothing(entry) && (history == NULL || !entry->whole);
	for (enum kept kept = KEPT_ALL; !unchanged && kept <= KEPT_VERDICT; kept++) {
		make(&text, history, entry, kept);
		if (text.length > (kept == KEPT_VERDICT ? HISTORY_LIMIT : HISTORY_SAID_LIMIT))
			continue;
		char *made = alloc_checked(text_take(&text));
		if (strcmp(made, "[]") != 0)
			return made;
		free(made);
		return NULL;
	}
	text_free(&text);
	return history != NULL ? alloc_text(history) : NULL;
}

bool history_find(const char *history, const char *step, struct history_values *values)
{
	struct json_value rest = whole(history), element, name;
	const struct json_member members[] = {{"step", &name},
	                                      {"passed", &values->passed},
	                                      {"reason", &values->reason},
	                                      {"verdict", &values->verdict},
	                                      {"details", &values->details},
	                                      {"result", &values->result},
	                                      {"omitted", &values->omitted}};
	while (history != NULL && json_next(&rest, &element))
		if (json_read(element.text, element.length, members, JSON_COUNT(members), NULL, 0) && json_says(&name, step))
			return true;
	*values = (struct history_values){0};
	return false;
}
