/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/harness/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "tests/harness/limits.h"

/* The test's environment with `extra` on top; the strings are borrowed, the array is the caller's. */
static char **environment_with(const char *const *extra)
{
	size_t own = 0, added = 0, used = 0;
	while (environ[own] != NULL)
		own++;
	while (extra != NULL && extra[added] != NULL)
		added++;
	char **merged = calloc(own + added + 1, sizeof *merged);
	if (merged == NULL)
		return NULL;
	for (size_t i = 0; i < own; i++) {
		bool replaced = false;
		for (size_t j = 0; j < added; j++) {
			size_t name = strcspn(extra[j], "=") + 1;
			replaced = replaced || strncmp(environ[i], extra[j], name) == 0;
		}
		if (!replaced)
			merged[used++] = environ[i];
	}
	for (size_t j = 0; j < added; j++)
		merged[used++] = (char *)(uintptr_t)extra[j];
	return merged;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The child's side of fork(): never returns. */
static void child_run(const struct process_options *options, char **env, pid_t parent, const int fd[3])
{
	/* Check's own handlers must not run here: they pass a signal on to the whole group. */
	sigset_t none;
	sigemptyset(&none);
	bool ready = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
	for (int number = 1; number < SIGRTMIN; number++)
		signal(number, SIG_DFL); /* refused for SIGKILL and SIGSTOP, as it should be */
	ready = ready && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
	for (int i = 0; i < 3; i++)
		ready = ready && (fd[i] < 0 || dup2(fd[i], i) == i);
	/* Descriptors that a library has opened without O_CLOEXEC, for example the test's connection to the broker. */
	close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	if (ready)
		execvpe(options->argv[0], (char *const *)(uintptr_t)options->argv, env);
	_exit(127);
}

bool process_start(struct process *process, const struct process_options *options)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, log = -1;
	*process = (struct process)PROCESS_NONE;
	char **env = environment_with(options->env);
	bool ready = env != NULL;
	if (options->pipe_in)
		ready = ready && pipe2(in, O_CLOEXEC) == 0;
	else
		ready = ready && (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;
	ready = ready && (!options->pipe_out || pipe2(out, O_CLOEXEC) == 0);
	ready = ready &&
	        (options->log == NULL || (log = open(options->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) >= 0);
	pid_t parent = getpid();
	sigset_t all, before;
	sigfillset(&all);
	ready = ready && pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
	pid_t pid = ready ? fork() : -1;
	if (pid == 0)
		child_run(options, env, parent, (int[]){in[0], out[1] >= 0 ? out[1] : log, log});
	if (ready)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(env);
	close_fd(&in[0]);
	close_fd(&out[1]);
	close_fd(&log);
	if (pid < 0) {
		close_fd(&in[1]);
		close_fd(&out[0]);
		return false;
	}
	*process = (struct process){.pid = pid, .in = in[1], .out = out[0], .status = -1};
	return true;
}

static bool has_ended(void *closure)
{
	struct process *process = closure;
	int status;
	pid_t pid = waitpid(process->pid, &status, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return false;
	process->status = pid < 0 ? -1 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	process->pid = 0;
	return true;
}

bool process_wait(struct process *process, nanos limit)
{
	if (process->pid != 0 && !wait_until(has_ended, process, limit))
		return false;
	close_fd(&process->in);
	return true;
}

bool process_signal(const struct process *process, int signal)
{
	return process->pid > 0 && kill(process->pid, signal) == 0;
}

void process_end(struct process *process)
{
	if (process->pid != 0) {
		process_signal(process, SIGTERM);
		process_signal(process, SIGCONT);
		if (!process_wait(process, 10 * SECOND)) {
			process_signal(process, SIGKILL);
			process_wait(process, 10 * SECOND);
		}
	}
	close_fd(&process->in);
	close_fd(&process->out);
}

bool process_read_line(struct process *process, char *line, size_t size, nanos limit)
{
	nanos end = clock_monotonic() + limit;
	size_t used = 0;
	while (used + 1 < size) {
		nanos left = end - clock_monotonic();
		struct pollfd ready = {.fd = process->out, .events = POLLIN};
		if (left <= 0 || poll(&ready, 1, (int)(left / MILLISECOND) + 1) < 0)
			return false;
		if (ready.revents == 0)
			continue;
		/* Byte by byte, so that what follows the line stays in the pipe for the next call. */
		ssize_t got = read(process->out, line + used, 1);
		if (got <= 0 && used == 0)
			return false;
		if (got <= 0 || line[used] == '\n')
			break;
		used++;
	}
	line[used] = '\0';
	return true;
}

size_t process_read_all(struct process *process, char *text, size_t size)
{
	size_t length = 0;
	for (ssize_t got; length < size - 1 && (got = read(process->out, text + length, size - 1 - length)) > 0;)
		length += (size_t)got;
	text[length] = '\0';
	return length;
}

size_t process_add_words(const char **argv, size_t count, size_t limit, char *line)
{
	char *rest = NULL;
	for (char *word = strtok_r(line, " ", &rest); word != NULL && count < limit - 1; word = strtok_r(NULL, " ", &rest))
		argv[count++] = word;
	argv[count] = NULL;
	return count;
}
