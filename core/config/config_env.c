/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/config/config_source.h"

static const struct variable *find_variable(const struct config_source *source, const char *name, size_t length)
{
	for (size_t i = 0; i < source->variable_count; i++) {
		const struct variable *variable = &source->variable[i];
		if (strncmp(variable->name, name, length) == 0 && variable->name[length] == '\0')
			return variable;
	}
	return NULL;
}

const struct variable *source_variable(const struct config_source *source, const char *name)
{
	return find_variable(source, name, strlen(name));
}

bool variable_name(char name[VARIABLE_NAME_SIZE], const char *section, const char *key)
{
	/* The keys of the service itself have no middle part. */
	bool middle = strcmp(section, "postprocessing") != 0;
	int length =
		snprintf(name, VARIABLE_NAME_SIZE, "POSTPROCESSING_%s%s%s", middle ? section : "", middle ? "_" : "", key);
	if (length < 0 || length >= VARIABLE_NAME_SIZE)
		return false;
	for (char *c = name; *c != '\0'; c++)
		*c = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ? (char)toupper(*c) : '_';
	return true;
}

/* The first of the names, separated by spaces, that is set. */
static const struct variable *first_variable(const struct config_source *source, const char *names)
{
	const struct variable *variable = NULL;
	const char *name;
	size_t length;
	while (variable == NULL && (name = text_next_word(&names, &length)) != NULL)
		variable = find_variable(source, name, length);
	return variable;
}

struct found source_find(const struct config_source *source, const char *section, const struct pp_key *key, bool own)
{
	char name[VARIABLE_NAME_SIZE];
	const struct variable *variable = NULL;
	if (own && variable_name(name, section, key->name))
		variable = source_variable(source, name);
	if (variable == NULL)
		variable = first_variable(source, key->environment);
	if (variable != NULL)
		return (struct found){variable->value, variable->name, RANK_ENVIRONMENT};
	const struct setting *setting = section_find(source_section(source, section), key->name);
	if (setting != NULL)
		return (struct found){setting->value, setting->place, setting->rank};
	return (struct found){0};
}

static bool ends(const char *text, const char *suffix)
{
	size_t length = strlen(text), end = strlen(suffix);
	return length >= end && strcmp(text + length - end, suffix) == 0;
}

bool variable_is_service_link(const struct variable *variable)
{
	const char *name = variable->name, *port = strstr(name, "_PORT_");
	if (ends(name, "_SERVICE_HOST") || ends(name, "_SERVICE_PORT") || strstr(name, "_SERVICE_PORT_") != NULL)
		return true;
	if (ends(name, "_PORT") && strstr(variable->value, "://") != NULL)
		return true;
	size_t digits = port == NULL ? 0 : strspn(port + 6, "0123456789");
	const char *rest = digits == 0 ? "" : port + 6 + digits;
	return strncmp(rest, "_TCP", 4) == 0 || strncmp(rest, "_UDP", 4) == 0 || strncmp(rest, "_SCTP", 5) == 0;
}
