/* SPDX-License-Identifier: Apache-2.0 */

#include "core/broker/broker_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "core/base/alloc.h"
#include "core/base/file_access.h"

#define PROGRAM "nats-server"
#define VARIABLE "POSTPROCESSING_NATS_SERVER"

static bool is_program(const char *path)
{
	struct stat status;
	return access(path, X_OK) == 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* Searches a list of folders like PATH; relative folders are skipped. */
static char *search(const char *folders)
{
	while (folders != NULL && *folders != '\0') {
		size_t length = strcspn(folders, ":");
		char path[PATH_MAX];
		int size = snprintf(path, sizeof path, "%.*s/" PROGRAM, (int)length, folders);
		if (folders[0] == '/' && size < PATH_MAX && is_program(path))
			return alloc_text(path);
		folders += length + (folders[length] == ':');
	}
	return NULL;
}

/* Root does not run files that others can change or replace: frees the path and returns NULL in this case. */
static char *check(char *path, char *why, size_t size)
{
	char *end = path != NULL ? realpath(path, NULL) : NULL;
	bool trusted = end != NULL && (path[0] != '/' || file_is_trusted(path, geteuid(), why, size)) &&
	               file_is_trusted(end, geteuid(), why, size);
	if (path != NULL && end == NULL)
		snprintf(why, size, "%s: %s", path, strerror(errno));
	free(end);
	if (trusted)
		return path;
	free(path);
	return NULL;
}

char *broker_child_find(char *why, size_t size)
{
	const char *given = getenv(VARIABLE);
	if (given != NULL && *given != '\0') {
		char *path = is_program(given) ? alloc_text(given) : NULL;
		if (path == NULL)
			snprintf(why, size, VARIABLE "=%s: program not found", given);
		return check(path, why, size);
	}
	char *path = search(getenv("PATH"));
	if (path == NULL)
		path = search("/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin");
	if (path == NULL)
		snprintf(why, size,
		         PROGRAM " was not found: install the package " PROGRAM ", set " VARIABLE " to the path of "
		                 "the program, or use another broker ([events] endpoint, POSTPROCESSING_EVENTS_ENDPOINT)");
	return check(path, why, size);
}

/* The child's side of fork(), where only async-signal-safe functions may be called. Never returns. */
static void child_run(const char *const *argv, const char *const *env, pid_t parent, const int fd[3], int lock)
{
	sigset_t none;
	sigemptyset(&none);
	/* If the parent died before prctl(), no signal is sent. */
	bool ready = prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent && setpgid(0, 0) == 0;
	for (int number = 1; number <= SIGRTMAX; number++)
		signal(number, SIG_DFL); /* refused for SIGKILL and SIGSTOP, as it should be */
	ready = ready && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
	for (int i = 0; i < 3; i++)
		ready = ready && dup2(fd[i], i) == i;
	/* A library may have opened a descriptor without O_CLOEXEC. Our descriptors have it, even if the kernel lacks this
	 * call. */
	close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	ready = ready && fcntl(lock, F_SETFD, 0) == 0;
	if (ready)
		execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	_exit(127);
}

bool broker_child_start(struct broker_child *child, const char *program, const char *conf, int log, int lock)
{
	const char *const argv[] = {program, "-c", conf, NULL};
	/* Not the service's environment, which may contain passwords. */
	const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
	sigset_t all, before;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0)
		return false;
	pid_t parent = getpid();
	/* The service's signal handlers must not run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	if (pid == 0)
		child_run(argv, env, parent, (int[]){null, log, log}, lock);
	int reason = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(null);
	errno = reason;
	if (pid < 0)
		return false;
	int pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		reason = errno;
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		errno = reason;
		return false;
	}
	*child = (struct broker_child){.pid = pid, .pidfd = pidfd};
	return true;
}

static bool has_ended(const struct broker_child *child, nanos limit)
{
	struct pollfd fd = {.fd = child->pidfd, .events = POLLIN};
	nanos end = clock_monotonic() + limit, left;
	int ready;
	do {
		left = end - clock_monotonic();
		ready = poll(&fd, 1, left > 0 ? (int)(left / MILLISECOND) + 1 : 0);
	} while (ready <= 0 && left > 0);
	return ready > 0;
}

void broker_child_end(struct broker_child *child, nanos limit, char status[CHILD_STATUS_SIZE])
{
	if (!has_ended(child, 0)) {
		kill(child->pid, SIGTERM);
		if (!has_ended(child, limit))
			kill(child->pid, SIGKILL);
	}
	int code = 0;
	pid_t pid;
	while ((pid = waitpid(child->pid, &code, 0)) < 0 && errno == EINTR)
		continue;
	if (pid < 0)
		snprintf(status, CHILD_STATUS_SIZE, "exit status unknown: %s", strerror(errno));
	else if (WIFSIGNALED(code))
		snprintf(status, CHILD_STATUS_SIZE, "signal %d, %s", WTERMSIG(code), strsignal(WTERMSIG(code)));
	else if (WEXITSTATUS(code) == 127)
		snprintf(status, CHILD_STATUS_SIZE, "cannot be executed");
	else
		snprintf(status, CHILD_STATUS_SIZE, "exit status %d", WEXITSTATUS(code));
	close(child->pidfd);
	*child = (struct broker_child){.pid = 0, .pidfd = -1};
}
