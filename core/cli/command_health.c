/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/client/json_text.h"
#include "core/client/service_http.h"
#include "core/client/service_match.h"

static const char usage[] =
	"usage: postprocessing health [-c FILE] [--json]\n"
	"Asks the running service whether it is ready, and shows what it depends on. Exit status: 0 ready,\n"
	"1 not ready, no answer, or another service answers.\n" OPTION_CONFIG_USAGE;

/* The service's answer. */
struct health {
	bool ready;
	char *body;       /* NULL: nothing */
	json_t *checks;   /* an array; NULL: unknown */
	char reason[512]; /* why it is not ready */
};

/* The first check that is not ready. */
static void find_reason(struct health *health)
{
	size_t i;
	const json_t *check;
	json_array_foreach(health->checks, i, check)
	{
		if (health->reason[0] != '\0' || json_is_true(json_object_get(check, "ready")))
			continue;
		const char *name = json_member(check, "name");
		snprintf(health->reason, sizeof health->reason, "%s%s%s: %s", json_member(check, "thing"),
		         *name != '\0' ? " " : "", name, json_member(check, "reason"));
	}
}

/* The service reports on its only audit log without a name. */
static void name_audit_log(json_t *checks, const char *path)
{
	size_t i;
	json_t *check;
	json_array_foreach(checks, i, check)
	{
		if (strcmp(json_member(check, "thing"), "audit log") == 0 && json_member(check, "name")[0] == '\0')
			json_object_set_new(check, "name", json_text(path));
	}
}

static void ask(struct health *health, const struct config *config)
{
	struct text body = {0};
	long status = service_http_get(config, "/readyz", &body, health->reason, sizeof health->reason);
	health->ready = status == 200;
	health->body = text_take(&body);
	if (status == 0 || health->body == NULL)
		return;
	json_t *answer = json_loads(health->body, 0, NULL);
	if (!service_match(config, answer, health->reason, sizeof health->reason)) {
		health->ready = false;
		json_decref(answer);
		return;
	}
	health->checks = json_incref(json_object_get(answer, "checks"));
	json_decref(answer);
	if (json_is_array(health->checks)) {
		if (config->audit_file != NULL)
			name_audit_log(health->checks, config->audit_file);
		find_reason(health);
		return;
	}
	/* Another version of the service, or another program on that address. */
	json_decref(health->checks);
	health->checks = NULL;
	snprintf(health->reason, sizeof health->reason, "%.*s", (int)strcspn(health->body, "\n"), health->body);
}

/* False: see json_print(). */
static bool print_json(const struct health *health)
{
	json_t *checks = health->checks != NULL ? json_incref(health->checks) : json_array();
	json_t *json =
		json_pack("{s:b, s:o, s:o}", "ready", health->ready, "reason", json_text(health->reason), "checks", checks);
	bool good = json_print(json);
	json_decref(json);
	return good;
}

static int width_of(const json_t *checks, const char *name, int width)
{
	size_t i;
	const json_t *check;
	json_array_foreach(checks, i, check) width =
		terminal_width(json_member(check, name)) > width ? terminal_width(json_member(check, name)) : width;
	return width;
}

/* To the second. */
static const char *since_of(const json_t *check, char text[TIME_TEXT_SIZE])
{
	const char *since = json_member(check, "since");
	size_t whole = strcspn(since, ".");
	snprintf(text, TIME_TEXT_SIZE, "%.*s%s", whole < TIME_TEXT_SIZE ? (int)whole : 0, since,
	         since[whole] == '.' ? "Z" : "");
	return text;
}

static bool print_table(const struct health *health)
{
	size_t i;
	const json_t *check;
	char text[TIME_TEXT_SIZE];
	if (health->checks == NULL) {
		FILE *to = health->ready ? stdout : stderr;
		terminal_print(to, health->reason);
		return putc('\n', to) != EOF;
	}
	int thing = width_of(health->checks, "thing", 5), name = width_of(health->checks, "name", 4);
	printf("%s\n%-*s  %-*s  READY  %-20s  REASON\n", health->ready ? "ready" : "not ready", thing, "THING", name,
	       "NAME", "SINCE");
	json_array_foreach(health->checks, i, check)
	{
		terminal_cell(stdout, json_member(check, "thing"), thing);
		terminal_cell(stdout, json_member(check, "name"), name);
		terminal_cell(stdout, json_is_true(json_object_get(check, "ready")) ? "yes" : "no", 5);
		terminal_cell(stdout, since_of(check, text), 20);
		terminal_print(stdout, json_member(check, "reason"));
		putchar('\n');
	}
	return ferror(stdout) == 0;
}

int command_health(int argc, char **argv)
{
	struct command_options options;
	int first = command_read(argc, argv, &(struct command_syntax){.usage = usage}, &options);
	if (first < 0)
		return -1 - first;
	struct config *config = command_config(options.config_path);
	if (config == NULL)
		return EXIT_ERROR;
	if (config->http_addr == NULL || config->http_addr[0] == '\0') {
		fputs("[http] addr is empty: the service does not serve HTTP\n", stderr);
		config_free(config);
		return EXIT_ERROR;
	}
	struct health health = {.reason = ""};
	ask(&health, config);
	bool shown = options.json ? print_json(&health) : print_table(&health);
	json_decref(health.checks);
	free(health.body);
	config_free(config);
	return !shown ? EXIT_ERROR : health.ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
