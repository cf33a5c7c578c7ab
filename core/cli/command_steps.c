/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/abi/grant.h"
#include "core/abi/module_table.h"
#include "core/base/alloc.h"
#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/cli/findings.h"
#include "core/client/json_text.h"
#include "core/steps/checker.h"
#include "core/steps/preflight.h"
#include "core/steps/step_health.h"

static const char usage[] =
	"usage: postprocessing steps [-c FILE] [-k] [--json]\n"
	"Shows the configured steps in order, whether each can work now, the available modules, and all\n"
	"problems in the configuration. Exit status: 0 no problems, 2 problems.\n"
	"  -k, --keys  also show the keys that each module has in its step's section\n" OPTION_CONFIG_USAGE;

/* Adds one module of the plugin folders: what it is, or why it is refused. */
struct catalogue {
	struct modules *modules;
	json_t *array;
};

/* Modules and paths may have any encoding. */
static json_t *text_of(const char *text)
{
	return text != NULL ? json_text(text) : NULL;
}

static json_t *describe_keys(const struct pp_step_module *table)
{
	static const char *const types[] = {"text",   "true or false", "number", "duration", "size",
	                                    "choice", "secret",        "list",   "path"};
	const size_t known = sizeof types / sizeof types[0];
	json_t *array = json_array();
	const struct pp_key *key = table->keys;
	for (; key != NULL && key->name != NULL; key = module_table_next_key(table, key)) {
		bool choice = key->type == PP_KEY_CHOICE && key->choices != NULL;
		json_array_append_new(array, json_pack("{s:o*, s:o*, s:o*, s:o*, s:o*}", "name", text_of(key->name), "type",
		                                       text_of(choice              ? key->choices
		                                               : key->type < known ? types[key->type]
		                                                                   : "?"),
		                                       "default", text_of(key->fallback), "environment",
		                                       text_of(key->environment), "help", text_of(key->help)));
	}
	return array;
}

/* The name of a file may be anything. */
static void add_module(void *closure, const char *name, const char *path)
{
	struct catalogue *catalogue = closure;
	char why[1024], abi[16];
	const struct module *module = modules_find(catalogue->modules, name, why, sizeof why);
	const struct pp_step_module *table = module != NULL ? &module->table : NULL;
	json_t *entry = json_pack("{s:o, s:o}", "name", json_text(name), "path", json_text(path));
	if (table == NULL) {
		json_object_set_new(entry, "refused", json_text(why));
	} else {
		snprintf(abi, sizeof abi, "%u.%u", table->abi_major, table->abi_minor);
		json_t *more = json_pack("{s:s, s:o*, s:o*, s:o}", "abi", abi, "version", text_of(table->version), "summary",
		                         text_of(table->summary), "keys", describe_keys(table));
		json_object_update(entry, more);
		json_decref(more);
	}
	json_array_append_new(catalogue->array, entry);
}

static json_t *describe_steps(const struct config *config)
{
	json_t *array = json_array();
	for (size_t i = 0; i < config->step_count; i++) {
		const struct step_config *step = &config->step[i];
		char deadline[DURATION_TEXT_SIZE], backoff[DURATION_TEXT_SIZE];
		json_array_append_new(array, json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:s}", "name", step->name, "module",
		                                       step->module, "workers", (int)step->workers, "deadline",
		                                       duration_format(step->deadline, deadline), "max_retries",
		                                       (int)step->max_retries, "retry_backoff",
		                                       duration_format(step->retry_backoff, backoff), "on_exhausted",
		                                       step->on_exhausted == EXHAUSTED_CONTINUE ? "continue" : "abort"));
	}
	return array;
}

/* The result of a step's check: null if it has none; "ready" is null if it could not be called. If it passed, "reason"
 * is what it notes, or "". */
static json_t *describe_check(const struct step *step, const struct check_answer *answer)
{
	if (step == NULL || step->faulty || (step->instance == NULL && !step->isolated))
		return json_pack("{s:n, s:s}", "ready", "reason", "not checked because of the errors");
	if (!checker_wanted(step) && (!step->isolated || answer->passed))
		return json_null();
	return json_pack("{s:b, s:o}", "ready", answer->passed, "reason", json_text(answer->why));
}

/* What an isolated step's module declares, and what it may do. */
static void describe_grants(const struct step *step, json_t *entry)
{
	char declared[GRANTS_TEXT_SIZE], granted[GRANTS_TEXT_SIZE];
	json_object_set_new(entry, "isolation", json_string(step->isolated ? "process" : "thread"));
	if (step->isolated)
		json_object_set_new(entry, "sandbox",
		                    json_pack("{s:s, s:s, s:s}", "declared", grants_format(step->declared, declared), "granted",
		                              grants_format(step->granted, granted), "missing", step->missing));
}

/* Adds to each step whether it can work; "check" is null for a step without a check. *stuck: see checker.h. */
static void add_checks(const struct preflight *preflight, json_t *array, bool *stuck)
{
	const struct steps *steps = preflight->steps;
	struct check_answer *answer = steps != NULL ? alloc_zeroed(steps->count + 1, sizeof *answer) : NULL;
	/* What a check says for the log of a service is not for here. */
	enum log_level level = preflight->log.level;
	const struct log log = {.fd = preflight->log.fd, .level = level < LOG_WARNING ? level : LOG_WARNING};
	bool asked = answer != NULL && checker_run_once(steps, answer, CHECK_TIME, &log, stuck);
	for (size_t i = 0; i < json_array_size(array); i++) {
		bool known = asked && i < steps->count;
		if (known)
			describe_grants(&steps->step[i], json_array_get(array, i));
		json_object_set_new(json_array_get(array, i), "check",
		                    describe_check(known ? &steps->step[i] : NULL, known ? &answer[i] : NULL));
	}
	free(answer);
}

/* Prints a text from a module or the configuration between two texts of ours. */
static void print(const char *before, const char *text, const char *behind)
{
	fputs(before, stdout);
	terminal_print(stdout, text);
	fputs(behind, stdout);
}

static void print_keys(const json_t *module)
{
	size_t i;
	json_t *key;
	json_array_foreach(json_object_get(module, "keys"), i, key)
	{
		print("    ", json_member(key, "name"), " = ");
		print("", json_member(key, "default"), "    (");
		print("", json_member(key, "type"), ")\n");
		print("        ", json_member(key, "help"), "\n");
		if (json_member(key, "environment")[0] != '\0')
			print("        variable: ", json_member(key, "environment"), "\n");
	}
}

static void print_module(const json_t *module)
{
	const char *refused = json_member(module, "refused");
	terminal_cell(stdout, json_member(module, "name"), 19);
	printf("%-5s ", json_member(module, "abi"));
	terminal_cell(stdout, json_member(module, "version"), 9);
	print(refused[0] != '\0' ? "refused: " : "", refused[0] != '\0' ? refused : json_member(module, "summary"), "\n");
}

static void print_check(const json_t *check)
{
	if (!json_is_object(check)) {
		fputs("none", stdout);
	} else if (json_is_null(json_object_get(check, "ready"))) {
		fputs("not checked", stdout);
	} else if (json_is_true(json_object_get(check, "ready"))) {
		fputs("ok", stdout);
		print(json_member(check, "reason")[0] != '\0' ? ": " : "", json_member(check, "reason"), "");
	} else {
		fputs("fails: ", stdout);
		terminal_print(stdout, json_member(check, "reason"));
	}
}

/* What the modules of isolated steps may do, where it is more than nothing, or less than they declare. */
static void print_sandboxes(const json_t *steps)
{
	size_t i;
	json_t *entry;
	json_array_foreach(steps, i, entry)
	{
		const json_t *sandbox = json_object_get(entry, "sandbox");
		const char *declared = json_member(sandbox, "declared"), *granted = json_member(sandbox, "granted");
		if (sandbox == NULL || (strcmp(declared, "none") == 0 && strcmp(granted, "none") == 0))
			continue;
		print("    ", json_member(entry, "name"), " may use: ");
		printf("%s", granted);
		if (strcmp(declared, granted) != 0)
			printf(" (its module declares: %s)", declared);
		putchar('\n');
	}
}

static void print_report(const json_t *report, bool keys)
{
	size_t i;
	json_t *entry;
	const json_t *steps = json_object_get(report, "steps"), *problems = json_object_get(report, "problems");
	bool sound = json_array_size(problems) == 0;
	if (!sound)
		puts(FINDINGS_HEAD);
	if (json_array_size(steps) > 0)
		printf("%-3s %-15s  %-15s  %7s  %-9s %-20s %-9s %s\n", "", "STEP", "MODULE", "WORKERS", "DEADLINE", "RETRIES",
		       "THEN", "CHECK");
	else if (sound)
		puts("no steps: every upload is accepted at once");
	json_array_foreach(steps, i, entry)
	{
		char retries[64];
		snprintf(retries, sizeof retries, "%d, first after %s",
		         (int)json_integer_value(json_object_get(entry, "max_retries")), json_member(entry, "retry_backoff"));
		printf("%2zu. ", i + 1);
		terminal_cell(stdout, json_member(entry, "name"), 15);
		terminal_cell(stdout, json_member(entry, "module"), 15);
		printf("%7d  %-9s %-20s %-9s ", (int)json_integer_value(json_object_get(entry, "workers")),
		       json_member(entry, "deadline"), retries, json_member(entry, "on_exhausted"));
		print_check(json_object_get(entry, "check"));
		putchar('\n');
	}
	print_sandboxes(steps);
	if (json_is_true(json_object_get(report, "delay_appended")))
		puts("    (a delay is set, but `delay` is not in the list of steps; it runs last)");
	printf("\n%-19s  %-5s %-9s  %s\n", "MODULE", "ABI", "VERSION", "");
	json_array_foreach(json_object_get(report, "modules"), i, entry)
	{
		print_module(entry);
		if (keys)
			print_keys(entry);
	}
	if (json_array_size(json_object_get(report, "modules")) == 0)
		puts("none found");
	findings_print(report);
	if (!sound)
		puts("\n" FINDINGS_HINT);
}

/* Everything that there is to say. */
static json_t *make_report(const struct preflight *preflight)
{
	const struct config *config = preflight->config;
	struct catalogue catalogue = {.modules = preflight->modules, .array = json_array()};
	if (preflight->modules != NULL)
		modules_list(preflight->modules, add_module, &catalogue);
	json_t *report = alloc_checked(
		json_pack("{s:o, s:o, s:b}", "steps", config != NULL ? describe_steps(config) : json_array(), "modules",
	              catalogue.array, "delay_appended", config != NULL && config->delay_appended));
	findings_add(report, preflight);
	return report;
}

static bool want_keys(void *closure, int letter, const char *value)
{
	(void)letter;
	(void)value;
	*(bool *)closure = true;
	return true;
}

static const struct option names[] = {{"keys", no_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};

int command_steps(int argc, char **argv)
{
	struct command_options options;
	bool keys = false;
	const struct command_syntax syntax = {
		.usage = usage, .letters = "k", .names = names, .take = want_keys, .closure = &keys};
	int first = command_read(argc, argv, &syntax, &options);
	if (first < 0)
		return -1 - first;
	struct preflight preflight;
	bool sound = preflight_make(&preflight, options.config_path);
	bool stuck = false;
	json_t *report = make_report(&preflight);
	add_checks(&preflight, json_object_get(report, "steps"), &stuck);
	if (!stuck)
		preflight_free(&preflight);
	if (options.json)
		json_print(report);
	else
		print_report(report, keys);
	json_decref(report);
	fflush(stdout);
	if (stuck) /* a thread is in the module: nothing may be unloaded under it */
		_exit(sound ? EXIT_SUCCESS : EXIT_ERROR);
	return sound ? EXIT_SUCCESS : EXIT_ERROR;
}
