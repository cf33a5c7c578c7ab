/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)
#define SECOND INT64_C(1000000000)
/* Between SIGTERM and SIGKILL. The host kills a worker two seconds after it has cancelled the run. */
#define GRACE SECOND
/* How often to look whether the command has ended while another process still has its output open. */
#define LOOK_MILLISECONDS 50

int64_t command_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static void close_end(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

/* The command's ends of its pipes. */
struct ends {
	int input, output[2];
};

static bool open_pipe(int *ours, int *theirs, bool writes)
{
	int both[2];
	if (pipe2(both, O_CLOEXEC) != 0)
		return false;
	*ours = both[writes];
	*theirs = both[!writes];
	return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

static bool open_ends(struct command *command, struct ends *ends)
{
	bool good = true;
	if (command->feed)
		good = open_pipe(&command->input, &ends->input, true);
	else
		ends->input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return good && ends->input >= 0 && open_pipe(&command->output[0], &ends->output[0], false) &&
	       open_pipe(&command->output[1], &ends->output[1], false);
}

/* A process group of its own, without this process' signals and descriptors. 0 or an errno. */
static int spawn(struct command *command, const struct ends *ends)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	int error = posix_spawn_file_actions_init(&actions);
	if (error != 0)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return error;
	}
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	const int from[] = {ends->input, ends->output[0], ends->output[1], command->file};
	int count = command->file >= 0 ? COMMAND_FILE + 1 : COMMAND_FILE;
	for (int i = 0; error == 0 && i < count; i++)
		error = posix_spawn_file_actions_adddup2(&actions, from[i], i);
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(&actions, count);
	if (error == 0)
		error = posix_spawn(&command->group, command->arguments[0], &actions, &attributes, command->arguments,
		                    command->environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* The descriptors are placed one after the other, so none of them may be below the places. */
static bool raise_ends(struct ends *ends, int *file)
{
	int *const all[] = {&ends->input, &ends->output[0], &ends->output[1], file};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (*all[i] < 0 || *all[i] > COMMAND_FILE)
			continue;
		int raised = fcntl(*all[i], F_DUPFD_CLOEXEC, COMMAND_FILE + 1);
		if (raised < 0)
			return false;
		close(*all[i]);
		*all[i] = raised;
	}
	return true;
}

static bool start(struct command *command)
{
	struct ends ends = {-1, {-1, -1}};
	int error = open_ends(command, &ends) && raise_ends(&ends, &command->file) ? spawn(command, &ends) : errno;
	close_end(&ends.input);
	close_end(&ends.output[0]);
	close_end(&ends.output[1]);
	errno = error;
	return error == 0;
}

/* Writes what its standard input takes. False: the upload's bytes cannot be had. */
static bool feed(struct command *command)
{
	if (command->length == 0) {
		const void *bytes = NULL;
		ssize_t count = command->host->read(command->run, &bytes);
		if (count < 0)
			return false;
		if (count == 0)
			close_end(&command->input);
		command->bytes = bytes;
		command->length = (size_t)count;
	}
	ssize_t written = command->length > 0 ? write(command->input, command->bytes, command->length) : 0;
	if (written > 0) {
		command->bytes += written;
		command->length -= (size_t)written;
	} else if (written < 0 && errno != EAGAIN && errno != EINTR) {
		close_end(&command->input); /* it need not read all */
	}
	return true;
}

/* Takes what is there of one output. */
static void take(struct command *command, int number)
{
	char bytes[8192];
	ssize_t count = read(command->output[number], bytes, sizeof bytes);
	if (count > 0)
		output_take(number == 0 ? &command->out : &command->errors, bytes, (size_t)count);
	else if (count == 0 || (errno != EAGAIN && errno != EINTR))
		close_end(&command->output[number]);
}

/* Whether the command itself has ended; it is not reaped, so its number stays its own. */
static bool has_ended(const struct command *command)
{
	siginfo_t info = {0};
	return waitid(P_PID, (id_t)command->group, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* How long poll() may take. */
static int patience(const struct command *command, int *pause)
{
	int64_t left = (command->until - command_now()) / MILLISECOND + 1;
	int most = LOOK_MILLISECONDS;
	if (command->output[0] < 0 && command->output[1] < 0 && command->input < 0) {
		/* It has closed all, so it ends now or soon. */
		most = *pause;
		*pause = *pause >= LOOK_MILLISECONDS / 2 ? LOOK_MILLISECONDS : *pause * 2;
	}
	return left < 0 ? 0 : left < most ? (int)left : most;
}

static enum command_end watch(struct command *command)
{
	for (int pause = 1; !has_ended(command);) {
		struct pollfd wait[] = {{.fd = command->input, .events = POLLOUT},
		                        {.fd = command->output[0], .events = POLLIN},
		                        {.fd = command->output[1], .events = POLLIN},
		                        {.fd = command->host->cancel_fd(command->run), .events = POLLIN}};
		int ready = poll(wait, sizeof wait / sizeof wait[0], patience(command, &pause));
		if (ready < 0 && errno != EINTR)
			return COMMAND_ERROR;
		if (ready > 0 && wait[3].revents != 0)
			return COMMAND_CANCELLED;
		for (int i = 0; ready > 0 && i < 2; i++)
			if (wait[i + 1].revents != 0)
				take(command, i);
		if (ready > 0 && wait[0].revents != 0 && !feed(command))
			return COMMAND_UNREAD;
		if (command_now() >= command->until)
			return command->host->cancelled(command->run) ? COMMAND_CANCELLED : COMMAND_TIMEOUT;
	}
	return COMMAND_EXITED;
}

/* Whether processes of the group are left. Those that lost their parent may have become ours to reap. */
static bool is_left(const struct command *command)
{
	while (waitpid(-command->group, NULL, WNOHANG) > 0)
		;
	return kill(-command->group, 0) == 0;
}

/* Takes what was written before the end. */
static void drain(struct command *command)
{
	for (int i = 0; i < 2; i++) {
		/* A process that has left the group may write on for ever. */
		for (int round = 0; round < 256 && command->output[i] >= 0; round++) {
			struct pollfd look = {.fd = command->output[i], .events = POLLIN};
			if (poll(&look, 1, 0) <= 0)
				break;
			take(command, i);
		}
		close_end(&command->output[i]);
	}
	output_end(&command->out);
	output_end(&command->errors);
}

/* Ends all processes of the group. Returns the status of the command. */
static int end(struct command *command)
{
	const struct timespec pause = {0, 10 * MILLISECOND};
	const int64_t until = command_now() + GRACE;
	int status = 0;
	bool reaped = false;
	kill(-command->group, SIGTERM);
	do {
		reaped = reaped || waitpid(command->group, &status, WNOHANG) == command->group;
		if (reaped && !is_left(command))
			return status;
		struct pollfd wait[] = {{.fd = command->output[0], .events = POLLIN},
		                        {.fd = command->output[1], .events = POLLIN}};
		/* A process that still writes must not wait for us. */
		if (poll(wait, 2, 0) > 0)
			for (int i = 0; i < 2; i++)
				if (wait[i].revents != 0)
					take(command, i);
		nanosleep(&pause, NULL);
	} while (command_now() < until);
	kill(-command->group, SIGKILL);
	while (!reaped && waitpid(command->group, &status, 0) < 0 && errno == EINTR)
		;
	is_left(command);
	return status;
}

static enum command_end execute(struct command *command)
{
	if (!start(command)) {
		int error = errno;
		drain(command);
		close_end(&command->input);
		errno = error;
		return COMMAND_ERROR;
	}
	enum command_end ended = watch(command);
	int error = errno, status = end(command);
	/* Its input ends after it, so that it takes a part of the upload for the whole of it in no case. */
	close_end(&command->input);
	drain(command);
	command->status = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	errno = error;
	return ended == COMMAND_EXITED && WIFSIGNALED(status) ? COMMAND_KILLED : ended;
}

enum command_end command_execute(struct command *command)
{
	const struct timespec now = {0, 0};
	sigset_t pipe, before;
	command->input = command->output[0] = command->output[1] = -1;
	command->length = 0;
	/* A command that does not read its input is no reason to end this process. */
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	enum command_end ended = execute(command);
	int error = errno;
	while (!sigismember(&before, SIGPIPE) && sigtimedwait(&pipe, NULL, &now) > 0)
		;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return ended;
}
