/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/reference.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/base/utf8.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"

#define WIDTH 100

/* Words in lines of at most WIDTH, each line behind `lead`. A line of man(7) must not begin as a request does: no help
 * has a word that begins with a point or an apostrophe, which add_roff_word() makes sure of. */
static void add_wrapped(struct text *text, const char *lead, const char *words,
                        void (*add)(struct text *, const char *, size_t))
{
	size_t column = 0;
	while (*words != '\0') {
		size_t length = strcspn(words, " ");
		if (column > 0 && column + 1 + length > WIDTH) {
			text_add(text, "\n");
			column = 0;
		}
		text_add(text, column == 0 ? lead : " ");
		column += length + (column == 0 ? strlen(lead) : 1);
		add(text, words, length);
		words += length;
		words += strspn(words, " ");
	}
	text_add(text, "\n");
}

static void add_word(struct text *text, const char *word, size_t length)
{
	text_add_bytes(text, word, length);
}

static void add_roff_word(struct text *text, const char *word, size_t length)
{
	if (*word == '.' || *word == '\'')
		text_add(text, "\\&");
	for (size_t i = 0; i < length;) {
		uint32_t character = '?';
		size_t size = utf8_read(word + i, length - i, &character);
		if (character > 0x7f)
			text_format(text, "\\[u%04X]", (unsigned)character);
		else if (character == '\\' || character == '-' || character == '~')
			text_add(text, character == '\\' ? "\\e" : character == '-' ? "\\-" : "\\(ti");
		else
			text_add_bytes(text, word + i, 1);
		i += size == 0 ? 1 : size;
	}
}

static void add_roff(struct text *text, const char *words)
{
	add_roff_word(text, words, strlen(words));
}

/* "From 1 to 1024.", "One of: abort, continue."; empty: any value of its type. */
static void describe_range(const struct pp_key *key, char *range, size_t size)
{
	char least[LIMIT_TEXT_SIZE], most[LIMIT_TEXT_SIZE];
	bool limited = (key->min != 0 || key->max != 0) &&
	               (key->type == PP_KEY_DURATION || key->type == PP_KEY_INTEGER || key->type == PP_KEY_SIZE);
	limit_format(key, key->min, least);
	limit_format(key, key->max, most);
	*range = '\0';
	if (limited && limit_is_above_zero(key))
		snprintf(range, size, "More than 0, and at most %s.", most);
	else if (limited)
		snprintf(range, size, "From %s to %s.", least, most);
	else if (key->type == PP_KEY_SECRET)
		snprintf(range, size, "It is safer in a file of its own, whose path %s_file is.", key->name);
	else if (key->type == PP_KEY_LIST)
		snprintf(range, size, "Several are separated by commas.");
	if (key->type != PP_KEY_CHOICE || key->choices == NULL || strchr(key->choices, ' ') == NULL)
		return;
	size_t used = (size_t)snprintf(range, size, "One of: ");
	for (const char *c = key->choices; *c != '\0' && used + 3 < size; c++)
		used += (size_t)snprintf(range + used, size - used, *c == ' ' ? ", " : "%c", *c);
	snprintf(range + used, size - used, ".");
}

static void add_ini_key(struct text *text, const struct pp_key *key, const char *example)
{
	char help[1024], range[256];
	describe_range(key, range, sizeof range);
	snprintf(help, sizeof help, "%s%s%s", key->help, *range == '\0' ? "" : " ", range);
	const char *value = key->fallback != NULL ? key->fallback : example != NULL ? example : "";
	if (key->fallback == NULL && *value != '\0')
		snprintf(help + strlen(help), sizeof help - strlen(help), " Example:");
	text_add(text, "\n");
	add_wrapped(text, "# ", help, add_word);
	text_format(text, ";%s =%s%s\n", key->name, *value == '\0' ? "" : " ", value);
}

static void add_man_variables(struct text *text, const struct config_key *row, const struct pp_key *key)
{
	char name[VARIABLE_NAME_SIZE] = "", variables[1024];
	bool own = row != NULL && (row->flags & KEY_NO_VARIABLE) == 0 && strcmp(row->section, "step") != 0 &&
	           variable_name(name, row->section, key->name);
	bool more = key->environment != NULL;
	snprintf(variables, sizeof variables, "%s%s%s", own ? name : "", own && more ? " " : "",
	         more ? key->environment : "");
	if (*variables == '\0')
		return;
	text_format(text, ".br\n%s:", strchr(variables, ' ') == NULL ? "Variable" : "Variables");
	char *rest;
	for (const char *part = strtok_r(variables, " ", &rest), *next; part != NULL; part = next) {
		next = strtok_r(NULL, " ", &rest);
		text_format(text, "\n%s%s", part, next != NULL ? "," : "");
	}
	text_add(text, "\n");
}

/* `row` NULL: a key without an own variable of a fixed name. */
static void add_man_key(struct text *text, const struct config_key *row, const struct pp_key *key)
{
	static const char *const types[] = {"text", "true | false", "number", "duration", "size",
	                                    "word", "secret",       "list",   "path"};
	char range[256];
	text_add(text, ".TP\n\\fB");
	add_roff(text, key->name);
	text_format(text, "\\fR = \\fI%s\\fR\n", key->type < sizeof types / sizeof types[0] ? types[key->type] : "text");
	add_wrapped(text, "", key->help, add_roff_word);
	describe_range(key, range, sizeof range);
	if (*range != '\0')
		add_wrapped(text, "", range, add_roff_word);
	if (key->fallback != NULL && *key->fallback != '\0') {
		text_add(text, ".br\nDefault: \\fB");
		add_roff(text, key->fallback);
		text_add(text, "\\fR\n");
	}
	add_man_variables(text, row, key);
	if (row != NULL && (row->flags & KEY_START) != 0)
		text_add(text, ".br\nRead only when the service starts.\n");
}

/* The keys of one section; those of steps are in `step`. Calls one of the two with each. */
static void add_ini_section(struct text *text, const struct config_section *section)
{
	text_format(text, "\n[%s]\n", section->name);
	add_wrapped(text, "# ", section->help, add_word);
	for (const struct config_key *key = config_keys; key->section != NULL; key++)
		if (strcmp(key->section, section->name) == 0)
			add_ini_key(text, &key->key, key->example);
}

static const struct pp_key *next_key(const struct reference_step *step, const struct pp_key *key)
{
	return (const struct pp_key *)(const void *)((const char *)key + step->key_size);
}

void reference_add_ini(struct text *text, const struct reference_step *step)
{
	const struct reference_step *first = step;
	for (const struct config_section *section = config_sections; section->name != NULL; section++)
		add_ini_section(text, section);
	for (; step->name != NULL; step++) {
		if (step->keys == NULL)
			continue;
		text_format(text, "\n[step:%s]\n", step->name);
		add_wrapped(text, "# ",
		            step == first ? "A step has a section of its own. The first of these keys are those of every step."
		                          : "The keys of every step are those above.",
		            add_word);
		for (const struct config_key *key = step_keys; step == first && key->section != NULL; key++)
			add_ini_key(text, &key->key, key->example != NULL || key->key.fallback != NULL ? key->example : step->name);
		if (step == first) {
			text_add(text, "\n");
			add_wrapped(text, "# ", "The module's own keys; `postprocessing steps -k` shows those of all modules.",
			            add_word);
		}
		for (const struct pp_key *key = step->keys; key->name != NULL; key = next_key(step, key))
			add_ini_key(text, key, NULL);
	}
}

/* The variables that belong to no key, and those of the replaced services that are not read. */
static void add_man_variables_alone(struct text *text)
{
	text_add(text, ".SS Variables without a key\n");
	for (const struct config_section *variable = config_variables; variable->name != NULL; variable++) {
		text_format(text, ".TP\n\\fB%s\\fR\n", variable->name);
		add_wrapped(text, "", variable->help, add_roff_word);
	}
	text_add(text, ".SS Variables of oCIS and OpenCloud that are not read\n");
	text_add(text, "If one of them is set, the log says so at each start.\n");
	for (const struct replaced *replaced = replaced_variables; replaced->names != NULL; replaced++) {
		char names[512], *rest;
		snprintf(names, sizeof names, "%s", replaced->names);
		text_add(text, ".TP\n\\fB");
		for (const char *part = strtok_r(names, " ", &rest), *next; part != NULL; part = next) {
			next = strtok_r(NULL, " ", &rest);
			text_format(text, "%s%s", part, next != NULL ? ", " : "");
		}
		text_add(text, "\\fR\n");
		char advice[512];
		snprintf(advice, sizeof advice, "%s.", replaced->advice);
		advice[0] = (char)toupper((unsigned char)advice[0]);
		add_wrapped(text, "", advice, add_roff_word);
	}
}

void reference_add_man(struct text *text, const struct reference_step *step)
{
	for (const struct config_section *section = config_sections; section->name != NULL; section++) {
		text_format(text, ".SS [%s]\n", section->name);
		add_wrapped(text, "", section->help, add_roff_word);
		for (const struct config_key *key = config_keys; key->section != NULL; key++)
			if (strcmp(key->section, section->name) == 0)
				add_man_key(text, key, &key->key);
	}
	text_add(text, ".SS [step:NAME]\nEach step has these keys, and those of its module:\n");
	for (const struct config_key *key = step_keys; key->section != NULL; key++)
		add_man_key(text, key, &key->key);
	for (; step->name != NULL; step++) {
		text_format(text, ".SS Module %s\n", step->name);
		char summary[256];
		snprintf(summary, sizeof summary, "This module %s.%s", step->summary,
		         step->keys == NULL ? " It has no keys of its own." : "");
		add_wrapped(text, "", summary, add_roff_word);
		for (const struct pp_key *key = step->keys; key != NULL && key->name != NULL; key = next_key(step, key))
			add_man_key(text, NULL, key);
	}
	add_man_variables_alone(text);
}
