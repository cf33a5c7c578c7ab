/* SPDX-License-Identifier: Apache-2.0
 * The input is up to three texts, separated by NULs: the main file, a file of steps.d, and the environment, one
 * variable per line. The result is either valid or has problems. */
#include <stdlib.h>
#include <string.h>

#include "core/abi/host.h"
#include "core/config/config_effective.h"
#include "core/config/config_source.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/require.h"

#define VARIABLES_MAX 256
#define STEPS_MAX 72

static const struct pp_key keys[] = {
	{.name = "duration", .type = PP_KEY_DURATION, .environment = "POSTPROCESSING_DELAY", .fallback = "1s", .max = HOUR},
	{.name = "socket", .environment = "A B"},
	{.name = "limit", .type = PP_KEY_SIZE},
	{.name = "tries", .type = PP_KEY_INTEGER, .min = -5, .max = 5, .required = 1},
	{.name = "infected", .type = PP_KEY_CHOICE, .choices = "delete abort continue", .fallback = "delete"},
	{.name = "quick", .type = PP_KEY_BOOL},
	{.name = "endpoints", .type = PP_KEY_LIST, .max = 3},
	{.name = "licence", .type = PP_KEY_SECRET},
	{.name = "rules", .type = PP_KEY_PATH},
	{.name = NULL}};

static void check_problems(const struct problems *problems)
{
	REQUIRE(problems->count <= 1001);
	for (size_t i = 0; i < problems->count; i++)
		for (const char *c = problems->line[i]; *c != '\0'; c++)
			REQUIRE((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void check_steps(const struct config *config)
{
	char why[VALUE_WHY_SIZE];
	REQUIRE(config->step_count <= STEPS_MAX);
	for (size_t i = 0; i < config->step_count; i++) {
		const struct step_config *step = &config->step[i];
		REQUIRE(step_name_check(step->name, why, sizeof why));
		REQUIRE(step->module != NULL);
		REQUIRE(step->workers >= 1 && step->workers <= 1024);
		REQUIRE(step->max_retries <= 1000);
		REQUIRE(step->deadline > 0 && step->retry_backoff > 0);
		for (size_t j = 0; j < i; j++)
			REQUIRE(strcmp(step->name, config->step[j].name) != 0);
	}
}

static void check_sound(const struct config *config)
{
	REQUIRE(config->events.endpoint != NULL && config->store.endpoint != NULL);
	REQUIRE(config->consumer != NULL && config->bucket != NULL);
	REQUIRE(config->state_dir != NULL && config->state_dir[0] == '/');
	REQUIRE(config->plugin_dir != NULL);
	REQUIRE(config->max_in_flight >= 1 && config->shutdown_grace >= 0);
}

static void check_setups(struct config *config, struct problems *problems)
{
	for (size_t i = 0; i < config->step_count; i++) {
		size_t before = problems->count;
		struct step_setup *setup = step_setup_create(config, &config->step[i], keys, sizeof keys[0], problems);
		REQUIRE(setup != NULL);
		int64_t tries = host_services.number(step_setup_host(setup), "tries"),
				duration = host_services.number(step_setup_host(setup), "duration");
		REQUIRE(tries >= -5 && tries <= 5);
		int64_t endpoints = host_services.number(step_setup_host(setup), "endpoints");
		const char *rules = host_services.string(step_setup_host(setup), "rules");
		REQUIRE(endpoints >= 0 && endpoints <= 3);
		REQUIRE(host_services.item(step_setup_host(setup), "endpoints", (size_t)endpoints) == NULL);
		REQUIRE(endpoints == 0 || host_services.item(step_setup_host(setup), "endpoints", 0)[0] != '\0');
		REQUIRE(rules == NULL || rules[0] == '/');
		REQUIRE(duration >= 0 && duration <= HOUR);
		REQUIRE(host_services.number(step_setup_host(setup), "limit") >= 0);
		REQUIRE(problems->count != before || before > 1000 ||
		        host_services.string(step_setup_host(setup), "tries") != NULL);
		step_setup_free(setup);
	}
}

static void check_value(void *closure, const struct config_value *value)
{
	(void)closure;
	bool hidden = strcmp(value->key, "password") == 0 || strcmp(value->key, "token") == 0;
	REQUIRE(value->section[0] != '\0' && value->key[0] != '\0' && value->origin != NULL && value->origin[0] != '\0');
	REQUIRE(value->value == NULL || (!value->secret && value->value[0] != '\0'));
	REQUIRE(!hidden || value->value == NULL);
	bool address = strcmp(value->section, "events") == 0 && strcmp(value->key, "endpoint") == 0;
	REQUIRE(!address || value->value == NULL || strchr(value->value, '@') == NULL);
}

/* What the commands and the log show of it. */
static void check_told(struct config *config, struct problems *problems)
{
	static const struct pp_step_module table = {.keys = keys, .key_size = sizeof keys[0]};
	static const char *const modules[] = {"delay", "remote", "virusscan", NULL};
	const struct pp_step_module *known[STEPS_MAX];
	REQUIRE(config->step_count <= STEPS_MAX);
	for (size_t i = 0; i < STEPS_MAX; i++)
		known[i] = i % 3 == 0 ? NULL : &table;
	config_find_unused(config, known, (char *const *)(uintptr_t)modules);
	check_problems(&config->warnings);
	check_problems(&config->notes);
	config_each_value(config, check_value, NULL);
	for (size_t i = 0; i < config->step_count; i++) {
		struct step_setup *setup =
			i % 2 == 0 ? NULL : step_setup_create(config, &config->step[i], keys, sizeof keys[0], problems);
		config_each_step_value(config, &config->step[i], setup, check_value, NULL);
		step_setup_free(setup);
	}
}

/* Cuts the text into its lines, in place; NULL-terminated. */
static void split_lines(char *text, char *line[VARIABLES_MAX + 1])
{
	size_t count = 0;
	char *rest;
	for (char *part = strtok_r(text, "\n", &rest); part != NULL && count < VARIABLES_MAX;
	     part = strtok_r(NULL, "\n", &rest))
		line[count++] = part;
	line[count] = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *main_file = (const char *)data, *end = main_file + size;
	const char *dropin = size == 0 ? NULL : memchr(main_file, '\0', size);
	const char *environment = dropin == NULL ? NULL : memchr(dropin + 1, '\0', (size_t)(end - dropin - 1));
	char *text = environment == NULL ? strdup("") : strndup(environment + 1, (size_t)(end - environment - 1));
	char *variable[VARIABLES_MAX + 1];
	REQUIRE(text != NULL);
	split_lines(text, variable);
	struct problems problems = {0};
	struct config_source *source = config_source_create(variable);
	free(text);
	REQUIRE(source != NULL);
	config_file_parse(source, "main.ini", main_file, (size_t)((dropin == NULL ? end : dropin) - main_file), RANK_MAIN,
	                  &problems);
	if (dropin != NULL)
		config_file_parse(source, "steps.d/a.ini", dropin + 1,
		                  (size_t)((environment == NULL ? end : environment) - dropin - 1), RANK_DROPIN, &problems);
	struct config *config = config_build(source, &problems);
	REQUIRE(config != NULL);
	check_problems(&problems);
	check_steps(config);
	if (problems.count == 0)
		check_sound(config);
	check_setups(config, &problems);
	check_told(config, &problems);
	check_problems(&problems);
	config_free(config);
	problems_free(&problems);
	return 0;
}
