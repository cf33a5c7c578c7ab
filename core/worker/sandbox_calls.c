/* SPDX-License-Identifier: Apache-2.0
 * seccomp: the system calls of a program that computes, reads files, has threads, and talks to servers if it may.
 *
 * All others fail with EPERM: signals to other processes, a look into them, new processes, other users, raised limits,
 * changed attributes of files, servers, mounts, and what a later kernel may bring. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/worker/sandbox_private.h"

/* Separated by spaces. */
static const char allowed[] =
	/* memory */
	"brk munmap mprotect mremap madvise mincore msync mlock mlock2 munlock mlockall munlockall membarrier "
	"pkey_alloc pkey_free pkey_mprotect "
	/* descriptors */
	"read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 close close_range dup dup2 dup3 "
	"lseek _llseek ftruncate ftruncate64 fallocate fsync fdatasync sync_file_range readahead fadvise64 "
	"sendfile sendfile64 copy_file_range splice tee vmsplice pipe pipe2 eventfd eventfd2 timerfd_create "
	"timerfd_settime timerfd_gettime signalfd signalfd4 epoll_create epoll_create1 epoll_ctl epoll_wait "
	"epoll_pwait epoll_pwait2 poll ppoll select pselect6 _newselect flock inotify_init inotify_init1 "
	"inotify_add_watch inotify_rm_watch "
	/* files, as far as Landlock allows */
	"stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 statx statfs statfs64 fstatfs fstatfs64 "
	"access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd chdir fchdir umask getxattr "
	"lgetxattr fgetxattr listxattr llistxattr flistxattr "
	/* this process and its threads */
	"getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid getpgrp getsid "
	"getpriority getrusage getrlimit ugetrlimit times exit exit_group set_tid_address set_robust_list "
	"get_robust_list rseq futex futex_waitv futex_time64 arch_prctl set_thread_area get_thread_area "
	"sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max "
	"sched_get_priority_min getcpu uname sysinfo capget getrandom restart_syscall riscv_flush_icache "
	"riscv_hwprobe cacheflush "
	/* signals, its own */
	"rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigsuspend rt_sigreturn sigaltstack "
	"sigreturn alarm setitimer getitimer pause timer_create timer_settime timer_gettime timer_getoverrun "
	"timer_delete "
	/* time */
	"time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep "
	"clock_nanosleep_time64 nanosleep "
	/* sockets that it has */
	"connect getsockname getpeername getsockopt sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg "
	"recvmmsg_time64 shutdown";

/* These do not exist, so that the C library falls back to what does: a filter cannot see the flags that they take. */
static const char missing[] = "clone3 openat2 fchmodat2 map_shadow_stack mseal futex_wait futex_wake futex_requeue";

/* Changes of the file system, which Landlock judges. */
static const char changes[] =
	"unlink unlinkat rmdir mkdir mkdirat rename renameat renameat2 link linkat symlink symlinkat";

/* Attributes of a file that is open; Landlock does not judge those of paths. */
static const char attributes[] = "fchmod";

/* A module that starts programs has to end them. Landlock keeps its signals from others, where the kernel has that.
 * It gets files in memory, too, which no limit counts; nor does one count its programs together. */
static const char programs[] = "execve execveat fork vfork clone wait4 waitid setpgid setsid kill memfd_create";

/* No limit counts the memory of a file without a name. */
static const char uncounted[] = "memfd_create";

/* Adds one rule for each name; names that this machine lacks are skipped. */
static int add_names(scmp_filter_ctx filter, uint32_t action, const char *names)
{
	char name[32];
	int error = 0;
	while (error == 0 && *names != '\0') {
		size_t length = strcspn(names, " ");
		snprintf(name, sizeof name, "%.*s", (int)length, names);
		int call = seccomp_syscall_resolve_name(name);
		if (length > 0 && call != __NR_SCMP_ERROR)
			error = seccomp_rule_add(filter, action, call, 0);
		/* Not on this machine, or what is done already. */
		error = error == -EDOM || error == -EEXIST ? 0 : error;
		names += length + (names[length] == ' ');
	}
	return error;
}

/* What fcntl() may do: nothing that sends signals (F_SETOWN, F_SETSIG) or holds other processes up (F_SETLEASE). */
static const int controls[] = {F_DUPFD,
                               F_DUPFD_CLOEXEC,
                               F_GETFD,
                               F_SETFD,
                               F_GETFL,
                               F_SETFL,
                               5 /* F_GETLK */,
                               6 /* F_SETLK */,
                               7 /* F_SETLKW */,
                               12 /* F_…64 */,
                               13,
                               14,
                               36 /* F_OFD_… */,
                               37,
                               38,
                               F_SETPIPE_SZ,
                               F_GETPIPE_SZ,
                               F_ADD_SEALS,
                               F_GET_SEALS};

/* What ioctl() may do: descriptors, the size of a terminal, and the network's interfaces. */
static const unsigned long requests[] = {FIONREAD,       FIONBIO,       FIOCLEX,     FIONCLEX,    TCGETS,
                                         TIOCGWINSZ,     TIOCOUTQ,      SIOCATMARK,  SIOCGIFCONF, SIOCGIFFLAGS,
                                         SIOCGIFADDR,    SIOCGIFINDEX,  SIOCGIFNAME, SIOCGIFMTU,  SIOCGIFHWADDR,
                                         SIOCGIFNETMASK, SIOCGIFBRDADDR};

/* The kernel looks at the lower half of an int's register only. */
#define INT_MASK ((scmp_datum_t)0xffffffff)

/* Adds a rule on one argument, unless an earlier one failed. */
static void add_if(scmp_filter_ctx filter, int *error, const char *name, struct scmp_arg_cmp condition)
{
	int call = seccomp_syscall_resolve_name(name);
	if (*error == 0 && call != __NR_SCMP_ERROR)
		*error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition);
	/* Not on this machine, or what is done already. */
	if (*error == -EDOM || *error == -EEXIST)
		*error = 0;
}

/* Allows the call unless the argument, an int, has this value: a rule for each bit in which it can differ. */
static void add_unless(scmp_filter_ctx filter, int *error, const char *name, unsigned argument, unsigned value)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		scmp_datum_t mask = (scmp_datum_t)1 << bit;
		add_if(filter, error, name, SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, ~(scmp_datum_t)value & mask));
	}
}

/* No memory that RLIMIT_DATA does not count: what is not private has to be a file. */
static void add_memory(scmp_filter_ctx filter, int *error)
{
	static const char *const names[] = {"mmap", "mmap2"};
	for (size_t i = 0; i < 2; i++) {
		if (seccomp_syscall_resolve_name(names[i]) < 0)
			continue;
		add_if(filter, error, names[i], SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_TYPE, MAP_PRIVATE));
		add_if(filter, error, names[i], SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
	}
}

static void add_descriptors(scmp_filter_ctx filter, int *error)
{
	for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++) {
		scmp_datum_t control = (scmp_datum_t)controls[i];
		add_if(filter, error, "fcntl", SCMP_A1(SCMP_CMP_MASKED_EQ, INT_MASK, control));
		add_if(filter, error, "fcntl64", SCMP_A1(SCMP_CMP_MASKED_EQ, INT_MASK, control));
	}
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
		add_if(filter, error, "ioctl", SCMP_A1(SCMP_CMP_MASKED_EQ, INT_MASK, requests[i]));
	/* A datagram socket of a pair can be connected to any other that has a path. */
	add_if(filter, error, "socketpair", SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM));
	add_if(filter, error, "socketpair", SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_SEQPACKET));
	/* Who is passed a socket that lingers waits when it closes it. */
	add_unless(filter, error, "setsockopt", 1, SOL_SOCKET);
	add_unless(filter, error, "setsockopt", 2, SO_LINGER);
}

/* Before its ABI 3, Landlock does not see that a file that is opened for reading is truncated. */
static void add_open_unless_truncating(scmp_filter_ctx filter, int *error, const char *name, unsigned argument)
{
	add_if(filter, error, name, SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, O_TRUNC, 0));
	add_if(filter, error, name, SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, O_ACCMODE, O_WRONLY));
	add_if(filter, error, name, SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, O_ACCMODE, O_RDWR));
}

static void add_open(scmp_filter_ctx filter, int *error, bool readonly, uint32_t grants)
{
	const scmp_datum_t writing = O_ACCMODE | O_CREAT | O_TRUNC | 020000000 /* __O_TMPFILE */;
	if (!readonly) {
		add_open_unless_truncating(filter, error, "open", 1);
		add_open_unless_truncating(filter, error, "openat", 2);
	}
	if (*error == 0 && !readonly)
		*error = add_names(filter, SCMP_ACT_ALLOW, changes);
	if (*error == 0 && !readonly && (grants & GRANT_FILES) != 0)
		*error = add_names(filter, SCMP_ACT_ALLOW, attributes);
	/* futimens() has no path. */
	if (!readonly && (grants & GRANT_FILES) != 0)
		add_if(filter, error, "utimensat", SCMP_A1(SCMP_CMP_EQ, 0));
	if (!readonly)
		return;
	add_if(filter, error, "open", SCMP_A1(SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
	add_if(filter, error, "openat", SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
}

static void add_sockets(scmp_filter_ctx filter, int *error, uint32_t grants)
{
	if ((grants & GRANT_UNIX) != 0)
		add_if(filter, error, "socket", SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if ((grants & GRANT_NETWORK) != 0) {
		add_if(filter, error, "socket", SCMP_A0(SCMP_CMP_EQ, AF_INET));
		add_if(filter, error, "socket", SCMP_A0(SCMP_CMP_EQ, AF_INET6));
		/* The C library asks the kernel for this machine's addresses when it looks up a name. */
		add_if(filter, error, "socket", SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
		/* A resolver binds its socket to a random port. */
		if (*error == 0)
			*error = add_names(filter, SCMP_ACT_ALLOW, "bind");
	}
}

static void add_process(scmp_filter_ctx filter, int *error, uint32_t grants)
{
	static const int harmless[] = {PR_SET_NAME,       PR_GET_NAME,         PR_GET_DUMPABLE,
	                               PR_SET_TIMERSLACK, PR_GET_TIMERSLACK,   PR_CAPBSET_READ,
	                               PR_GET_SECCOMP,    PR_GET_NO_NEW_PRIVS, 0x53564d41 /* PR_SET_VMA */};
	scmp_datum_t own = (scmp_datum_t)getpid();
	for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
		add_if(filter, error, "prctl", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)harmless[i]));
	/* abort() and raise(). */
	add_if(filter, error, "kill", SCMP_A0(SCMP_CMP_EQ, own));
	add_if(filter, error, "tgkill", SCMP_A0(SCMP_CMP_EQ, own));
	/* Limits can be read. */
	add_if(filter, error, "prlimit64", SCMP_A2(SCMP_CMP_EQ, 0));
	/* Threads. */
	add_if(filter, error, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	/* Its own processors, not those of others. */
	add_if(filter, error, "sched_setaffinity", SCMP_A0(SCMP_CMP_EQ, 0));
	if (*error == 0)
		*error = add_names(filter, SCMP_ACT_ERRNO(ENOSYS), missing);
	if (*error == 0 && (grants & GRANT_EXEC) == 0)
		*error = add_names(filter, SCMP_ACT_ERRNO(ENOSYS), uncounted);
	if (*error == 0 && (grants & GRANT_EXEC) != 0)
		*error = add_names(filter, SCMP_ACT_ALLOW, programs);
}

bool calls_restrict(const struct start_message *start, bool readonly, char *why, size_t size)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int error = filter == NULL ? -ENOMEM : 0;
	if (error == 0)
		error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (error == 0)
		error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (error == 0)
		error = add_names(filter, SCMP_ACT_ALLOW, allowed);
	add_open(filter, &error, readonly, start->grants);
	add_memory(filter, &error);
	add_descriptors(filter, &error);
	add_sockets(filter, &error, start->grants);
	add_process(filter, &error, start->grants);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	if (error != 0)
		snprintf(why, size, "cannot restrict the system calls: %s", strerror(-error));
	return error == 0;
}
