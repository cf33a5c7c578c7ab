/* SPDX-License-Identifier: Apache-2.0
 * Does what a broken or hostile module may do. `deed` says what, `where` in which function; in run() only for uploads
 * whose file name begins with "bad". A deed that is refused is the reason with which the upload is aborted, or a line
 * of standard error. A copy of the file that is named after a deed does it when it is loaded. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/modules/fixture.h"

struct wicked {
	const struct pp_host *host;
	const char *where;
	void (*deed)(void);
	const char *name;
};

static const struct pp_key keys[] = {
	{.name = "deed", .fallback = "nothing"},
	{.name = "where", .type = PP_KEY_CHOICE, .choices = "run create check destroy", .fallback = "run"},
	{.name = NULL},
};

/* Why a deed was refused: what it returned to report(). */
static char refusal[256];

static void report(const char *what, int result)
{
	size_t length = strlen(refusal);
	snprintf(refusal + length, sizeof refusal - length, "%s: %s; ", what, result < 0 ? strerror(errno) : "done");
}

/* Reports what is not refused with EPERM. */
static void try(const char *what, int result)
{
	if (result >= 0 || errno != EPERM)
		report(what, result);
}

static void nothing(void)
{
}

static void segfault(void)
{
	volatile char *volatile nowhere = (char *)(uintptr_t)16;
	*nowhere = 1;
}

static void do_abort(void)
{
	fputs("wicked: giving up\n", stderr);
	abort();
}

static void overflow_stack(void)
{
	volatile char room[65536];
	memset((char *)(uintptr_t)room, 1, sizeof room);
	if (room[1] == 1)
		overflow_stack();
	room[0] = room[2];
}

static void loop(void)
{
	for (volatile unsigned i = 0;; i++)
		;
}

static void sleep_long(void)
{
	for (;;)
		pause();
}

static void leak(void)
{
	size_t leaked = 0;
	for (; leaked < (size_t)1 << 30; leaked += 1 << 20) {
		char *more = malloc(1 << 20);
		if (more == NULL)
			break;
		memset(more, 1, 1 << 20);
	}
	report(leaked < (size_t)1 << 30 ? "no more memory" : "leaked 1 GiB", 0);
}

/* What it allocates is never freed. */
static void leak_some(void)
{
	size_t size = (size_t)40 << 20;
	volatile char *volatile more = malloc(size);
	for (size_t i = 0; more != NULL && i < size; i += 4096)
		more[i] = 1;
}

static void do_fork(void)
{
	pid_t child = fork();
	report("fork", child);
	if (child == 0) {
		alarm(60);
		for (;;)
			pause();
	}
	report("setsid", setsid());
}

/* A child that nobody waits for and that ignores a polite request. */
static void leave_children(void)
{
	pid_t child = fork();
	if (child > 0)
		return;
	if (child < 0) {
		report("fork", child);
		return;
	}
	setsid();
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (fork() != 0)
		_exit(0);
	alarm(60);
	for (;;)
		pause();
}

static void leave_children_and_crash(void)
{
	leave_children();
	segfault();
}

/* A program that takes much memory, and a run that waits for it. */
static void start_greedy(void)
{
	if (fork() == 0) {
		leak_some();
		leak_some();
		alarm(60);
	}
	leak_some();
	leak_some();
	sleep_long();
}

/* Beyond the end of what it has allocated, into what the C library keeps there. */
static void overrun_heap(void)
{
	char *room = malloc(100000), *next = malloc(100000);
	char *volatile place = next;
	if (room == NULL || next == NULL)
		return;
	volatile char *before = place;
	for (int i = 1; i <= 16; i++)
		before[-i] = -1;
	free(next);
	free(room);
}

static void do_exit(void)
{
	exit(0);
}

static void exit_at_once(void)
{
	_exit(0);
}

static void exit_quickly(void)
{
	quick_exit(3);
}

static void kill_itself(void)
{
	raise(SIGKILL);
}

/* As a library may that wants to be a daemon. */
static void close_errors(void)
{
	close(2);
	poll(NULL, 0, 1000);
}

/* Whatever the service does to cancel a run must not wait for us. */
static void hold_cancellation(void)
{
	const unsigned long long much = ~0ull - 1;
	fcntl(5, F_SETFL, 0);
	ssize_t written = write(5, &much, sizeof much);
	(void)written;
	sleep_long();
}

/* Two runs of one process. */
static void note_run(void)
{
	static unsigned runs;
	if (runs++ > 0)
		report("run again", 0);
}

static void *forge(void *closure)
{
	/* READ; DONE with PP_CONTINUE, no result, no details, and then an empty reason, an empty verdict and no flags; COPY
	 * with a digest; REPORT with nothing. */
	static const unsigned kind[] = {106, 107, 109, 112}, length[] = {24, 16 + 24 + 34, 32, 16 + 32};
	for (unsigned run = 1; run < 1000000; run++) {
		const unsigned fields[4][6] = {
			{1 + run / 64 % 3}, {PP_CONTINUE, 0, 0, 0, ~0u, ~0u}, {1 + run / 64 % 3, 0, 1, 0}, {0}};
		unsigned packet[20] = {1, kind[run % 4], run / 4 % 64, 0};
		memcpy(packet + 4, fields[run % 4], sizeof fields[0]);
		if (send(3, packet, length[run % 4], 0) < 0)
			break;
	}
	return closure;
}

/* Sends answers and requests that nobody has asked for, at all times. */
static void begin_forging(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, forge, NULL);
}

static void close_all(void)
{
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
}

/* The answer to run number 1, and to what else it may be, on the worker's socket. */
static void answer_twice(void)
{
	char packet[256] = {0};
	for (unsigned run = 0; run < 100; run++) {
		const unsigned head[4] = {1, 107, run, 0};
		memcpy(packet, head, sizeof head);
		if (send(3, packet, 16 + 8 * 4 + 8, MSG_DONTWAIT) < 0)
			break;
	}
	char large[100000] = "not a packet";
	send(3, large, sizeof large, MSG_DONTWAIT);
}

static void flood(void)
{
	char line[1024];
	memset(line, 'x', sizeof line);
	line[sizeof line - 1] = '\n';
	for (unsigned i = 0; i < 10000; i++) {
		fwrite(line, 1, sizeof line, stdout);
		fwrite(line, 1, sizeof line, stderr);
	}
	fflush(stdout);
}

static void kill_others(void)
{
	report("kill group", kill(0, SIGKILL));
	report("kill all", kill(-1, SIGKILL));
	report("kill parent", kill(getppid(), SIGKILL));
	report("trace parent", (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static void use_network(void)
{
	report("internet", socket(AF_INET, SOCK_STREAM, 0));
	report("unix", socket(AF_UNIX, SOCK_STREAM, 0));
	report("packet", socket(AF_PACKET, SOCK_RAW, 0));
}

static void use_files(void)
{
	char path[64];
	report("shadow", open("/etc/shadow", O_RDONLY));
	report("root", open("/root", O_RDONLY | O_DIRECTORY));
	snprintf(path, sizeof path, "/proc/%d/environ", (int)getppid());
	report("parent", open(path, O_RDONLY));
	report("write", open("/tmp/wicked", O_WRONLY | O_CREAT, 0600));
	report("chmod", chmod("/tmp", 0));
	report("passwd", open("/etc/passwd", O_RDONLY) < 0 ? -1 : 0);
}

static void raise_limits(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	report("memory", setrlimit(RLIMIT_DATA, &all));
	report("core", setrlimit(RLIMIT_CORE, &all));
	report("user", setuid(0));
}

static int call(long number, long a, long b, long c, long d)
{
	return (int)syscall(number, a, b, c, d, 0L, 0L);
}

/* Signals by way of descriptors. */
static void own_descriptors(void)
{
	int pair[2];
	report("stream", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	try("owner", fcntl(pair[0], F_SETOWN, getppid()));
	try("high", call(SYS_fcntl, pair[0], F_SETOWN | 1L << 32, getppid(), 0));
	try("signal", fcntl(pair[0], 10 /* F_SETSIG */, SIGKILL));
	try("ioctl", ioctl(pair[0], FIOSETOWN, &(int){getppid()}));
	try("tty", call(SYS_ioctl, 0, TIOCSTI | 1L << 32, (long)(uintptr_t) "x", 0));
	try("lease", fcntl(4, 1024 /* F_SETLEASE */, F_RDLCK));
	try("linger", setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &(struct linger){1, 3600}, sizeof(struct linger)));
	try("datagram", socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair));
	try("raw", socketpair(AF_UNIX, SOCK_RAW, 0, pair));
	report("room", setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int)));
}

static void call_kernel(void)
{
	const pid_t parent = getppid();
	try("io_uring", call(SYS_io_uring_setup, 1, 0, 0, 0));
	try("clone", call(SYS_clone, SIGCHLD, 0, 0, 0));
	try("execveat", call(SYS_execveat, 4, (long)(uintptr_t) "", 0, 0));
	try("queue", call(SYS_rt_sigqueueinfo, parent, 0, 0, 0));
	try("tkill", call(SYS_tkill, parent, 0, 0, 0));
	try("pidfd", call(SYS_pidfd_open, parent, 0, 0, 0));
	try("handle", call(SYS_open_by_handle_at, AT_FDCWD, 0, 0, 0));
	try("fault", call(SYS_userfaultfd, 0, 0, 0, 0));
	try("affinity", call(SYS_sched_setaffinity, parent, 0, 0, 0));
	try("priority", setpriority(PRIO_PROCESS, (id_t)parent, 19));
	try("dumpable", prctl(PR_SET_DUMPABLE, 1));
	try("fchmod", fchmod(4, 0777));
	try("truncate", truncate("/etc/passwd", 0));
	try("segment", shmget(IPC_PRIVATE, 4096, 0600));
}

/* Memory that RLIMIT_DATA does not count. */
static void use_memory(void)
{
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	report("shared", shared == MAP_FAILED ? -1 : 0);
	report("file", memfd_create("wicked", 0));
	report("shm", open("/dev/shm/wicked", O_RDWR | O_CREAT, 0600));
	report("cut", open("/proc/self/comm", O_RDONLY | O_TRUNC));
}

static void *wait_for_ever(void *closure)
{
	for (;;)
		pause();
	return closure;
}

/* Says so if this process has such a thread already. */
static void leave_thread(void)
{
	static unsigned threads;
	pthread_t thread;
	if (threads++ > 0)
		report("thread again", 0);
	pthread_create(&thread, NULL, wait_for_ever, NULL);
}

static int write_in(const char *folder, const char *name, int flags)
{
	char path[600];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int file = open(path, O_WRONLY | O_CREAT | flags, 0600);
	if (file >= 0)
		close(file);
	return file;
}

/* In the folder for temporary files, and around it. What it writes it removes. */
static void use_scratch(void)
{
	const char *folder = getenv("TMPDIR");
	char path[512], other[512];
	if (folder == NULL) {
		report("no folder", 0);
		return;
	}
	report("write", write_in(folder, "one", O_EXCL));
	snprintf(path, sizeof path, "%s/one", folder);
	snprintf(other, sizeof other, "%s/two", folder);
	report("append", write_in(folder, "one", O_TRUNC));
	report("rename", rename(path, other));
	int file = open(other, O_RDWR);
	report("mode", fchmod(file, 0700));
	report("times", futimens(file, NULL));
	close(file);
	report("path", chmod(other, 0755));
	execl(other, other, NULL);
	report("execute", -1);
	report("remove", unlink(other));
}

/* What may not be in the folder, and what is around it. */
static void leave_scratch(void)
{
	const char *folder = getenv("TMPDIR");
	char path[512];
	if (folder == NULL) {
		report("no folder", 0);
		return;
	}
	snprintf(path, sizeof path, "%s/one", folder);
	report("folder", mkdir(path, 0700) == 0 && rmdir(path) == 0 ? 0 : -1);
	report("socket", mknod(path, S_IFSOCK | 0600, 0));
	report("above", write_in(folder, "../one", 0));
	report("out", symlink("/etc", path));
	report("through", write_in(path, "wicked", 0));
	unlink(path);
}

/* Leaves a file, and finds those of an earlier run. */
static void leave_file(void)
{
	const char *folder = getenv("TMPDIR");
	if (folder == NULL || write_in(folder, "left", O_EXCL) < 0)
		report("left", -1);
}

/* Files of half the limit each, and a run that does not end. */
static void fill_scratch(void)
{
	static char bytes[1 << 20];
	char path[512];
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%u", getenv("TMPDIR"), i);
		FILE *file = fopen(path, "we");
		for (unsigned j = 0; file != NULL && j < 20; j++)
			fwrite(bytes, 1, sizeof bytes, file);
		if (file != NULL)
			fclose(file);
	}
	sleep_long();
}

static const struct {
	const char *name;
	void (*deed)(void);
} deeds[] = {
	{"scratch", use_scratch},
	{"scratch_around", leave_scratch},
	{"leave_file", leave_file},
	{"fill", fill_scratch},
	{"nothing", nothing},
	{"segfault", segfault},
	{"abort", do_abort},
	{"stack", overflow_stack},
	{"loop", loop},
	{"sleep", sleep_long},
	{"leak", leak},
	{"fork", do_fork},
	{"exit", do_exit},
	{"_exit", exit_at_once},
	{"quick_exit", exit_quickly},
	{"close", close_all},
	{"answer", answer_twice},
	{"flood", flood},
	{"kill", kill_others},
	{"network", use_network},
	{"files", use_files},
	{"limits", raise_limits},
	{"thread", leave_thread},
	{"sigkill", kill_itself},
	{"own", own_descriptors},
	{"calls", call_kernel},
	{"memory", use_memory},
	{"close_errors", close_errors},
	{"hold_cancellation", hold_cancellation},
	{"note_run", note_run},
	{"forge", begin_forging},
	{"children", leave_children},
	{"children_crash", leave_children_and_crash},
	{"greedy", start_greedy},
	{"keep", leak_some},
	{"heap", overrun_heap},
	{"overrun", nothing},
	{"read", nothing},
	{"read_half", nothing},
};

/* Does a deed where there is no reason to say what was refused. */
static void do_it(void (*deed)(void))
{
	refusal[0] = '\0';
	deed();
	if (refusal[0] != '\0')
		fprintf(stderr, "%s\n", refusal);
}

/* The file's own name, which is the module's: "wicked", or the deed to do now. With "late-" before it only in a process
 * that gets uploads. What was refused ends the process, as nothing else is seen of one that describes the module. */
static char name[64] = "wicked";

__attribute__((constructor)) static void load(void)
{
	Dl_info info;
	char path[256] = "", thread[17] = "";
	const char *deed = name;
	ssize_t length = dladdr(name, &info) != 0 ? readlink(info.dli_fname, path, sizeof path - 1) : -1;
	const char *base = length > 0 ? strrchr(path, '/') : NULL;
	if (base == NULL || strlen(base) < 4)
		return;
	snprintf(name, sizeof name, "%.*s", (int)strlen(base) - 4, base + 1);
	prctl(PR_GET_NAME, thread);
	if (strncmp(name, "late-", 5) == 0)
		deed = strcmp(thread, "pp-wicked") == 0 ? name + 5 : "nothing";
	for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++)
		if (strcmp(deeds[i].name, deed) == 0)
			do_it(deeds[i].deed);
	if (refusal[0] != '\0')
		abort();
}

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct wicked *wicked = calloc(1, sizeof *wicked);
	if (wicked == NULL)
		return -1;
	wicked->host = host;
	wicked->where = host->string(setup, "where");
	wicked->name = host->string(setup, "deed");
	for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++)
		if (strcmp(deeds[i].name, wicked->name) == 0)
			wicked->deed = deeds[i].deed;
	if (wicked->deed == NULL) {
		host->reject(setup, "deed", "no such deed");
		return -1;
	}
	*instance = wicked;
	if (strcmp(wicked->where, "create") == 0)
		do_it(wicked->deed);
	return 0;
}

/* The reason says what the upload's bytes were. */
static uint32_t read_upload(const struct pp_host *host, struct pp_run *run, bool all)
{
	unsigned long long length = 0, sum = 0;
	const void *bytes;
	ssize_t count;
	while ((count = host->read(run, &bytes)) > 0 && (all || length == 0)) {
		for (ssize_t i = 0; i < count; i++)
			sum += ((const unsigned char *)bytes)[i] * (length + (unsigned long long)i + 1);
		length += (unsigned long long)count;
	}
	if (count < 0)
		host->set_reason(run, "%s", host->read_error(run));
	else if (all)
		host->set_reason(run, "%llu bytes: %llx", length, sum);
	return count < 0 ? PP_RETRY : all ? PP_ABORT : PP_CONTINUE;
}

/* More than the host takes: it refuses results, and cuts the line and the reason. */
static uint32_t overrun_answer(const struct pp_host *host, struct pp_run *run)
{
	static char large[1 << 20];
	memset(large, '[', sizeof large - 1);
	if (host->set_result(run, large) == 0)
		return PP_CONTINUE;
	memset(large, '1', sizeof large - 1);
	if (host->set_result(run, large) == 0)
		return PP_CONTINUE;
	memset(large, 'x', sizeof large - 1);
	host->log(run, PP_LOG_INFO, "%s", large);
	host->set_reason(run, "%s", large);
	return PP_ABORT;
}

static uint32_t run(void *instance, struct pp_run *run)
{
	const struct wicked *wicked = instance;
	const struct pp_host *host = wicked->host;
	if (strncmp(host->filename(run), "bad", 3) != 0 || strcmp(wicked->where, "run") != 0)
		return PP_CONTINUE;
	if (strncmp(wicked->name, "read", 4) == 0)
		return read_upload(host, run, strcmp(wicked->name, "read") == 0);
	if (strcmp(wicked->name, "overrun") == 0)
		return overrun_answer(host, run);
	refusal[0] = '\0';
	wicked->deed();
	if (refusal[0] == '\0')
		return PP_CONTINUE;
	host->set_reason(run, "%s", refusal);
	return PP_ABORT;
}

static int check(void *instance, char *why, size_t size)
{
	const struct wicked *wicked = instance;
	if (strcmp(wicked->where, "check") != 0)
		return 0;
	if (strcmp(wicked->name, "overrun") == 0)
		memset(why, 'x', size * 16);
	do_it(wicked->deed);
	return 0;
}

static void destroy(void *instance)
{
	const struct wicked *wicked = instance;
	if (strcmp(wicked->where, "destroy") == 0)
		do_it(wicked->deed);
	free(instance);
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD, .name = name, .keys = keys, .create = create, .run = run, .destroy = destroy, .check = check};
