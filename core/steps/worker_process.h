/* SPDX-License-Identifier: Apache-2.0
 * A process of postprocessing-worker: its start, its descriptors, its end. What is said to it stands in
 * abi/protocol.h. */
#ifndef CORE_STEPS_WORKER_PROCESS_H
#define CORE_STEPS_WORKER_PROCESS_H

#include "core/abi/protocol.h"
#include "core/base/log.h"
#include "core/steps/cgroup.h"

/* How long a process may take to load the module and create the instance. */
#define CREATE_LIMIT (10 * SECOND)
/* How long a cancelled run may take to end, and an instance to be destroyed, before the process is killed. */
#define KILL_DELAY (2 * SECOND)

/* What all workers have in common. */
struct worker_launch {
	const char *path; /* of the program; borrowed */
	int program;      /* the open program: an upgrade of the package does not change it */
	bool own_user;    /* workers run as uid and gid, not as the service's user */
	uid_t uid;
	gid_t gid;
	enum log_level level;
	const struct log *log; /* what modules say while the configuration is checked goes there; NULL: nowhere */
	char why[512];         /* why the program cannot be used; "" */
};

/* Opens the program. If it cannot be used, each start fails with launch->why. */
void worker_launch_open(struct worker_launch *launch, const char *path);
void worker_launch_close(struct worker_launch *launch);

struct worker_process {
	pid_t pid;     /* 0: none */
	int ended;     /* its pidfd: readable once it has ended */
	int control;   /* the socket */
	int cancel;    /* a socket: what the worker has of it is readable once the run is cancelled */
	int errors;    /* what it writes to standard error */
	bool starts;   /* it may start programs, which must not outlive it */
	char *scratch; /* the folder of its temporary files; NULL: none */
	struct cgroup group;
};
#define WORKER_PROCESS_NONE ((struct worker_process){0, -1, -1, -1, -1, false, NULL, CGROUP_NONE})

/* Starts a process and sends it START. The calling thread must outlive the process, which the kernel kills together
 * with it. module: the open file of the module. False: why[size] has the reason. */
bool worker_process_start(struct worker_process *process, const struct worker_launch *launch, int module,
                          const struct start_message *start, char *why, size_t size);

/* Cancels its run. That cannot be taken back, so the process is good for no other run. Never waits, whatever the worker
 * does with its end of the socket. */
void worker_process_cancel(const struct worker_process *process);

/* Kills it if it still runs, waits for its end, and closes the descriptors. Returns the status of waitpid(). *ran_out:
 * it was killed because it had used up the memory of its control group. */
int worker_process_end(struct worker_process *process, bool *ran_out);

/* How a process ended that should not have: "crashed: SIGSEGV (Segmentation fault)", "exited with status 0". */
void worker_status_explain(int status, char *why, size_t size);
/* The same for one that was killed because of its memory: "used more than memory_limit (256 MiB) and was killed";
 * files: because of its temporary files. */
void worker_memory_explain(int64_t limit, bool files, char *why, size_t size);

/* Lines of a worker's standard error. */
struct error_lines {
	char line[512];
	size_t used;
	char last[160]; /* the last whole line, for the reason of a crash */
	size_t taken;   /* bytes of this run */
	bool full;      /* beyond the limit */
};

/* What one run may write, in bytes. The rest is dropped. */
#define ERROR_LINES_LIMIT ((size_t)64 << 10)

/* Reads what there is and calls `each` for each line, without its end. `end`: no more will come, and an unfinished line
 * counts. False: the worker has closed it. */
bool error_lines_read(struct error_lines *lines, int errors, bool end, void (*each)(void *closure, const char *line),
                      void *closure);
/* The next run begins. */
void error_lines_reset(struct error_lines *lines);

#endif
