/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/cli/findings.h"
#include "core/client/json_text.h"
#include "core/config/config_effective.h"

static const char usage[] =
	"usage: postprocessing config [-c FILE] [--json]\n"
	"Shows the value in effect of every key, and where it comes from: file and line, a variable, or the\n"
	"default. Secrets are not shown. Errors in the configuration are shown too. Exit status: 0 no errors,\n"
	"2 errors.\n" OPTION_CONFIG_USAGE;

/* The width of "key = value" before the origin. */
#define WIDTH 52

static void add_value(void *closure, const struct config_value *value)
{
	static const char *const sources[] = {"default", "file", "variable", "derived"};
	json_t *text = value->value != NULL ? json_text(value->value) : json_null();
	json_array_append_new(closure, json_pack("{s:o, s:o, s:o, s:b, s:s, s:o}", "section", json_text(value->section),
	                                         "key", json_text(value->key), "value", text, "secret", value->secret,
	                                         "source", sources[value->source], "origin", json_text(value->origin)));
}

/* Everything that there is to say. */
static json_t *make_report(const struct preflight *preflight)
{
	const struct config *config = preflight->config;
	json_t *report = alloc_checked(json_object()), *values = json_array();
	if (config != NULL)
		config_each_value(config, add_value, values);
	for (size_t i = 0; config != NULL && i < config->step_count; i++) {
		const struct steps *steps = preflight->steps;
		bool made = steps != NULL && i < steps->count;
		config_each_step_value(config, &config->step[i], made ? steps->step[i].setup : NULL, add_value, values);
	}
	json_object_set_new(report, "values", values);
	findings_add(report, preflight);
	return report;
}

static void print_value(const json_t *value)
{
	const char *text = json_is_true(json_object_get(value, "secret")) ? "(not shown)" : json_member(value, "value");
	terminal_print(stdout, json_member(value, "key"));
	fputs(*text != '\0' ? " = " : " =", stdout);
	terminal_cell(stdout, text, WIDTH - terminal_width(json_member(value, "key")) - 3 + (*text == '\0'));
	terminal_print(stdout, json_member(value, "origin"));
	putchar('\n');
}

static void print_report(const json_t *report)
{
	const char *section = "";
	size_t i;
	json_t *value;
	if (json_array_size(json_object_get(report, "problems")) > 0)
		puts(FINDINGS_HEAD);
	json_array_foreach(json_object_get(report, "values"), i, value)
	{
		if (strcmp(section, json_member(value, "section")) != 0) {
			section = json_member(value, "section");
			printf("%s[", i > 0 ? "\n" : "");
			terminal_print(stdout, section);
			puts("]");
		}
		print_value(value);
	}
	findings_print(report);
}

int command_show_config(int argc, char **argv)
{
	struct command_options options;
	int first = command_read(argc, argv, &(struct command_syntax){.usage = usage}, &options);
	if (first < 0)
		return -1 - first;
	struct preflight preflight;
	bool sound = preflight_make(&preflight, options.config_path);
	json_t *report = make_report(&preflight);
	preflight_free(&preflight);
	bool shown = !options.json || json_print(report);
	if (!options.json)
		print_report(report);
	json_decref(report);
	return sound && shown ? EXIT_SUCCESS : EXIT_ERROR;
}
