/* SPDX-License-Identifier: Apache-2.0
 * The memory of a worker process and of the programs that it has started. The kernel limits that of each process, or,
 * in a control group, that of all (cgroup.h). Here it is looked at now and then, as a sum: one that stays beyond the
 * limit is killed, and one that keeps much of it after a run is replaced. Its temporary files are
 * looked at in the same way. */
#include <inttypes.h>

#include "core/base/process_usage.h"
#include "core/base/scratch_folder.h"
#include "core/steps/pool_private.h"

#define INTERVAL (2 * SECOND)

/* It has no upload, but more than half of the limit, and more than twice of what it began with. */
static bool keeps_much(const struct pool_worker *worker, int64_t memory, int64_t limit)
{
	return worker->state == WORKER_IDLE && memory > limit / 2 && memory / 2 > worker->memory.first;
}

static void replace(struct pool_worker *worker, int64_t memory)
{
	struct pool *pool = worker->pool;
	if (!pool->leaks)
		log_warning(pool_worker_log(worker),
		            "step %s: a process of its module keeps %" PRId64
		            " MiB after %u runs, more than half of memory_limit, "
		            "and is replaced; this is said once",
		            pool_worker_step(worker), memory >> 20, worker->runs);
	pool->leaks = true;
	counter_add(atomic_load(&pool->all->replaced), 1);
	pool_worker_replace(worker);
}

void pool_worker_look_first(struct pool_worker *worker)
{
	worker->memory = (struct memory_watch){.looked = clock_monotonic()};
	worker->memory.first = process_private_memory(worker->process.pid);
}

nanos pool_worker_look(struct pool_worker *worker, nanos now)
{
	struct memory_watch *watch = &worker->memory;
	int64_t limit = worker->pool->step->config->memory_limit;
	enum worker_state state = worker->state;
	if ((state != WORKER_IDLE && state != WORKER_BUSY) || worker->dead || limit <= 0)
		return INT64_MAX;
	if (now - watch->looked < INTERVAL)
		return watch->looked + INTERVAL;
	bool changes = state == WORKER_BUSY || worker->runs != watch->runs;
	watch->looked = now;
	watch->runs = worker->runs;
	if (!changes)
		return now + INTERVAL;
	int64_t memory = process_private_memory(worker->process.pid);
	bool beyond = memory > limit;
	if (worker->process.scratch != NULL && scratch_folder_size(worker->process.scratch) > limit) {
		worker->greedy = worker->writes = true;
		pool_worker_kill(worker, "wrote too much");
	} else if (beyond && watch->beyond) {
		worker->greedy = true;
		pool_worker_kill(worker, "used too much memory");
	} else if (worker->runs > 0 && keeps_much(worker, memory, limit)) {
		replace(worker, memory);
	}
	watch->beyond = beyond;
	return now + INTERVAL;
}
