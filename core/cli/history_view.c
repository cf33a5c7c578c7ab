/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/history_view.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/terminal.h"
#include "core/client/json_text.h"
#include "core/upload/history.h"

/* Longer names of details do not set the width of their column. */
#define WIDEST_NAME 20

/* A value of the history; NULL: there is none. Integers that jansson does not take become inexact numbers. */
static json_t *load(const struct json_value *value)
{
	const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
	if (value->text == NULL)
		return NULL;
	json_t *loaded = json_loadb(value->text, value->length, flags, NULL);
	return loaded != NULL ? loaded : json_loadb(value->text, value->length, flags | JSON_DECODE_INT_AS_REAL, NULL);
}

/* The outcome of the step with this index; NULL: it has not ended, or it is not known whether it has. Storage may end
 * an upload before all its steps have ended. */
static const char *step_outcome(const struct record *record, size_t step, const struct history_values *values)
{
	const struct status *status = &record->status;
	if (values->passed.text != NULL)
		return outcome_name(OUTCOME_RETRY);
	if (step + 1 == status->decided)
		return status->exhausted ? outcome_name(OUTCOME_RETRY) : outcome_name(status->outcome);
	bool ended = status->decided != 0 ? step + 1 < status->decided : step < status->step;
	bool known = status->decided != 0 || status->step < record->upload->step_count ||
	             status->outcome == OUTCOME_CONTINUE || values->verdict.text != NULL || values->result.text != NULL;
	return ended && known ? outcome_name(OUTCOME_CONTINUE) : NULL;
}

json_t *history_view_json(const struct record *record)
{
	char *history = record_history(record);
	json_t *array = json_array();
	for (size_t i = 0; i < record->upload->step_count; i++) {
		struct history_values values;
		history_find(history, record->upload->step[i], &values);
		const char *outcome = step_outcome(record, i, &values);
		if (outcome == NULL && values.verdict.text == NULL && values.result.text == NULL)
			continue;
		json_array_append_new(array,
		                      json_pack("{s:s, s:s*, s:o*, s:o*, s:o*, s:o*, s:b}", "step", record->upload->step[i],
		                                "outcome", outcome, "reason", load(&values.reason), "verdict",
		                                load(&values.verdict), "details", load(&values.details), "result",
		                                load(&values.result), "omitted", values.omitted.text != NULL));
	}
	free(history);
	return array;
}

/* A line of `show` about a step: NAME STEP: TEXT. */
static void print_said(const char *name, const char *step, const char *text)
{
	printf("%-10s", name);
	terminal_print(stdout, step);
	fputs(": ", stdout);
	terminal_print(stdout, text);
	putchar('\n');
}

/* The same for a value of the history, if it is there: a string without its quotes, … */
static void print_string(const char *name, const char *step, const struct json_value *value)
{
	json_t *string = load(value);
	if (string != NULL)
		print_said(name, step, json_string_value(string));
	json_decref(string);
}

/* … or as it is. */
static void print_json(const char *name, const char *step, const struct json_value *value)
{
	if (value->text == NULL)
		return;
	char *text = alloc_text_part(value->text, value->length);
	print_said(name, step, text);
	free(text);
}

static int width_of_names(const struct json_value *details)
{
	struct json_value rest = *details, key, value;
	int width = 0;
	while (json_next_member(&rest, &key, &value)) {
		json_t *name = load(&key);
		int needed = terminal_width(json_string_value(name));
		width = needed > width && needed <= WIDEST_NAME ? needed : width;
		json_decref(name);
	}
	return width;
}

/* The members of a verdict's details, each on a line below the verdict: a string without its quotes, anything else as
 * it is. */
static void print_details(const struct json_value *details)
{
	struct json_value rest = *details, key, value;
	int width = width_of_names(details);
	while (json_next_member(&rest, &key, &value)) {
		json_t *name = load(&key), *loaded = load(&value);
		char *text = json_is_string(loaded) ? NULL : alloc_text_part(value.text, value.length);
		printf("%-10s", "");
		terminal_cell(stdout, json_string_value(name), width);
		terminal_print(stdout, text != NULL ? text : json_string_value(loaded));
		putchar('\n');
		free(text);
		json_decref(loaded);
		json_decref(name);
	}
}

void history_view_print(const struct record *record)
{
	char *history = record_history(record);
	for (size_t i = 0; history != NULL && i < record->upload->step_count; i++) {
		const char *step = record->upload->step[i];
		struct history_values values;
		if (!history_find(history, step, &values))
			continue;
		print_string("passed", step, &values.reason);
		print_string("verdict", step, &values.verdict);
		if (values.details.text != NULL)
			print_details(&values.details);
		print_json("result", step, &values.result);
		if (values.omitted.text != NULL)
			print_said("omitted", step, "its result or details, which are too long to be kept");
	}
	free(history);
}
