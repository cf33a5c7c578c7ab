/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/audit.h"
#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/cli/invoking_user.h"
#include "core/cli/quarantine_export.h"
#include "core/cli/quarantine_view.h"

static const char usage[] =
	"usage: postprocessing quarantine list [-c FILE] [--folder DIR] [--older-than DURATION] [--json]\n"
	"       postprocessing quarantine show [-c FILE] [--folder DIR] [-s STEP] [--json] ID\n"
	"       postprocessing quarantine export [-c FILE] [--folder DIR] [-s STEP] [--reason TEXT] --key FILE\n"
	"                                        --output FILE ID\n"
	"       postprocessing quarantine purge [-c FILE] [--folder DIR] [-s STEP] --reason TEXT [--json]\n"
	"                                       ID… | --older-than DURATION\n"
	"Works with the encrypted copies of uploads in the quarantine. ID: of an upload, or of an entry.\n"
	"  list, show             what is in the quarantine, as the notes say\n"
	"  export                 decrypts a copy, if nobody has changed it\n"
	"  purge                  removes copies for good\n"
	"  -s, --step STEP        only the copy that this step has made\n"
	"  --older-than DURATION  only copies that were made longer ago than this, for example 720h\n"
	"  --key FILE             the private key, a PEM file\n"
	"  --output FILE          the file to write, which must not exist\n"
	"  --reason TEXT          why, for the audit log\n"
	"  --folder DIR           this folder, without any configuration and audit log: for a copy of the folder elsewhere\n" OPTION_CONFIG_USAGE;

static const struct option names[] = {{"step", required_argument, NULL, 's'},
                                      {"older-than", required_argument, NULL, 'o'},
                                      {"key", required_argument, NULL, 'k'},
                                      {"output", required_argument, NULL, 'O'},
                                      {"reason", required_argument, NULL, 'r'},
                                      {"folder", required_argument, NULL, 'f'},
                                      {NULL, 0, NULL, 0}};

enum verb { VERB_LIST, VERB_SHOW, VERB_EXPORT, VERB_PURGE, VERBS };
static const char *const verbs[VERBS] = {"list", "show", "export", "purge"};

struct task {
	enum verb verb;
	const char *step, *key, *output, *reason, *folder;
	nanos older; /* 0: of any age */
	bool json;
	char **id;
	int count;
	struct config *config; /* NULL: --folder */
	struct quarantine_view view;
	bool *chosen; /* entries of the view */
};

static bool take_option(void *closure, int letter, const char *value)
{
	struct task *task = closure;
	switch (letter) {
	case 's':
		task->step = value;
		return true;
	case 'k':
		task->key = value;
		return true;
	case 'O':
		task->output = value;
		return true;
	case 'r':
		task->reason = value;
		return true;
	case 'f':
		task->folder = value;
		return true;
	default:
		if (duration_parse(value, &task->older) && task->older > 0)
			return true;
		terminal_error("--older-than %s: not a duration such as 90m or 36h", value);
		return false;
	}
}

/* Whether options and arguments fit the verb. False: with a message on stderr. */
static bool check(const struct task *task)
{
	const char *why = NULL;
	bool one = task->verb == VERB_SHOW || task->verb == VERB_EXPORT;
	if (one && task->count != 1)
		why = "needs one ID";
	else if (task->verb == VERB_LIST && (task->count > 0 || task->step != NULL))
		why = "takes neither an ID nor --step";
	else if (task->verb == VERB_PURGE && (task->count > 0) == (task->older > 0))
		why = "needs either IDs or --older-than";
	else if (task->older > 0 && (one || task->step != NULL))
		why = "--older-than does not fit";
	else if ((task->verb == VERB_EXPORT) != (task->key != NULL && task->output != NULL) ||
	         (task->verb != VERB_EXPORT && (task->key != NULL || task->output != NULL)))
		why = task->verb == VERB_EXPORT ? "needs --key FILE and --output FILE" : "takes neither --key nor --output";
	else if (task->verb == VERB_EXPORT && task->json)
		why = "has no --json";
	else if (task->verb == VERB_PURGE && (task->reason == NULL || task->reason[0] == '\0'))
		why = "needs --reason TEXT";
	else if (task->verb != VERB_PURGE && task->verb != VERB_EXPORT && task->reason != NULL)
		why = "takes no --reason";
	if (why != NULL)
		terminal_error("quarantine %s: %s", verbs[task->verb], why);
	return why == NULL;
}

/* False: with a message on stderr. */
static bool note_act(const struct task *task, const char *act, const struct view_entry *entry)
{
	const char *path = task->config != NULL ? task->config->audit_file : NULL;
	const struct audit_act noted = {.time = clock_now(),
	                                .act = act,
	                                .upload = view_entry_id(entry),
	                                .step = entry->read.note.step,
	                                .user = invoking_user(),
	                                .reason = task->reason};
	char error[AUDIT_ERROR_SIZE];
	if (path == NULL)
		return true;
	char *line = alloc_checked(audit_line(&noted));
	bool good = audit_append(path, line, error);
	line[strcspn(line, "\n")] = '\0';
	if (!good)
		terminal_error("audit log: cannot write: %s; the line is: %s", error, line);
	free(line);
	return good;
}

/* Chooses the entries that are meant. False: an ID has none; with a message on stderr. */
static bool choose(struct task *task)
{
	const struct quarantine_view *view = &task->view;
	nanos before = clock_now() - task->older;
	bool good = true;
	task->chosen = alloc_zeroed(view->count + 1, sizeof *task->chosen);
	for (size_t i = 0; task->count == 0 && i < view->count; i++)
		task->chosen[i] = task->older == 0 || view->entry[i].info.time <= before;
	for (int j = 0; j < task->count; j++) {
		bool found = false;
		for (size_t i = 0; i < view->count; i++) {
			bool is = view_entry_is(&view->entry[i], task->id[j], task->step);
			task->chosen[i] = task->chosen[i] || is;
			found = found || is;
		}
		if (!found)
			terminal_error("%s: not in the quarantine", task->id[j]);
		good = good && found;
	}
	return good;
}

/* The only chosen entry; NULL: there are several, with a message on stderr. */
static const struct view_entry *get_one(const struct task *task)
{
	const struct view_entry *one = NULL;
	for (size_t i = 0; i < task->view.count; i++) {
		if (task->chosen[i] && one != NULL) {
			terminal_error("%s: several steps have put it into the quarantine: choose one with --step (%s, %s …)",
			               task->id[0], one->read.note.step, task->view.entry[i].read.note.step);
			return NULL;
		}
		if (task->chosen[i])
			one = &task->view.entry[i];
	}
	return one;
}

static bool print_json(json_t *json)
{
	bool good = json_print(json);
	json_decref(json);
	return good;
}

static bool print_chosen(const struct task *task)
{
	if (task->json)
		return print_json(quarantine_view_json(&task->view, task->chosen));
	quarantine_view_print(&task->view, task->chosen);
	return true;
}

static bool show(const struct task *task)
{
	const struct view_entry *entry = get_one(task);
	if (entry != NULL && task->json)
		return print_json(view_entry_json(entry));
	if (entry != NULL)
		view_entry_print(entry);
	return entry != NULL;
}

static bool note_export(void *closure, const struct view_entry *entry)
{
	return note_act(closure, "exported", entry);
}

static bool export(struct task *task)
{
	const struct view_entry *entry = get_one(task);
	const struct quarantine_export order = {.entry = entry,
	                                        .folder = task->view.folder,
	                                        .key = task->key,
	                                        .output = task->output,
	                                        .proven = note_export,
	                                        .closure = task};
	bool good = entry != NULL && quarantine_export(&order);
	if (good) {
		terminal_print(stdout, view_entry_id(entry));
		fputs(": exported to ", stdout);
		terminal_print(stdout, task->output);
		putchar('\n');
	}
	return good;
}

/* Whether acts can be noted, as far as one can tell before. False: with a message on stderr. */
static bool can_note(const struct task *task)
{
	const char *path = task->config != NULL ? task->config->audit_file : NULL;
	char error[AUDIT_ERROR_SIZE];
	bool good = path == NULL || audit_append(path, "", error);
	if (!good)
		terminal_error("audit log: cannot write: %s; nothing is removed", error);
	return good;
}

/* Removes the chosen entries, until one cannot be noted. What was not removed is no longer chosen. */
static bool purge(struct task *task)
{
	bool noted = can_note(task), good = noted;
	size_t chosen = 0, purged = 0;
	for (size_t i = 0; i < task->view.count; i++) {
		const struct view_entry *entry = &task->view.entry[i];
		chosen += task->chosen[i];
		task->chosen[i] = task->chosen[i] && noted;
		if (!task->chosen[i])
			continue;
		task->chosen[i] = folder_remove_entry(task->view.folder, &entry->info);
		if (!task->chosen[i])
			terminal_error("%s: cannot be removed: %s", view_entry_id(entry),
			               errno == ESTALE ? "a newer copy has replaced it; to remove that, run the command again"
			                               : strerror(errno));
		noted = !task->chosen[i] || note_act(task, "purged", entry);
		good = task->chosen[i] && noted && good;
		purged += task->chosen[i];
	}
	if (task->json || purged > 0) {
		if (!task->json)
			printf("%zu removed for good:\n", purged);
		return print_chosen(task) && good;
	}
	if (chosen == 0)
		puts("nothing to remove");
	return good;
}

static bool carry_out(struct task *task)
{
	bool good = choose(task);
	switch (task->verb) {
	case VERB_LIST:
		return print_chosen(task) && good;
	case VERB_SHOW:
		return good && show(task);
	case VERB_EXPORT:
		return good && export(task);
	case VERB_PURGE:
	case VERBS:
		break;
	}
	/* Nothing is removed if an ID is wrong. */
	return good && purge(task);
}

/* The folder; NULL: there is none, with messages on stderr. */
static const char *find_folder(struct task *task, const char *path)
{
	if (task->folder != NULL)
		return task->folder;
	task->config = command_config(path);
	if (task->config != NULL && task->config->quarantine_folder == NULL)
		terminal_error("the configuration has no quarantine: [quarantine] folder is not set");
	return task->config != NULL ? task->config->quarantine_folder : NULL;
}

static bool find_verb(const char *word, enum verb *verb)
{
	for (*verb = VERB_LIST; *verb < VERBS; (*verb)++)
		if (strcmp(word, verbs[*verb]) == 0)
			return true;
	terminal_error("quarantine: unknown command \"%s\": list, show, export or purge", word);
	return false;
}

int command_quarantine(int argc, char **argv)
{
	struct task task = {.view.folder = -1};
	struct command_options options;
	const struct command_syntax syntax = {.usage = usage,
	                                      .letters = "s:",
	                                      .names = names,
	                                      .take = take_option,
	                                      .closure = &task,
	                                      .least = 1,
	                                      .most = -1,
	                                      .needs = "a command (list, show, export or purge)"};
	int first = command_read(argc, argv, &syntax, &options);
	if (first < 0)
		return -1 - first;
	task.json = options.json;
	task.id = argv + first + 1;
	task.count = argc - first - 1;
	if (!find_verb(argv[first], &task.verb) || !check(&task))
		return EXIT_ERROR;
	const char *folder = find_folder(&task, options.config_path);
	bool good = folder != NULL && quarantine_view_open(&task.view, folder);
	if (good) {
		good = carry_out(&task);
		quarantine_view_close(&task.view);
	}
	free(task.chosen);
	config_free(task.config);
	return good ? EXIT_SUCCESS : EXIT_ERROR;
}
