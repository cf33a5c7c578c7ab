/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/terminal.h"
#include "core/base/utf8.h"
#include "core/cli/command.h"
#include "core/cli/findings.h"
#include "core/client/json_text.h"
#include "core/steps/trial.h"
#include "core/upload/upload.h"

static const char usage[] =
	"usage: postprocessing try [-n NAME] [-k] [--user ID] [--space ID] [--earlier STEP=WORD]… [--json]\n"
	"                          MODULE.so [FILE] [KEY=VALUE …]\n"
	"Runs a module on a file (without one: on an empty upload), in a process and a sandbox as in the\n"
	"service, but without broker and configuration. The keys are those of the step's section. Its log goes\n"
	"to standard error. Exit status: 0 continue, 1 abort or delete, 2 the module or a key is refused,\n"
	"3 retry (also if the module crashes), 4 it waits or holds the upload.\n"
	"  -n, --name NAME      the upload's file name (default: the name of FILE)\n"
	"  -k, --check          call the module's check first; if it fails, the module is not run (3)\n"
	"  --user ID            the user who uploads (default: unknown)\n"
	"  --space ID           the space that the upload is for (default: unknown)\n"
	"  --earlier STEP=WORD  a step that has ended with continue and with this verdict\n";

/* The exit statuses besides those of options.h. */
enum { EXIT_RETRY = 3, EXIT_WAITS = 4 };

#define CREATE_LIMIT (10 * SECOND)
#define CHECK_LIMIT (10 * SECOND)

struct attempt {
	const char *name; /* of the upload; NULL: that of the file */
	const char *file; /* NULL: none */
	bool check;
	const char *user, *space; /* NULL: unknown */
	struct earlier_step earlier[EARLIER_LIMIT];
	size_t earlier_count;
	int bytes;
	int64_t size;
	struct preflight preflight;
	const struct step *step;
	struct log log;
	char why[1024];
};

enum { OPTION_USER = 'U', OPTION_SPACE = 'S', OPTION_EARLIER = 'E' };

static const struct option names[] = {{"name", required_argument, NULL, 'n'},
                                      {"check", no_argument, NULL, 'k'},
                                      {"user", required_argument, NULL, OPTION_USER},
                                      {"space", required_argument, NULL, OPTION_SPACE},
                                      {"earlier", required_argument, NULL, OPTION_EARLIER},
                                      {NULL, 0, NULL, 0}};

static bool is_utf8(const char *text)
{
	for (size_t length = strlen(text), size; length > 0; text += size, length -= size)
		if ((size = utf8_length(text, length)) == 0)
			return false;
	return true;
}

/* The service tells modules of no other user or space. */
static bool take_id(const char *option, const char *value, const char **id)
{
	size_t length = strlen(value);
	*id = value;
	if (length > 0 && length <= PP_NAME_LIMIT && is_utf8(value))
		return true;
	terminal_error("%s: expected 1 to %u bytes of UTF-8", option, PP_NAME_LIMIT);
	return false;
}

static bool take_earlier(struct attempt *attempt, const char *value)
{
	size_t length = strcspn(value, "=");
	if (length == 0 || length > UPLOAD_STEP_NAME_LIMIT || value[length] == '\0' ||
	    !verdict_is_word(value + length + 1)) {
		terminal_error("--earlier %s: expected STEP=WORD, where WORD has 1 to %u characters a-z, 0-9 and -", value,
		               PP_VERDICT_LIMIT);
		return false;
	}
	if (attempt->earlier_count == EARLIER_LIMIT) {
		terminal_error("--earlier: %d steps at most", EARLIER_LIMIT);
		return false;
	}
	attempt->earlier[attempt->earlier_count++] = (struct earlier_step){
		.name = alloc_text_part(value, length), .outcome = PP_CONTINUE, .verdict = value + length + 1};
	return true;
}

static bool take_option(void *closure, int letter, const char *value)
{
	struct attempt *attempt = closure;
	switch (letter) {
	case 'n':
		attempt->name = value;
		return true;
	case OPTION_USER:
		return take_id("--user", value, &attempt->user);
	case OPTION_SPACE:
		return take_id("--space", value, &attempt->space);
	case OPTION_EARLIER:
		return take_earlier(attempt, value);
	default:
		return attempt->check = true;
	}
}

/* KEY=VALUE, and not a path. */
static bool is_key(const char *argument)
{
	size_t length = strcspn(argument, "=/");
	return argument[length] == '=';
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

static bool open_bytes(struct attempt *attempt)
{
	struct stat info;
	const char *path = attempt->file != NULL ? attempt->file : "/dev/null";
	attempt->bytes = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (attempt->bytes < 0 || fstat(attempt->bytes, &info) != 0) {
		terminal_error("%s: %s", path, strerror(errno));
		return false;
	}
	if (attempt->file != NULL && !S_ISREG(info.st_mode)) {
		terminal_error("%s: not a regular file", path);
		return false;
	}
	attempt->size = attempt->file != NULL ? (int64_t)info.st_size : 0;
	if (attempt->name == NULL)
		attempt->name = base_name(path);
	return true;
}

/* The configuration of a step with this module, and its trial. */
static bool prepare(struct attempt *attempt, const char *path, char *const *keys)
{
	char folder[PATH_MAX], name[NAME_MAX + 1];
	char *given = alloc_text_part(path, (size_t)(base_name(path) - path));
	bool exists = access(path, F_OK) == 0 && realpath(given[0] != '\0' ? given : ".", folder) != NULL;
	int reason = errno;
	size_t length = strlen(base_name(path));
	free(given);
	struct problems *problems = &attempt->preflight.problems;
	if (!exists || length < 4 || length > NAME_MAX || strcmp(base_name(path) + length - 3, ".so") != 0) {
		attempt->preflight = (struct preflight){.launch = {.program = -1}};
		problems_add(problems, "%s: %s", path, exists ? "the file of a module is named NAME.so" : strerror(reason));
		return false;
	}
	snprintf(name, sizeof name, "%.*s", (int)(length - 3), base_name(path));
	bool sound = preflight_make_step(&attempt->preflight, name, folder, keys);
	if (!sound)
		return false;
	attempt->step = &attempt->preflight.steps->step[0];
	if (attempt->step->module->builtin)
		problems_add(problems, "%s: a module of this name is built into the service, so this one is never used", path);
	return problems->count == 0;
}

static struct trial *start(struct attempt *attempt)
{
	struct start_message message;
	struct trial *trial;
	const struct step *step = attempt->step;
	attempt->why[0] = '\0';
	step_start_message(step, &message);
	char *folder = trial_folder();
	message.copies = folder;
	enum trial_result result = trial_create(step->launch, step->module->file, &message, step_setup_host(step->setup),
	                                        CREATE_LIMIT, &attempt->log, &trial, attempt->why, sizeof attempt->why);
	free(folder);
	if (result == TRIAL_GOOD)
		return trial;
	problems_add(&attempt->preflight.problems, "%s",
	             attempt->why[0] != '\0' ? attempt->why : "create() failed and gave no reason");
	return NULL;
}

static json_t *describe_module(const struct step *step)
{
	char declared[GRANTS_TEXT_SIZE], granted[GRANTS_TEXT_SIZE], abi[16];
	const struct pp_step_module *table = &step->module->table;
	snprintf(abi, sizeof abi, "%u.%u", table->abi_major, table->abi_minor);
	return json_pack("{s:o, s:o, s:o*, s:s, s:{s:s, s:s, s:s}}", "module", json_text(table->name), "path",
	                 json_text(step->module->path), "version",
	                 table->version != NULL ? json_text(table->version) : NULL, "abi", abi, "sandbox", "declared",
	                 grants_format(step->declared, declared), "granted", grants_format(step->granted, granted),
	                 "missing", step->missing);
}

/* Calls the check in a process of its own, as the service does. False: it failed. */
static bool check(struct attempt *attempt, json_t *report)
{
	if (!attempt->step->module->has_check) {
		json_object_set_new(report, "check", json_null());
		return true;
	}
	struct trial *trial = start(attempt);
	if (trial == NULL)
		return false;
	attempt->why[0] = '\0';
	enum trial_result result = trial_check(trial, CHECK_LIMIT, attempt->why, sizeof attempt->why);
	trial_end(trial, SECOND);
	json_object_set_new(report, "check",
	                    json_pack("{s:b, s:o}", "ready", result == TRIAL_GOOD, "reason", json_text(attempt->why)));
	return result == TRIAL_GOOD;
}

/* The service does not keep to a verdict that comes too late, and not to a wait that is too long. */
static void judge(const struct attempt *attempt, const struct trial_run *run, struct run_answer *answer)
{
	const struct step_config *config = attempt->step->config;
	char duration[DURATION_TEXT_SIZE];
	nanos longest =
		answer->value == PP_AWAIT && config->deadline > config->max_wait ? config->deadline : config->max_wait;
	bool waits = answer->value == PP_WAIT || answer->value == PP_AWAIT;
	if (run->late) {
		snprintf(answer->reason, sizeof answer->reason, "no verdict within the step's deadline (%s)",
		         duration_format(config->deadline, duration));
		answer->value = PP_RETRY;
	} else if (waits && answer->until - clock_now() > longest) {
		snprintf(answer->reason, sizeof answer->reason, "the step asked to wait longer than max_wait (%s) allows",
		         duration_format(longest, duration));
		answer->value = PP_RETRY;
	}
}

/* Numbers beyond what the library takes are shown as text. */
static json_t *load(const char *json)
{
	json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	return value != NULL ? value : json_text(json);
}

static int add_answer(json_t *report, const struct run_answer *answer)
{
	static const char *const words[] = {"retry", "continue", "abort", "delete", "wait", "await", "hold"};
	static const int status[] = {EXIT_RETRY, EXIT_SUCCESS, EXIT_REJECTED, EXIT_REJECTED,
	                             EXIT_WAITS, EXIT_WAITS,   EXIT_WAITS};
	char until[TIME_TEXT_SIZE];
	json_object_set_new(report, "outcome", json_string(words[answer->value]));
	if (answer->value == PP_WAIT || answer->value == PP_AWAIT)
		json_object_set_new(report, "until", json_string(time_format(answer->until, until)));
	json_object_set_new(report, "reason", json_text(answer->reason));
	if (answer->verdict[0] != '\0')
		json_object_set_new(report, "verdict", json_string(answer->verdict));
	if (answer->details != NULL)
		json_object_set_new(report, "details", load(answer->details));
	if (answer->result != NULL)
		json_object_set_new(report, "result", load(answer->result));
	return status[answer->value];
}

static json_t *describe_metrics(const struct report *report)
{
	json_t *object = json_object();
	for (size_t i = 0; i < report->metrics; i++) {
		const struct own_metric *metric = &report->metric[i];
		json_object_set_new(object, metric->name,
		                    metric->gauge ? json_real(metric->value) : json_integer((json_int_t)metric->count));
	}
	return object;
}

/* The upload's ResourceID, which the space is a part of. The caller frees it. */
static char *make_resource_id(const struct attempt *attempt)
{
	if (attempt->space == NULL)
		return alloc_text("null");
	json_t *object = json_pack("{s:s}", "space_id", attempt->space);
	char *text = alloc_checked(json_dumps(object, JSON_COMPACT));
	json_decref(object);
	return text;
}

/* Returns the exit status. */
static int run(struct attempt *attempt, json_t *report)
{
	struct trial *trial = start(attempt);
	if (trial == NULL)
		return EXIT_ERROR;
	char *resource_id = make_resource_id(attempt);
	const struct run_facts facts = {.id = "try",
	                                .filename = attempt->name,
	                                .resource_id_json = resource_id,
	                                .user_id = attempt->user,
	                                .space_id = attempt->space,
	                                .earlier = attempt->earlier,
	                                .earlier_count = attempt->earlier_count,
	                                .filesize = attempt->size,
	                                .attempt = 1,
	                                .deadline = clock_now() + attempt->step->config->deadline};
	struct trial_run run = {.facts = &facts, .limit = attempt->step->config->deadline, .bytes = attempt->bytes};
	struct run_answer broken = {.value = PP_RETRY}, *answer = &broken;
	enum trial_result result = trial_run(trial, &run, attempt->why, sizeof attempt->why);
	free(resource_id);
	if (result == TRIAL_GOOD)
		answer = &run.done.answer;
	else
		snprintf(broken.reason, sizeof broken.reason, "%.*s", PP_REASON_LIMIT, attempt->why);
	if (result == TRIAL_GOOD)
		judge(attempt, &run, answer);
	json_object_set_new(report, "metrics", describe_metrics(trial_report(trial)));
	int64_t peak = trial_peak(trial);
	trial_end(trial, SECOND);
	int status = add_answer(report, answer);
	json_object_set_new(report, "crashed", json_boolean(result != TRIAL_GOOD && !run.late));
	json_object_set_new(report, "seconds", json_real((double)run.took / (double)SECOND));
	json_object_set_new(report, "memory", peak > 0 ? json_integer(peak) : json_null());
	run_answer_clear(answer);
	return status;
}

static void print_line(const char *title, const char *text)
{
	if (text[0] == '\0')
		return;
	printf("%-9s ", title);
	terminal_print(stdout, text);
	putchar('\n');
}

static void print_sandbox(const json_t *sandbox)
{
	const char *missing = json_member(sandbox, "missing");
	printf("%-9s declared: %s; granted: %s", "sandbox", json_member(sandbox, "declared"),
	       json_member(sandbox, "granted"));
	printf(missing[0] != '\0' ? "; this kernel lacks: %s\n" : "%s\n", missing);
}

static void print_check(const json_t *check)
{
	if (json_is_null(check))
		print_line("check", "none");
	else if (json_is_true(json_object_get(check, "ready")))
		print_line("check", json_member(check, "reason")[0] != '\0' ? json_member(check, "reason") : "ok");
	else if (check != NULL)
		print_line("check", json_member(check, "reason"));
}

static void print_json(const char *title, const json_t *value)
{
	char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	print_line(title, text != NULL ? text : "");
	free(text);
}

static void print_report(const json_t *report)
{
	char line[PATH_MAX + 128];
	const json_t *memory = json_object_get(report, "memory");
	snprintf(line, sizeof line, "%s %s (ABI %s), %s", json_member(report, "module"), json_member(report, "version"),
	         json_member(report, "abi"), json_member(report, "path"));
	print_line("module", line);
	print_sandbox(json_object_get(report, "sandbox"));
	print_check(json_object_get(report, "check"));
	print_line("outcome", json_member(report, "outcome"));
	print_line("until", json_member(report, "until"));
	print_line("reason", json_member(report, "reason"));
	print_line("verdict", json_member(report, "verdict"));
	print_json("details", json_object_get(report, "details"));
	print_json("result", json_object_get(report, "result"));
	if (json_object_size(json_object_get(report, "metrics")) > 0)
		print_json("metrics", json_object_get(report, "metrics"));
	if (json_object_get(report, "seconds") != NULL)
		printf("%-9s %.3f ms\n", "time", json_real_value(json_object_get(report, "seconds")) * 1000);
	if (json_is_integer(memory))
		printf("%-9s %.1f MB\n", "memory", (double)json_integer_value(memory) / 1e6);
}

/* Problems and warnings go to standard error, so that standard output has nothing but the report. */
static void print_lines(const char *title, const struct problems *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		terminal_error("%s: %s", title, lines->line[i]);
}

/* The files in it have no names, and are gone. */
static void remove_folder(void)
{
	char *folder = trial_folder();
	rmdir(folder);
	free(folder);
}

static int perform(struct attempt *attempt, const char *path, char *const *keys, bool json)
{
	json_t *report = json_object();
	int status = EXIT_ERROR;
	if (prepare(attempt, path, keys)) {
		json_object_update_new(report, alloc_checked(describe_module(attempt->step)));
		bool ready = !attempt->check || check(attempt, report);
		status = ready ? run(attempt, report) : EXIT_RETRY;
	}
	remove_folder();
	const struct preflight *preflight = &attempt->preflight;
	if (preflight->problems.count > 0)
		status = EXIT_ERROR;
	if (json) {
		findings_add(report, preflight);
		json_print(report);
	} else {
		if (preflight->config != NULL)
			print_lines("warning", &preflight->config->warnings);
		print_lines("error", &preflight->problems);
		if (json_object_get(report, "module") != NULL)
			print_report(report);
	}
	json_decref(report);
	return status;
}

int command_try(int argc, char **argv)
{
	struct attempt attempt = {.bytes = -1, .log = {.fd = STDERR_FILENO, .level = LOG_DEBUG}};
	struct command_options options;
	const struct command_syntax syntax = {.usage = usage,
	                                      .letters = "n:k",
	                                      .names = names,
	                                      .take = take_option,
	                                      .closure = &attempt,
	                                      .least = 1,
	                                      .most = -1,
	                                      .needs = "a module (MODULE.so)"};
	int first = command_read(argc, argv, &syntax, &options);
	if (first < 0)
		return -1 - first;
	char **keys = argv + first + 1;
	if (*keys != NULL && !is_key(*keys))
		attempt.file = *keys++;
	for (char **key = keys; *key != NULL; key++)
		if (!is_key(*key)) {
			terminal_error("%s: expected KEY=VALUE", *key);
			return EXIT_ERROR;
		}
	int status = EXIT_ERROR;
	if (open_bytes(&attempt)) {
		status = perform(&attempt, argv[first], keys, options.json);
		preflight_free(&attempt.preflight);
	}
	if (attempt.bytes >= 0)
		close(attempt.bytes);
	for (size_t i = 0; i < attempt.earlier_count; i++)
		free((void *)(uintptr_t)attempt.earlier[i].name);
	return status;
}
