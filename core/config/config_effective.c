/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config_effective.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static const char *choice_word(const char *choices, int64_t number, char *word, size_t size)
{
	for (; number > 0 && *choices != '\0'; number--) {
		choices += strcspn(choices, " ");
		choices += *choices == ' ';
	}
	snprintf(word, size, "%.*s", (int)strcspn(choices, " "), choices);
	return word;
}

/* The canonical form of a value: yes becomes true, 60s becomes 1m. Other values do not change. */
static const char *canonical(const struct pp_key *key, const char *text, char *buffer, size_t size)
{
	char why[VALUE_WHY_SIZE];
	int64_t number;
	if (text == NULL || !value_parse(key, text, &number, why, sizeof why))
		return text;
	switch (key->type) {
	case PP_KEY_BOOL:
		return number != 0 ? "true" : "false";
	case PP_KEY_DURATION:
		return duration_format(number, buffer);
	case PP_KEY_INTEGER:
		snprintf(buffer, size, "%" PRId64, number);
		return buffer;
	case PP_KEY_CHOICE:
		return choice_word(key->choices, number, buffer, size);
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
	value->secret =
		value->value != NULL && value->value[0] != '\0' && setting_is_secret(value->section, value->key, value->value);
	if (value->value != NULL && (value->secret || value->value[0] == '\0'))
		value->value = NULL;
	report->each(report->closure, value);
}

static struct found find(const struct report *report, const char *section, const char *name)
{
	const struct config_key *key = config_keys_find(section, name);
	return source_find(report->config->source, section, &key->key, (key->flags & KEY_NO_VARIABLE) == 0);
}

static void derive_state_dir(struct report *report)
{
	struct state_dir_default folder;
	if (state_dir_find_default(report->config->source, geteuid() == 0, &folder))
		derive(report, report->config->state_dir, folder.origin);
}

/* The resulting list, including the steps that run without being listed. */
static void derive_steps(struct report *report, char *list, size_t size)
{
	size_t used = 0;
	*list = '\0';
	for (size_t i = 0; i < report->config->step_count && used < size; i++)
		used += (size_t)snprintf(list + used, size - used, "%s%s", i > 0 ? ", " : "", report->config->step[i].name);
	struct found found = find(report, "postprocessing", "steps");
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

static bool same(const char *one, const char *other)
{
	return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

/* Whether the store takes this value from the events: it is not set, and the effective value is not the default. */
static void derive_from_events(struct report *report, const char *key, const char *value, const char *other)
{
	char origin[ORIGIN_SIZE];
	if (!same(value, other))
		return;
	snprintf(origin, sizeof origin, "as [events] %s", key);
	derive(report, value, origin);
}

/* A password counts from its file if it has one, see read_password() and where the URL of the broker may have
 * credentials. */
static void derive_password(struct report *report, const char *section, const struct broker_address *address)
{
	struct found direct = find(report, section, "password"), file = find(report, section, "password_file");
	if (address->password != NULL && file.value != NULL && (direct.value == NULL || direct.rank < file.rank))
		derive(report, address->password, file.place);
}

/* The values in the broker's URL besides the address. */
static void derive_from_url(struct report *report, const char *section, const char *url_key,
                            const struct broker_address *address)
{
	char origin[ORIGIN_SIZE];
	const char *key = report->value.key;
	struct found url = find(report, section, url_key);
	bool credentials = strcmp(key, "username") == 0 || strcmp(key, "password") == 0;
	const char *counts = strcmp(key, "username") == 0 ? address->username : address->password;
	if (url.value == NULL || (address->token == NULL && credentials && same(counts, report->value.value)))
		return;
	snprintf(origin, sizeof origin, "from the URL in %s (%s)", url_key, url.place);
	if (credentials)
		derive(report, counts, origin);
	else if (strcmp(key, "enable_tls") == 0 && address->tls_by_url)
		derive(report, "true", origin);
}

/* Verification stays on, because there is a certificate to verify with. */
static void derive_verified(struct report *report, bool insecure, const char *because)
{
	char origin[ORIGIN_SIZE];
	if (insecure || !same(report->value.value, "true"))
		return;
	snprintf(origin, sizeof origin, "%s, no effect because %s is set", report->value.origin, because);
	derive(report, "false", origin);
}

static void derive_broker(struct report *report, const char *section, const char *url_key,
                          const struct broker_address *address)
{
	const char *key = report->value.key;
	char origin[ORIGIN_SIZE];
	if (strcmp(key, url_key) == 0 && report->value.value != NULL && strchr(report->value.value, '@') != NULL) {
		snprintf(origin, sizeof origin, "%s, credentials omitted", report->value.origin);
		derive(report, address->endpoint, origin); /* if the URL contains credentials too, it is an invalid secret */
	}
	if (strcmp(key, "password") == 0)
		derive_password(report, section, address);
	if (strcmp(key, "username") == 0 || strcmp(key, "password") == 0 || strcmp(key, "enable_tls") == 0)
		derive_from_url(report, section, url_key, address);
	if (strcmp(key, "tls_insecure") == 0)
		derive_verified(report, address->tls_insecure, "tls_root_ca_certificate");
	if (strcmp(key, "tls_root_ca_certificate") == 0 && address->ca_file != NULL)
		report->value.value = address->ca_file; /* with what $CREDENTIALS_DIRECTORY stands for */
}

/* The values that the store takes from the events, see complete_store(). */
static void derive_store(struct report *report, bool is_set)
{
	const struct broker_address *store = &report->config->store, *events = &report->config->events;
	const char *key = report->value.key;
	bool one = same(store->endpoint, events->endpoint);
	if (strcmp(key, "nodes") == 0 && !is_set)
		derive_from_events(report, "endpoint", store->endpoint, events->endpoint);
	if (is_set || !one)
		return;
	if (strcmp(key, "username") == 0 && store->username != NULL)
		derive_from_events(report, "username", store->username, events->username);
	if (strcmp(key, "password") == 0 && store->password != NULL)
		derive_from_events(report, "password", store->password, events->password);
	if (strcmp(key, "enable_tls") == 0 && store->tls)
		derive_from_events(report, "enable_tls", "true", events->tls ? "true" : "false");
	if (strcmp(key, "tls_insecure") == 0 && store->tls_insecure)
		derive_from_events(report, "tls_insecure", "true", events->tls_insecure ? "true" : "false");
	if (strcmp(key, "tls_root_ca_certificate") == 0 && store->ca_file != NULL)
		derive_from_events(report, "tls_root_ca_certificate", store->ca_file, events->ca_file);
}

static void report_key(struct report *report, const struct config_key *row)
{
	const struct config *config = report->config;
	struct found found = source_find(config->source, row->section, &row->key, (row->flags & KEY_NO_VARIABLE) == 0);
	char steps[1024];
	report->value = (struct config_value){.section = row->section, .key = row->key.name};
	take_found(report, &row->key, &found, row->key.fallback);
	if (strcmp(row->section, "events") == 0)
		derive_broker(report, "events", "endpoint", &config->events);
	else if (strcmp(row->section, "store") == 0)
		derive_broker(report, "store", "nodes", &config->store);
	if (strcmp(row->section, "store") == 0)
		derive_store(report, found.value != NULL);
	else if (strcmp(row->section, "content") == 0 && strcmp(row->key.name, "tls_insecure") == 0)
		derive_verified(report, config->content.tls_insecure, "ca_file");
	else if (strcmp(row->key.name, "state_dir") == 0 && found.value == NULL)
		derive_state_dir(report);
	else if (strcmp(row->key.name, "steps") == 0)
		derive_steps(report, steps, sizeof steps);
	pass(report);
}

/* Keys kept for old configurations, if they are set. Their effect is shown at other keys. */
static void report_legacy(struct report *report)
{
	const struct pp_key *key;
	for (size_t i = 0; (key = legacy_key(i)) != NULL; i++) {
		struct found found = source_find(report->config->source, "postprocessing", key, false);
		report->value = (struct config_value){.section = "postprocessing", .key = key->name};
		take_found(report, key, &found, key->fallback);
		if (found.value != NULL)
			pass(report);
	}
}

void config_each_value(const struct config *config, config_value_each *each, void *closure)
{
	struct report report = {.config = config, .each = each, .closure = closure};
	for (const struct config_section *section = config_sections; section->name != NULL; section++) {
		for (const struct config_key *row = config_keys; row->section != NULL; row++)
			if (strcmp(row->section, section->name) == 0)
				report_key(&report, row);
		if (strcmp(section->name, "postprocessing") == 0)
			report_legacy(&report);
	}
}

/* A key of every step: its default may be a key of the service. */
static void report_step_key(struct report *report, const char *section, const struct config_key *row, const char *name)
{
	struct found found = source_find(report->config->source, section, &row->key, true);
	const struct config_key *service = config_keys_find("postprocessing", row->key.name);
	report->value = (struct config_value){.section = section, .key = row->key.name};
	if (found.value == NULL && service != NULL) {
		struct found general = find(report, "postprocessing", row->key.name);
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

void config_each_step_value(const struct config *config, const struct step_config *step, const struct pp_setup *setup,
                            config_value_each *each, void *closure)
{
	struct report report = {.config = config, .each = each, .closure = closure};
	char section[STEP_SECTION_SIZE];
	struct pp_key key;
	struct found found;
	step_section(step->name, section);
	for (const struct config_key *row = step_keys; row->section != NULL; row++)
		report_step_key(&report, section, row, step->name);
	for (size_t i = 0; setup != NULL && step_setup_key(setup, i, &key); i++) {
		found = source_find(config->source, section, &key, true);
		report.value = (struct config_value){.section = section, .key = key.name};
		take_found(&report, &key, &found, key.fallback);
		pass(&report);
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
