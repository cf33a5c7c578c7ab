/* SPDX-License-Identifier: Apache-2.0
 * Step module: runs a command for each upload. Its exit status is the outcome. What is no exit status (a signal, a
 * command that cannot be started or takes too long) is PP_RETRY. */
#define PP_STEP_NEEDS_MINOR 1u
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "facts.h"
#include "words.h"

#define SECOND_NANOS INT64_C(1000000000)
/* As much of a line of standard error as is logged. */
#define ERROR_LINE_SIZE 512
/* How many of them. */
#define ERROR_LINES 200

/* In the order of the key's choices. */
enum { INPUT_STDIN, INPUT_FILE, INPUT_NONE };

struct exec {
	const struct pp_host *host;
	char *step;
	struct words words;
	bool shell;
	int64_t input, timeout;
	uint32_t outcome[256]; /* of each exit status */
};

/* clang-format off */
static const struct pp_key exec_keys[] = {
	{.name = "command", .type = PP_KEY_STRING, .required = 1,
	 .help = "The program, by its absolute path, and its arguments, separated by spaces. A part between double quotes "
	         "is taken as it is; in it, a backslash stands before a double quote or a backslash. The word {file} "
	         "stands for the path of the upload's bytes if input = file."},
	{.name = "shell", .type = PP_KEY_BOOL, .fallback = "false",
	 .help = "Whether command is a line for /bin/sh instead, which is passed to it as it is."},
	{.name = "input", .type = PP_KEY_CHOICE, .fallback = "stdin", .choices = "stdin file none",
	 .help = "How the command gets the upload's bytes. stdin: as its standard input, which it need not read to the "
	         "end. file: as a file that can only be read; {file} and POSTPROCESSING_FILE are its path. none: not at "
	         "all."},
	{.name = "continue", .type = PP_KEY_STRING, .fallback = "0",
	 .help = "The exit statuses after which the upload goes on to the next step: numbers and ranges such as 10-12, "
	         "separated by spaces, or none. A status in no list means that the step is retried, and so does a signal."},
	{.name = "abort", .type = PP_KEY_STRING, .fallback = "1",
	 .help = "The exit statuses that end the upload. Its bytes are kept."},
	{.name = "delete", .type = PP_KEY_STRING, .fallback = "none",
	 .help = "The exit statuses that end the upload. Its bytes are deleted."},
	{.name = "hold", .type = PP_KEY_STRING, .fallback = "none",
	 .help = "The exit statuses after which the upload is held until an administrator releases or rejects it."},
	{.name = "retry", .type = PP_KEY_STRING, .fallback = "none",
	 .help = "The exit statuses after which the step is retried. All that are in no other list are, so this key is "
	         "for people who read the file."},
	{.name = "timeout", .type = PP_KEY_DURATION, .fallback = "5m", .min = 1, .max = 24 * 3600 * SECOND_NANOS,
	 .help = "How long the command may take. After it, the command and the processes that it has started get SIGTERM, "
	         "and SIGKILL one second later, and the step is retried."},
	{.name = "readable", .type = PP_KEY_STRING,
	 .help = "The absolute path of a file or folder that the command reads or runs programs from, besides its own "
	         "program and /usr."},
	{.name = "network", .type = PP_KEY_BOOL, .fallback = "false",
	 .help = "Whether the command needs the network or Unix sockets. The key allow has to allow that, too."},
	{.name = "files", .type = PP_KEY_BOOL, .fallback = "false",
	 .help = "Whether the command needs a folder for temporary files, which TMPDIR names. The key allow has to allow "
	         "that, too."},
	{.name = NULL},
};
/* clang-format on */

static const struct pp_need exec_needs[] = {
	{.kind = PP_NEED_EXEC},
	{.kind = PP_NEED_PATH, .key = "command"},
	{.kind = PP_NEED_PATH, .key = "readable"},
	{.kind = PP_NEED_NETWORK, .key = "network", .when = "true"},
	{.kind = PP_NEED_UNIX, .key = "network", .when = "true"},
	{.kind = PP_NEED_FILES, .key = "files", .when = "true"},
	{.kind = 0},
};

static bool take_statuses(struct exec *exec, struct pp_setup *setup)
{
	static const struct {
		const char *key;
		uint32_t outcome;
	} lists[] = {
		{"continue", PP_CONTINUE}, {"abort", PP_ABORT}, {"delete", PP_DELETE}, {"hold", PP_HOLD}, {"retry", PP_RETRY}};
	bool taken[256] = {false};
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		const char *list = exec->host->string(setup, lists[i].key);
		const char *wrong = list == NULL ? NULL : statuses_parse(list, lists[i].outcome, exec->outcome, taken);
		if (wrong == NULL)
			continue;
		exec->host->reject(setup, lists[i].key, "%s", wrong);
		return false;
	}
	return true;
}

static bool take_command(struct exec *exec, struct pp_setup *setup)
{
	const char *text = exec->host->string(setup, "command"), *wrong = NULL;
	if (exec->shell) {
		exec->words.room = strdup(text);
		exec->words.word[0] = (char *)(uintptr_t) "/bin/sh";
		exec->words.word[1] = (char *)(uintptr_t) "-c";
		exec->words.word[2] = exec->words.room;
		exec->words.count = 3;
		wrong = exec->words.room == NULL ? "out of memory" : *text == '\0' ? "it is empty" : NULL;
	} else {
		wrong = words_split(&exec->words, text);
	}
	if (wrong == NULL && exec->words.word[0][0] != '/')
		wrong = "expected the absolute path of a program, or shell = true";
	for (size_t i = 0; wrong == NULL && !exec->shell && exec->input != INPUT_FILE && i < exec->words.count; i++)
		if (strcmp(exec->words.word[i], "{file}") == 0)
			wrong = "{file} needs input = file";
	if (wrong != NULL)
		exec->host->reject(setup, "command", "%s", wrong);
	return wrong == NULL;
}

static void exec_destroy(void *instance)
{
	struct exec *exec = instance;
	words_free(&exec->words);
	free(exec->step);
	free(exec);
}

static int exec_create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct exec *exec = calloc(1, sizeof *exec);
	if (exec == NULL) {
		host->reject(setup, NULL, "out of memory");
		return -1;
	}
	exec->host = host;
	exec->step = strdup(host->step_name(setup));
	exec->shell = host->number(setup, "shell") != 0;
	exec->input = host->number(setup, "input");
	exec->timeout = host->number(setup, "timeout");
	if (exec->step == NULL)
		host->reject(setup, NULL, "out of memory");
	if (exec->step == NULL || !take_command(exec, setup) || !take_statuses(exec, setup)) {
		exec_destroy(exec);
		return -1;
	}
	*instance = exec;
	return 0;
}

/* What the command writes to its standard error. It is logged when the outcome is known, because that decides the level
 * of the lines. */
struct error_log {
	const struct exec *exec;
	struct pp_run *run;
	unsigned lines;    /* that came, … */
	char *text;        /* … of which these are kept, each with its NUL: */
	size_t used, size; /* at most ERROR_LINES of ERROR_LINE_SIZE */
};

static void keep_line(void *closure, const char *line)
{
	struct error_log *log = closure;
	size_t length = strlen(line) + 1;
	if (++log->lines > ERROR_LINES)
		return;
	if (log->used + length > log->size) {
		size_t size = 2 * log->size + length;
		char *grown = realloc(log->text, size);
		if (grown == NULL) {
			log->lines = ERROR_LINES + 1; /* it is said that lines are missing */
			return;
		}
		log->text = grown;
		log->size = size;
	}
	memcpy(log->text + log->used, line, length);
	log->used += length;
}

static void write_errors(const struct error_log *log, int level)
{
	const struct pp_host *host = log->exec->host;
	for (size_t at = 0; at < log->used; at += strlen(log->text + at) + 1)
		host->log(log->run, level, "standard error: %s", log->text + at);
	if (log->lines > ERROR_LINES)
		host->log(log->run, level, "(the rest of its standard error is dropped)");
}

/* The last line of standard output, if it can be one: JSON in one line. The host looks at it in detail. */
static void keep_result(const struct exec *exec, struct pp_run *run, const struct output *out)
{
	if (out->used < 2 || out->last[0] != '{' || out->last[out->used - 1] != '}')
		return;
	if (out->cut)
		exec->host->log(run, PP_LOG_WARNING, "the last line of its output is too long for a Result");
	else
		exec->host->set_result(run, out->last);
}

#define NOT_STARTED "%.80s: cannot be started: %s%s"

/* What to look at. */
static const char *hint(int number)
{
	bool forbidden = number == EACCES || number == EPERM;
	return forbidden ? "; does the sandbox allow it (allow = exec, readable)?" : "";
}

static uint32_t conclude(const struct exec *exec, struct command *command, enum command_end ended)
{
	const struct pp_host *host = exec->host;
	struct pp_run *run = command->run;
	const char *last = command->errors.last, *colon = *last != '\0' ? ": " : "", *signal;
	switch (ended) {
	case COMMAND_EXITED: {
		uint32_t outcome = exec->outcome[command->status & 0xff];
		if (outcome != PP_CONTINUE || *last != '\0')
			host->set_reason(run, "exit status %d%s%s", command->status, colon, last);
		if (outcome != PP_RETRY)
			keep_result(exec, run, &command->out);
		return outcome;
	}
	case COMMAND_KILLED:
		signal = sigabbrev_np(command->status);
		host->set_reason(run, "the command was killed: SIG%s%s%s", signal != NULL ? signal : "?", colon, last);
		break;
	case COMMAND_TIMEOUT:
		host->set_reason(run, "the command did not end within the step's timeout or deadline%s%s", colon, last);
		break;
	case COMMAND_CANCELLED:
		host->set_reason(run, "the command was cancelled");
		break;
	case COMMAND_UNREAD:
		host->set_reason(run, "%s", host->read_error(run));
		break;
	case COMMAND_ERROR:
		host->set_reason(run, NOT_STARTED, exec->words.word[0], strerror(errno), hint(errno));
		break;
	}
	return PP_RETRY;
}

/* The words of the command for this upload. */
static void set_arguments(const struct exec *exec, char *arguments[WORDS_MAX + 1])
{
	static char path[] = COMMAND_FILE_PATH;
	for (size_t i = 0; i <= exec->words.count; i++) {
		char *word = exec->words.word[i];
		arguments[i] = word != NULL && !exec->shell && strcmp(word, "{file}") == 0 ? path : word;
	}
}

static uint32_t execute(const struct exec *exec, struct pp_run *run, int *file, char *const *environment)
{
	const struct pp_host *host = exec->host;
	char *arguments[WORDS_MAX + 1];
	struct error_log log = {.exec = exec, .run = run};
	int64_t left = host->deadline(run) - host->now(run);
	struct command command = {.host = host,
	                          .run = run,
	                          .arguments = arguments,
	                          .environment = environment,
	                          .file = *file,
	                          .feed = exec->input == INPUT_STDIN,
	                          .until = command_now() + (left < exec->timeout ? left : exec->timeout)};
	uint32_t outcome = PP_RETRY;
	set_arguments(exec, arguments);
	if (output_init(&command.out, PP_RESULT_LIMIT + 1) & output_init(&command.errors, ERROR_LINE_SIZE)) {
		command.errors.each = keep_line;
		command.errors.closure = &log;
		outcome = conclude(exec, &command, command_execute(&command));
		write_errors(&log, outcome != PP_RETRY ? PP_LOG_INFO : PP_LOG_WARNING);
	} else {
		host->set_reason(run, "out of memory");
	}
	*file = command.file;
	output_free(&command.out);
	output_free(&command.errors);
	free(log.text);
	return outcome;
}

/* The descriptor of the host's is not ours to move and close. -1: failed, with a reason. */
static int open_file(const struct pp_host *host, struct pp_run *run)
{
	int shared = host->content_fd(run), file = shared >= 0 ? fcntl(shared, F_DUPFD_CLOEXEC, COMMAND_FILE + 1) : -1;
	if (file < 0)
		host->set_reason(run, "%s", shared < 0 ? host->read_error(run) : strerror(errno));
	return file;
}

static uint32_t exec_run(void *instance, struct pp_run *run)
{
	const struct exec *exec = instance;
	const struct pp_host *host = exec->host;
	struct facts facts;
	int file = -1;
	uint32_t outcome = PP_RETRY;
	if (!facts_make(&facts, host, run, exec->step, exec->input == INPUT_FILE))
		host->set_reason(run, "out of memory");
	else if (exec->input != INPUT_FILE || (file = open_file(host, run)) >= 0)
		outcome = execute(exec, run, &file, facts.variable);
	if (file >= 0)
		close(file);
	facts_free(&facts);
	return outcome;
}

/* Whether the sandbox lets this process start programs: the empty path is none, so nothing is started in either case.
 */
static bool may_start(void)
{
	char *none[] = {NULL};
	return execve("", none, none) == 0 || errno != EPERM;
}

static int exec_check(void *instance, char *why, size_t size)
{
	const struct exec *exec = instance;
	if (!may_start()) {
		snprintf(why, size, NOT_STARTED, exec->words.word[0], strerror(EPERM), hint(EPERM));
		return -1;
	}
	if (access(exec->words.word[0], X_OK) == 0)
		return 0;
	snprintf(why, size, "%.200s: %s", exec->words.word[0], strerror(errno));
	return -1;
}

const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD,        .name = "exec",        .version = "1.0", .summary = "runs a command for each upload",
	.keys = exec_keys,   .create = exec_create, .run = exec_run,  .destroy = exec_destroy,
	.check = exec_check, .needs = exec_needs,
};
