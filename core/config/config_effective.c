/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config_effective.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"

#define ORIGIN_SIZE 512

/* A value under construction. */
struct report {
	const struct config *config;
	config_value_each *each;
	void *closure;
	struct config_value value;
	char text[64], origin[ORIGIN_SIZE]; /* what the value may point to */
};

/* The canonical form of a value: yes becomes true, 60s becomes 1m. Other values do not change. */
static const char *canonical(const struct pp_key *key, const char *text, char *buffer, size_t size)
{
	char why[VALUE_WHY_SIZE];
	int64_t number;
	size_t length = 0;
	if (text == NULL || !value_parse(key, text, &number, why, sizeof why))
		return text;
	const char *word = value_word(key, number, &length);
	switch (key->type) {
	case PP_KEY_DURATION:
		return duration_format(number, buffer);
	case PP_KEY_INTEGER:
		snprintf(buffer, size, "%" PRId64, number);
		return buffer;
	case PP_KEY_BOOL:
	case PP_KEY_CHOICE:
		snprintf(buffer, size, "%.*s", (int)length, word);
		return buffer;
	default:
		return text;
	}
}

static enum value_source source_of(const struct found *found)
{
	return found->rank == RANK_ENVIRONMENT ? VALUE_VARIABLE : VALUE_FILE;
}

/* The value found, or the default; an invalid value is ignored. */
static void take_found(struct report *report, const struct pp_key *key, const struct found *found, const char *fallback)
{
	char why[VALUE_WHY_SIZE];
	int64_t number;
	bool valid = found->value != NULL && value_parse(key, found->value, &number, why, sizeof why);
	report->value.value = canonical(key, valid ? found->value : fallback, report->text, sizeof report->text);
	report->value.source = valid ? source_of(found) : VALUE_DEFAULT;
	report->value.origin = valid ? found->place : "default";
	if (found->value != NULL && !valid) {
		snprintf(report->origin, sizeof report->origin, "default (the value of %s is invalid)", found->place);
		report->value.origin = report->origin;
	}
}

static void derive(struct report *report, const char *value, const char *origin)
{
	report->value.value = value;
	report->value.source = VALUE_DERIVED;
	if (origin != report->origin)
		snprintf(report->origin, sizeof report->origin, "%s", origin);
	report->value.origin = report->origin;
}

/* Passes the value on, without secrets. */
static void pass(struct report *report)
{
	struct config_value *value = &report->value;
	bool set = value->value != NULL && value->value[0] != '\0';
	value->secret = set && (value->secret || setting_is_secret(value->section, value->key, value->value));
	if (value->value != NULL && (value->secret || value->value[0] == '\0'))
		value->value = NULL;
	report->each(report->closure, value);
}

/* The resulting list, including the steps that run without being listed. */
static void derive_steps(struct report *report, char *list, size_t size)
{
	size_t used = 0;
	*list = '\0';
	for (size_t i = 0; i < report->config->step_count && used < size; i++)
		used += (size_t)snprintf(list + used, size - used, "%s%s", i > 0 ? ", " : "", report->config->step[i].name);
	struct found found = config_find(report->config->source, "postprocessing", "steps");
	snprintf(report->origin, sizeof report->origin, "%s", found.value != NULL ? found.place : "default");
	enum value_source source = found.value != NULL ? source_of(&found) : VALUE_DEFAULT;
	for (size_t i = 0; legacy_step(i) != NULL; i++) {
		struct problems ignored = {0};
		const char *place = NULL;
		bool wanted = legacy_step_wish(report->config->source, i, &place, &ignored) != LEGACY_NOT_WANTED;
		problems_free(&ignored);
		size_t length = strlen(report->origin);
		if (wanted && length < sizeof report->origin) {
			snprintf(report->origin + length, sizeof report->origin - length, ", %s", place);
			source = VALUE_DERIVED;
		}
	}
	report->value.value = list;
	report->value.source = source;
	report->value.origin = report->origin;
}

static void report_key(struct report *report, const struct config_key *row)
{
	const struct config *config = report->config;
	const struct derived *derived = source_derived(config->source, row->section, row->key.name);
	const struct broker_address *address = strcmp(row->section, "store") == 0 ? &config->store : &config->events;
	struct found found = config_key_find(config->source, row);
	char steps[1024];
	if ((row->flags & KEY_LEGACY) != 0 && found.value == NULL)
		return;
	report->value = (struct config_value){.section = row->section, .key = row->key.name};
	take_found(report, &row->key, &found, row->key.fallback);
	if (derived != NULL)
		derive(report, derived->value, derived->origin);
	else if (strcmp(row->key.name, "tls_root_ca_certificate") == 0 && address->ca_file != NULL)
		report->value.value = address->ca_file; /* with what $CREDENTIALS_DIRECTORY stands for */
	else if (strcmp(row->key.name, "steps") == 0)
		derive_steps(report, steps, sizeof steps);
	pass(report);
}

void config_each_value(const struct config *config, config_value_each *each, void *closure)
{
	struct report report = {.config = config, .each = each, .closure = closure};
	for (const struct config_key *row = config_keys; row->section != NULL; row++)
		report_key(&report, row);
}

/* A key of every step: its default may be a key of the service. */
static void report_step_key(struct report *report, const char *section, const struct config_key *row, const char *name)
{
	struct found found = source_find(report->config->source, section, &row->key, true);
	const struct config_key *service = config_keys_find("postprocessing", row->key.name);
	report->value = (struct config_value){.section = section, .key = row->key.name};
	if (found.value == NULL && service != NULL) {
		struct found general = config_key_find(report->config->source, service);
		char origin[ORIGIN_SIZE];
		take_found(report, &service->key, &general, service->key.fallback);
		snprintf(origin, sizeof origin, "as [postprocessing] %s (%s)", row->key.name,
		         report->value.source != VALUE_DEFAULT ? report->value.origin : "default");
		derive(report, report->value.value, origin);
	} else {
		take_found(report, &row->key, &found, strcmp(row->key.name, "module") == 0 ? name : row->key.fallback);
	}
	pass(report);
}

static void report_module_key(struct report *report, const char *section, const struct pp_key *key)
{
	struct found found = source_find(report->config->source, section, key, true);
	report->value = (struct config_value){.section = section, .key = key->name, .secret = key->type == PP_KEY_SECRET};
	take_found(report, key, &found, key->fallback);
	pass(report);
}

void config_each_step_value(const struct config *config, const struct step_config *step, const struct step_setup *setup,
                            config_value_each *each, void *closure)
{
	struct report report = {.config = config, .each = each, .closure = closure};
	char section[STEP_SECTION_SIZE];
	struct pp_key key;
	struct found found;
	step_section(step->name, section);
	for (const struct config_key *row = step_keys; row->section != NULL; row++)
		report_step_key(&report, section, row, step->name);
	const char *file_key;
	for (size_t i = 0; setup != NULL && step_setup_key(setup, i, &key, &file_key); i++) {
		report_module_key(&report, section, &key);
		if (file_key != NULL)
			report_module_key(&report, section, &(struct pp_key){.name = file_key, .type = PP_KEY_PATH});
	}
	for (size_t i = 0; setup == NULL && step->section != NULL && i < step->section->count; i++) {
		const struct setting *setting = &step->section->setting[i];
		if (step_keys_find(setting->name) != NULL)
			continue;
		found = (struct found){setting->value, setting->place, setting->rank};
		report.value = (struct config_value){.section = section,
		                                     .key = setting->name,
		                                     .value = setting->value,
		                                     .source = source_of(&found),
		                                     .origin = setting->place};
		pass(&report);
	}
}
