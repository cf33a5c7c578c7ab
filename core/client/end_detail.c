/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client/end_detail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json_reader.h"

static void add(char *text, size_t size, const char *step, const char *word, const char *reason)
{
	size_t used = strlen(text);
	if (used + 1 >= size)
		return;
	snprintf(text + used, size - used, "%s%s%s%s%s%s", used > 0 ? "; " : "", step, word[0] != '\0' ? ": " : "", word,
	         reason[0] != '\0' ? ": " : "", reason);
	text_mark_cut(text, size);
}

static void add_step(struct json_reader *reader, const char *history, const char *step, char *text, size_t size)
{
	struct history_values values;
	struct json_value reason;
	if (!history_find(history, step, &values))
		return;
	if (values.passed.text != NULL) {
		add(text, size, step, "no verdict", json_reader_string(reader, &values.reason));
	} else if (values.verdict.text != NULL && !json_says(&values.verdict, "clean")) {
		const char *word = json_reader_string(reader, &values.verdict);
		json_reader_members(reader, &values.details, &(struct json_member){"reason", &reason}, 1);
		add(text, size, step, word, json_reader_is_string(reader, &reason) ? json_reader_string(reader, &reason) : "");
	}
}

/* The step that rejected the upload, with its verdict unless the reason begins with that. */
static void add_rejection(struct json_reader *reader, const char *history, const struct record *record, char *text,
                          size_t size)
{
	const struct status *status = &record->status;
	const char *step = record->upload->step[status->decided - 1], *word = "";
	struct history_values values;
	if (history_find(history, step, &values) && values.verdict.text != NULL && !json_says(&values.verdict, "clean"))
		word = json_reader_string(reader, &values.verdict);
	bool said = strncmp(status->reason, word, strlen(word)) == 0;
	add(text, size, step, said ? "" : word, status->reason);
}

static void add_verdicts(const struct record *record, char *text, size_t size)
{
	char *history = record_history(record);
	size_t length = history != NULL ? JSON_ROOM(strlen(history)) : 0;
	char *room = length > 0 ? malloc(length) : NULL;
	const char *readable = room != NULL ? history : NULL;
	struct json_reader reader = {.room = room, .left = length};
	if (record->status.outcome != OUTCOME_CONTINUE)
		add_rejection(&reader, readable, record, text, size);
	else
		for (size_t i = 0; i < record->upload->step_count; i++)
			add_step(&reader, readable, record->upload->step[i], text, size);
	free(room);
	free(history);
}

void end_detail(const struct record *record, char *text, size_t size)
{
	const struct status *status = &record->status;
	text[0] = '\0';
	if (status->outcome == OUTCOME_CONTINUE || status->decided != 0)
		add_verdicts(record, text, size);
	else
		snprintf(text, size, "%s", status->reason);
}
