/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/module_probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/abi/module_table.h"
#include "core/base/json_reader.h"
#include "core/base/text.h"

/* Far more than the description of any module needs. */
#define ANSWER_LIMIT ((size_t)1024 * 1024)
/* The child's exit status when it is out of memory. */
#define NO_MEMORY 200

/* In the child: makes sure that the module cannot access the service's files, and that a crash is reported as one. */
static void close_in(int answer)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
	const struct rlimit none = {0, 0};
	sigset_t empty;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &none);
	for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
		signal(crashes[i], SIG_DFL);
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
	int kept = fcntl(answer, F_DUPFD, 10), nowhere = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(nowhere, fd);
	dup2(kept, 3);
	close_range(4, ~0u, 0);
}

static void add_string(struct text *text, const char *name, const char *value)
{
	text_format(text, ",\"%s\":", name);
	text_add_json(text, value);
}

static void add_keys(struct text *text, const struct pp_step_module *table)
{
	const struct pp_key *key = table->keys;
	text_add(text, ",\"keys\":[");
	for (size_t i = 0; key != NULL && key->name != NULL && i < MODULE_KEYS_MAX;
	     i++, key = module_table_next_key(table, key)) {
		text_format(text, "%s{\"type\":%u,\"required\":%u,\"min\":%lld,\"max\":%lld", i > 0 ? "," : "", key->type,
		            key->required, (long long)key->min, (long long)key->max);
		add_string(text, "name", key->name);
		add_string(text, "fallback", key->fallback);
		add_string(text, "choices", key->choices);
		add_string(text, "environment", key->environment);
		add_string(text, "help", key->help);
		text_add(text, "}");
	}
	text_add(text, "]");
}

/* The module's description, or why it is refused, as a JSON object. */
static void describe(struct text *text, const char *path, const char *name)
{
	char why[1024];
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const char *words = handle == NULL ? dlerror() : NULL;
	const struct pp_step_module *table = handle == NULL ? NULL : dlsym(handle, PP_STEP_SYMBOL);
	if (handle == NULL)
		snprintf(why, sizeof why, "%s", words != NULL ? words : path);
	else if (table == NULL)
		snprintf(why, sizeof why, "%s: not a step module: it has no symbol " PP_STEP_SYMBOL, path);
	if (table == NULL || !module_table_check(table, path, name, why, sizeof why)) {
		text_add(text, "{\"refused\":");
		text_add_json(text, why);
		text_add(text, "}");
		return;
	}
	bool has_check =
		table->size >= offsetof(struct pp_step_module, check) + sizeof table->check && table->check != NULL;
	text_format(text, "{\"major\":%u,\"minor\":%u,\"check\":%s", table->abi_major, table->abi_minor,
	            has_check ? "true" : "false");
	add_string(text, "name", table->name);
	add_string(text, "version", table->version);
	add_string(text, "summary", table->summary);
	add_keys(text, table);
	text_add(text, "}");
}

static _Noreturn void run_child(const char *path, const char *name, int answer)
{
	struct text text = {0};
	close_in(answer);
	describe(&text, path, name);
	if (text.failed)
		_exit(NO_MEMORY);
	for (size_t sent = 0; sent < text.length;) {
		ssize_t count = write(3, text.data + sent, text.length - sent);
		if (count < 0 && errno != EINTR)
			break;
		sent += count > 0 ? (size_t)count : 0;
	}
	_exit(0); /* nothing of the module's is run at the end */
}

/* The child: its pidfd if the system has such; otherwise it is polled. */
struct child {
	pid_t pid;
	int fd; /* -1: none */
};

#define LOOK_INTERVAL 5 /* milliseconds */

static bool has_ended(const struct child *child)
{
	siginfo_t info = {0};
	return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child->pid;
}

/* The maximum time to wait, in milliseconds. */
static int timeout(const struct child *child, nanos left)
{
	int most = left >= HOUR ? (int)(HOUR / MILLISECOND) : (int)(left / MILLISECOND) + 1;
	return child->fd >= 0 || most < LOOK_INTERVAL ? most : LOOK_INTERVAL;
}

/* Reads the child's answer up to its end. False: it took too long, or is too long. */
static bool read_answer(int fd, const struct child *child, nanos until, struct text *text)
{
	struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = child->fd, .events = POLLIN}};
	for (;;) {
		/* Checked first, so that everything written before the child's end is already in the pipe. */
		bool ended = has_ended(child);
		nanos left = until - clock_monotonic();
		int ready = poll(wait, 2, ended ? 0 : left <= 0 ? 0 : timeout(child, left));
		if (ready < 0 && errno != EINTR)
			return false;
		if (ready <= 0 || wait[0].revents == 0) {
			/* A process started by the module may keep the pipe open, so the end of the child counts. */
			if (ended || left <= 0)
				return ended;
			continue;
		}
		char bytes[4096];
		ssize_t count = read(fd, bytes, sizeof bytes);
		if (count == 0)
			return true;
		if (count > 0)
			text_add_bytes(text, bytes, (size_t)count);
		if ((count < 0 && errno != EINTR) || text->failed || text->length > ANSWER_LIMIT)
			return false;
	}
}

/* Waits for the end of the child. False: it did not end in time and was killed. */
static bool reap(const struct child *child, nanos until, int *status)
{
	for (;;) {
		pid_t ended = waitpid(child->pid, status, WNOHANG);
		if (ended == child->pid || (ended < 0 && errno != EINTR))
			return true;
		nanos left = until - clock_monotonic();
		if (left <= 0)
			break;
		struct pollfd wait = {.fd = child->fd, .events = POLLIN};
		poll(&wait, 1, timeout(child, left));
	}
	kill(child->pid, SIGKILL);
	while (waitpid(child->pid, status, 0) < 0 && errno == EINTR)
		;
	return false;
}

/* The child's answer, and the storage for its strings. */
struct answer {
	struct json_reader reader;
	struct json_value refused, major, minor, check, name, version, summary, keys;
};

/* NULL if the module has none. */
static const char *string_of(struct json_reader *reader, const struct json_value *value)
{
	return value->text == NULL || value->text[0] == 'n' ? NULL : json_reader_string(reader, value);
}

static struct pp_key read_key(struct json_reader *reader, const struct json_value *key)
{
	struct json_value type, required, min, max, name, fallback, choices, environment, help;
	const struct json_member members[] = {
		{"type", &type}, {"required", &required}, {"min", &min},         {"max", &max},
		{"name", &name}, {"fallback", &fallback}, {"choices", &choices}, {"environment", &environment},
		{"help", &help}};
	json_reader_members(reader, key, members, JSON_COUNT(members));
	return (struct pp_key){.name = string_of(reader, &name),
	                       .fallback = string_of(reader, &fallback),
	                       .choices = string_of(reader, &choices),
	                       .environment = string_of(reader, &environment),
	                       .help = string_of(reader, &help),
	                       .min = json_reader_integer(reader, &min),
	                       .max = json_reader_integer(reader, &max),
	                       .type = (uint32_t)json_reader_integer(reader, &type),
	                       .required = (uint32_t)json_reader_integer(reader, &required)};
}

/* The description takes over `strings`. NULL: out of memory. */
static struct module_description *build(struct answer *answer, char *strings)
{
	struct json_reader *reader = &answer->reader;
	struct json_value keys = answer->keys, element;
	size_t count = 0;
	while (json_next(&keys, &element))
		count++;
	struct module_description *description = calloc(1, sizeof *description);
	struct pp_key *key = calloc(count + 1, sizeof *key);
	if (description == NULL || key == NULL) {
		free(description);
		free(key);
		return NULL;
	}
	keys = answer->keys;
	for (size_t i = 0; json_next(&keys, &element); i++)
		key[i] = read_key(reader, &element);
	description->table = (struct pp_step_module){.magic = PP_STEP_MAGIC,
	                                             .abi_major = (uint16_t)json_reader_integer(reader, &answer->major),
	                                             .abi_minor = (uint16_t)json_reader_integer(reader, &answer->minor),
	                                             .size = sizeof(struct pp_step_module),
	                                             .key_size = sizeof(struct pp_key),
	                                             .name = string_of(reader, &answer->name),
	                                             .version = string_of(reader, &answer->version),
	                                             .summary = string_of(reader, &answer->summary),
	                                             .keys = key};
	description->has_check = json_reader_bool(reader, &answer->check);
	description->strings = strings;
	return description;
}

/* Describes how a child ended that did not answer. */
static void explain_end(const char *path, int status, char *why, size_t size)
{
	if (WIFSIGNALED(status)) {
		const char *signal = sigabbrev_np(WTERMSIG(status));
		snprintf(why, size, "%s: crashed while loading: SIG%s (%s)", path, signal != NULL ? signal : "?",
		         strsignal(WTERMSIG(status)));
	} else {
		snprintf(why, size, "%s: exited while loading, with status %d", path, WEXITSTATUS(status));
	}
}

static enum probe take_answer(const char *path, const struct text *text, int status,
                              struct module_description **description, char *why, size_t size)
{
	bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (text->length == 0 || !ended_well) {
		bool no_memory = WIFEXITED(status) && WEXITSTATUS(status) == NO_MEMORY;
		explain_end(path, status, why, size);
		return no_memory ? PROBE_FAILED : PROBE_REFUSED;
	}
	char *strings = malloc(JSON_ROOM(text->length)), broken[80];
	struct answer answer = {.reader = {.room = strings, .left = JSON_ROOM(text->length)}};
	const struct json_member members[] = {{"refused", &answer.refused}, {"major", &answer.major},
	                                      {"minor", &answer.minor},     {"check", &answer.check},
	                                      {"name", &answer.name},       {"version", &answer.version},
	                                      {"summary", &answer.summary}, {"keys", &answer.keys}};
	enum probe probe = PROBE_REFUSED;
	if (strings != NULL && !json_read(text->data, text->length, members, JSON_COUNT(members), broken, sizeof broken)) {
		snprintf(why, size, "%s: the module's description is %s", path, broken);
	} else if (strings != NULL && answer.refused.text != NULL) {
		snprintf(why, size, "%s", json_reader_string(&answer.reader, &answer.refused));
	} else if (strings != NULL && (*description = build(&answer, strings)) != NULL) {
		return PROBE_GOOD;
	} else {
		probe = PROBE_FAILED;
		snprintf(why, size, "out of memory");
	}
	free(strings);
	return probe;
}

/* Reads the child's answer and waits for its end. */
static enum probe await_child(const char *path, pid_t pid, int fd, nanos limit, struct module_description **description,
                              char *why, size_t size)
{
	struct text text = {0};
	int status = 0;
	const struct child child = {pid, pidfd_open(pid, 0)};
	nanos until = clock_monotonic() + limit;
	bool answered = read_answer(fd, &child, until, &text);
	answered = reap(&child, answered ? until : 0, &status) && answered;
	if (child.fd >= 0)
		close(child.fd);
	enum probe probe = PROBE_REFUSED;
	char duration[DURATION_TEXT_SIZE];
	if (text.failed) {
		probe = PROBE_FAILED;
		snprintf(why, size, "out of memory");
	} else if (answered) {
		probe = take_answer(path, &text, status, description, why, size);
	} else if (text.length > ANSWER_LIMIT) {
		snprintf(why, size, "%s: the module's description exceeds %zu bytes", path, ANSWER_LIMIT);
	} else {
		snprintf(why, size, "%s: loading did not finish within %s", path, duration_format(limit, duration));
	}
	text_free(&text);
	return probe;
}

enum probe module_probe(const char *path, const char *name, nanos limit, struct module_description **description,
                        char *why, size_t size)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		snprintf(why, size, "%s: cannot be examined: %s", path, strerror(errno));
		return PROBE_FAILED;
	}
	pid_t pid = fork();
	if (pid == 0)
		run_child(path, name, ends[1]);
	int reason = errno;
	close(ends[1]);
	enum probe probe = PROBE_FAILED;
	if (pid > 0)
		probe = await_child(path, pid, ends[0], limit, description, why, size);
	else
		snprintf(why, size, "%s: cannot be examined: %s", path, strerror(reason));
	close(ends[0]);
	return probe;
}

void module_description_free(struct module_description *description)
{
	if (description == NULL)
		return;
	free((void *)(uintptr_t)description->table.keys);
	free(description->strings);
	free(description);
}
