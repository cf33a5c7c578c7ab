/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/file_access.h"
#include "core/base/scratch_folder.h"
#include "core/base/text.h"
#include "core/content/copy.h"
#include "core/steps/orphans.h"

/* Above the descriptors that the worker gets, so that placing one overwrites no other. */
#define FIRST_FREE 16
/* Room for a packet and the one that follows it. */
#define SOCKET_BUFFER (1 << 19)

/* Moves a descriptor above FIRST_FREE; -1 stays -1. */
static int raise_descriptor(int descriptor)
{
	if (descriptor < 0 || descriptor >= FIRST_FREE)
		return descriptor;
	int raised = fcntl(descriptor, F_DUPFD_CLOEXEC, FIRST_FREE);
	int reason = errno;
	close(descriptor);
	errno = reason;
	return raised;
}

void worker_launch_open(struct worker_launch *launch, const char *path)
{
	launch->path = path;
	launch->program = -1;
	launch->why[0] = '\0';
	if (!file_is_trusted(path, geteuid(), launch->why, sizeof launch->why))
		return;
	launch->program = raise_descriptor(open(path, O_PATH | O_CLOEXEC));
	if (launch->program >= 0 && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
		return;
	snprintf(launch->why, sizeof launch->why, "%s: %s", path, strerror(errno));
	worker_launch_close(launch);
}

void worker_launch_close(struct worker_launch *launch)
{
	if (launch->program >= 0)
		close(launch->program);
	launch->program = -1;
}

/* The ends of the worker's descriptors. */
struct ends {
	int control[2], errors[2], cancel[2], module, nowhere;
};

static void close_all(const int *descriptor, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (descriptor[i] >= 0)
			close(descriptor[i]);
}

static bool open_ends(struct ends *ends, int module)
{
	*ends = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}, -1, -1};
	bool good = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends->control) == 0 &&
	            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends->cancel) == 0 &&
	            pipe2(ends->errors, O_CLOEXEC) == 0 && fcntl(ends->errors[0], F_SETFL, O_NONBLOCK) == 0;
	ends->module = fcntl(module, F_DUPFD_CLOEXEC, FIRST_FREE);
	ends->nowhere = raise_descriptor(open("/dev/null", O_RDWR | O_CLOEXEC));
	for (size_t i = 0; i < 2; i++) {
		ends->control[i] = raise_descriptor(ends->control[i]);
		ends->errors[i] = raise_descriptor(ends->errors[i]);
		ends->cancel[i] = raise_descriptor(ends->cancel[i]);
		good = good && ends->control[i] >= 0 && ends->errors[i] >= 0 && ends->cancel[i] >= 0;
	}
	int room = SOCKET_BUFFER;
	if (good)
		setsockopt(ends->control[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	return good && ends->module >= 0 && ends->nowhere >= 0;
}

/* Variables that say where a module runs, without those that say what the service knows. */
static void add_variables(char **variable, char *room, size_t size)
{
	static const char *const names[] = {"LANG", "LC_ALL", "TZ", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};
	size_t count = 0;
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	variable[count++] = path;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = getenv(names[i]);
		int length = value != NULL ? snprintf(room, size, "%s=%s", names[i], value) : -1;
		if (length < 0 || (size_t)length >= size)
			continue;
		variable[count++] = room;
		room += length + 1;
		size -= (size_t)length + 1;
	}
	variable[count] = NULL;
}

static int spawn(pid_t *pid, const struct worker_launch *launch, const struct ends *ends, const char *step)
{
	char program[32], room[2048], *variable[16];
	char name[] = "postprocessing-worker";
	char *arguments[] = {name, (char *)(uintptr_t)step, NULL};
	const int from[] = {ends->nowhere, ends->nowhere, ends->errors[1], ends->control[1], ends->module, ends->cancel[1]};
	posix_spawn_file_actions_t actions;
	snprintf(program, sizeof program, "/proc/self/fd/%d", launch->program);
	add_variables(variable, room, sizeof room);
	int error = posix_spawn_file_actions_init(&actions);
	if (error != 0)
		return error;
	for (int i = 0; error == 0 && i <= WORKER_CANCEL; i++)
		error = posix_spawn_file_actions_adddup2(&actions, from[i], i);
	if (error == 0)
		error = posix_spawn(pid, program, &actions, NULL, arguments, variable);
	if (error == ENOENT) /* /proc is not there */
		error = posix_spawn(pid, launch->path, &actions, NULL, arguments, variable);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* False: errno has the reason. */
static bool make_scratch(struct worker_process *process, const struct worker_launch *launch,
                         const struct start_message *start)
{
	if ((start->grants & GRANT_FILES) == 0)
		return true;
	process->scratch = scratch_folder_make(launch->own_user ? launch->uid : (uid_t)-1, launch->gid);
	return process->scratch != NULL;
}

static void remove_scratch(const struct worker_process *process)
{
	if (process->scratch == NULL)
		return;
	scratch_folder_remove(process->scratch);
	free(process->scratch);
}

bool worker_process_start(struct worker_process *process, const struct worker_launch *launch, int module,
                          const struct start_message *start, char *why, size_t size)
{
	struct ends ends;
	struct text packet = {0};
	char error_text[COPY_ERROR_SIZE];
	*process = WORKER_PROCESS_NONE;
	if (launch->program < 0) {
		snprintf(why, size, "worker_program: %s", launch->why);
		return false;
	}
	struct start_message told = *start;
	if (!make_scratch(process, launch, start)) {
		snprintf(why, size, "no folder for its temporary files: %s", strerror(errno));
		return false;
	}
	bool good = open_ends(&ends, module);
	int error = good ? spawn(&process->pid, launch, &ends, start->step) : errno;
	close_all((const int[]){ends.control[1], ends.errors[1], ends.cancel[1], ends.module, ends.nowhere}, 5);
	if (error != 0) {
		snprintf(why, size, "%s: cannot be started: %s", launch->path, strerror(error));
		close_all((const int[]){ends.control[0], ends.errors[0], ends.cancel[0]}, 3);
		remove_scratch(process);
		*process = WORKER_PROCESS_NONE;
		return false;
	}
	process->control = ends.control[0];
	process->errors = ends.errors[0];
	process->cancel = ends.cancel[0];
	process->starts = (start->grants & GRANT_EXEC) != 0;
	if (process->starts)
		orphans_adopt();
	orphans_note_worker(process->pid);
	process->ended = pidfd_open(process->pid, 0);
	told.scratch = process->scratch;
	told.grouped = cgroup_create(&process->group, process->pid, start->memory_limit);
	start_encode(&packet, &told);
	/* Without it, a large upload can be read, but not be opened again. */
	int copies = start->copies != NULL ? copy_folder_open(start->copies, error_text) : -1;
	good = process->ended >= 0 && channel_send(process->control, &packet, NULL, 0, copies, false);
	if (copies >= 0)
		close(copies);
	if (!good) {
		snprintf(why, size, "%s: cannot be started: %s", launch->path, strerror(errno));
		worker_process_end(process, NULL);
	}
	text_free(&packet);
	return good;
}

void worker_process_cancel(const struct worker_process *process)
{
	shutdown(process->cancel, SHUT_WR);
}

int worker_process_end(struct worker_process *process, bool *ran_out)
{
	int status = 0;
	bool out = false;
	if (process->pid > 0) {
		kill(process->pid, SIGKILL); /* not reaped yet, so it is still this process */
		while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
			;
		orphans_forget_worker(process->pid);
		out = cgroup_end(&process->group);
		if (process->starts)
			orphans_end();
	}
	close_all((const int[]){process->ended, process->control, process->cancel, process->errors}, 4);
	remove_scratch(process);
	*process = WORKER_PROCESS_NONE;
	if (ran_out != NULL)
		*ran_out = out;
	return status;
}

void worker_status_explain(int status, char *why, size_t size)
{
	if (WIFSIGNALED(status)) {
		const char *signal = sigabbrev_np(WTERMSIG(status));
		snprintf(why, size, "crashed: SIG%s (%s)", signal != NULL ? signal : "?", strsignal(WTERMSIG(status)));
	} else {
		snprintf(why, size, "exited with status %d", WEXITSTATUS(status));
	}
}

void worker_memory_explain(int64_t limit, bool files, char *why, size_t size)
{
	snprintf(why, size, "used more than memory_limit (%" PRId64 " MiB)%s and was killed", limit >> 20,
	         files ? " for temporary files" : "");
}

static void end_line(struct error_lines *lines, void (*each)(void *closure, const char *line), void *closure)
{
	lines->line[lines->used] = '\0';
	lines->used = 0;
	if (lines->line[0] == '\0')
		return;
	text_copy(lines->last, sizeof lines->last, lines->line);
	each(closure, lines->line);
}

static void take_bytes(struct error_lines *lines, const char *bytes, size_t length,
                       void (*each)(void *closure, const char *line), void *closure)
{
	for (size_t i = 0; i < length && !lines->full; i++) {
		if (bytes[i] == '\n' || lines->used == sizeof lines->line - 1)
			end_line(lines, each, closure);
		if (bytes[i] != '\n' && bytes[i] != '\0')
			lines->line[lines->used++] = bytes[i];
		lines->full = ++lines->taken == ERROR_LINES_LIMIT;
		if (lines->full)
			each(closure, "(the rest of its standard error is dropped)");
	}
}

/* How much one call reads, so that a flood does not keep the caller from its other work. */
#define READS 16

bool error_lines_read(struct error_lines *lines, int errors, bool end, void (*each)(void *closure, const char *line),
                      void *closure)
{
	char bytes[4096];
	ssize_t count = 0;
	for (int i = 0; i < READS && (count = read(errors, bytes, sizeof bytes)) > 0; i++)
		take_bytes(lines, bytes, (size_t)count, each, closure);
	if (end)
		end_line(lines, each, closure);
	return count != 0;
}

void error_lines_reset(struct error_lines *lines)
{
	lines->last[0] = '\0';
	lines->taken = 0;
	lines->full = false;
}
