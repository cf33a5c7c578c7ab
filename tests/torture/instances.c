/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "core/server/peers.h"
#include "tests/torture/torture.h"

/* The other instances have taken over the uploads of an instance that is silent for this long. */
#define TAKEN_FOR_DEAD (PEER_TIMEOUT + PEER_SIGN_INTERVAL)
/* How long a trap waits for its frame, and how long disturbances last. */
#define TRAP_TIME (5 * SECOND)
#define DISTURBANCE_TIME (2 * SECOND)
#define SHORT_TIME (5 * SECOND)
/* Events stay unacknowledged for half a minute, and the broker remembers IDs for two: a stop is to be longer than
 * one of these, or both. */
#define SPAN_TIMEOUT (35 * SECOND)
#define SPAN_MEMORY (121 * SECOND)
#define SKIP_LIMIT 20

/* Which program it is this time: now and then the older one, as during an upgrade of one instance after the other,
 * or its reversal. The older one has its own modules. False: the present one. */
static bool take_older(struct torture *torture, const char **program, char modules[FOLDER_PATH_SIZE + 64])
{
	const char *older = torture->older;
	uint64_t random = torture->options.seed + torture->starts[0] + torture->starts[1];
	bool taken = older != NULL && torture_random(&random, 2) == 0;
	torture->starts[taken]++;
	if (!taken)
		return false;
	const char *name = strrchr(older, '/');
	snprintf(modules, FOLDER_PATH_SIZE + 64, "POSTPROCESSING_PLUGIN_DIR=%.*s/plugins/.libs",
	         name != NULL ? (int)(name - older) : 1, name != NULL ? older : ".");
	*program = older;
	return true;
}

static void start_instance(struct torture *torture, unsigned number)
{
	struct scenario *scenario = &torture->scenario;
	struct victim *victim = &torture->faults.instance[number];
	char ini[FOLDER_PATH_SIZE + 32], folder[FOLDER_PATH_SIZE + 16], log[FOLDER_PATH_SIZE + 32];
	char socket[FOLDER_PATH_SIZE + 64], state[FOLDER_PATH_SIZE + 64], endpoint[PROXY_ENDPOINT_SIZE],
		events[PROXY_ENDPOINT_SIZE + 40];
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario->folder);
	snprintf(folder, sizeof folder, "%s/%u", scenario->folder, number);
	snprintf(log, sizeof log, "%s/service.log", folder);
	snprintf(socket, sizeof socket, "ANTIVIRUS_CLAMAV_SOCKET=%s/clamd.sock", scenario->folder);
	snprintf(state, sizeof state, "POSTPROCESSING_STATE_DIR=%s", folder);
	proxy_endpoint(torture->proxy, number, endpoint);
	snprintf(events, sizeof events, "POSTPROCESSING_EVENTS_ENDPOINT=%s", endpoint);
	mkdir(folder, 0700); /* exists after the first start */
	const char *argv[] = {NULL, NULL, "./postprocessing", "server", "-c", ini, NULL};
	char modules[FOLDER_PATH_SIZE + 64];
	bool older = take_older(torture, argv + NETWORK_ARGUMENTS, modules);
	const char *env[] = {socket, state, events, older ? modules : NULL, NULL};
	bool apart = torture->options.network != NULL;
	if (apart)
		network_command(torture->options.network, number, argv);
	ck_assert(process_start(
		&victim->process,
		&(struct process_options){.argv = apart ? argv : argv + NETWORK_ARGUMENTS, .env = env, .log = log}));
	victim->state = VICTIM_WORKS;
	victim->back = 0;
	struct gate *gate = proxy_take(torture->proxy, number);
	gate->pid = victim->process.pid;
	proxy_give_back(torture->proxy);
}

static bool is_there(void *closure)
{
	struct torture *torture = closure;
	jsConsumerInfo *info = NULL;
	bool there = js_GetConsumerInfo(&info, torture->js, "main-queue", "postprocessing-pull", NULL, NULL) == NATS_OK;
	jsConsumerInfo_Destroy(info);
	return there;
}

void instances_begin(struct torture *torture)
{
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++)
		torture->faults.instance[i].process = (struct process)PROCESS_NONE;
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++) {
		start_instance(torture, i);
		/* nats-server 2.9.10 dies if a message is requested from a stream that is being created. */
		ck_assert_msg(wait_until(is_there, torture, TEST_LIMIT), "the service does not create stream and consumer");
	}
}

/* Ends all disturbances and traps. */
static void open_gate(struct torture *torture, unsigned number)
{
	struct gate *gate = proxy_take(torture->proxy, number);
	gate->trap.set = gate->cut = gate->pieces = false;
	gate->answers_lost = gate->acks_lost = 0;
	proxy_give_back(torture->proxy);
	torture->faults.instance[number].gate_until = 0;
}

/* A process that is about to be killed or waited for must not be killed by anything else. */
static void forget_process(struct torture *torture, unsigned number)
{
	proxy_take(torture->proxy, number)->pid = 0;
	proxy_give_back(torture->proxy);
}

/* Most are back at once, some after the others have taken over. */
static void count_dead(struct torture *torture, struct victim *victim, nanos now)
{
	struct faults *faults = &torture->faults;
	nanos longest = torture->options.stop_limit, soon = 2 * torture->options.pause;
	bool away = longest > TAKEN_FOR_DEAD && torture_random(&faults->random, 10) == 0;
	victim->state = VICTIM_DEAD;
	victim->back = now + (away ? faults_between(faults, TAKEN_FOR_DEAD, TAKEN_FOR_DEAD + SHORT_TIME)
	                           : faults_between(faults, 0, soon));
}

static void kill_one(struct torture *torture, unsigned number, nanos now)
{
	struct victim *victim = &torture->faults.instance[number];
	forget_process(torture, number);
	ck_assert(process_signal(&victim->process, SIGKILL));
	ck_assert(process_wait(&victim->process, TEST_LIMIT));
	open_gate(torture, number);
	count_dead(torture, victim, now);
}

/* Shorter than any time limit, longer than ack_wait, or longer than the broker remembers IDs, as far as the limit
 * allows. */
static nanos long_time(struct torture *torture)
{
	struct faults *faults = &torture->faults;
	nanos longest = torture->options.stop_limit;
	uint64_t which = torture_random(&faults->random, 6);
	if (longest <= TAKEN_FOR_DEAD)
		return longest;
	if (which == 0 && longest > SPAN_MEMORY)
		return faults_between(faults, SPAN_MEMORY, longest);
	if (which <= 3 && longest > SPAN_TIMEOUT)
		return faults_between(faults, SPAN_TIMEOUT,
		                      longest < SPAN_TIMEOUT + 10 * SECOND ? longest : SPAN_TIMEOUT + 10 * SECOND);
	return faults_between(faults, TAKEN_FOR_DEAD, longest < SPAN_TIMEOUT ? longest : SPAN_TIMEOUT);
}

static void stop_one(struct torture *torture, unsigned number, enum fault fault, nanos now)
{
	struct victim *victim = &torture->faults.instance[number];
	ck_assert(process_signal(&victim->process, SIGSTOP));
	victim->state = VICTIM_STOPPED;
	victim->back = now + (fault == FAULT_STOP ? faults_between(&torture->faults, 100 * MILLISECOND, SHORT_TIME)
	                                          : long_time(torture));
}

static void set_hole(struct torture *torture, unsigned number, bool hole)
{
	if (torture->options.network != NULL) {
		network_set_link(torture->options.network, number, !hole);
		return;
	}
	proxy_take(torture->proxy, number)->hole = hole;
	proxy_give_back(torture->proxy);
}

static void cut_off(struct torture *torture, unsigned number, enum fault fault, nanos now)
{
	struct victim *victim = &torture->faults.instance[number];
	set_hole(torture, number, true);
	victim->state = VICTIM_CUT_OFF;
	victim->cut = torture_random(&torture->faults.random, 2) == 0;
	victim->back = now + (fault == FAULT_HOLE ? faults_between(&torture->faults, 500 * MILLISECOND, SHORT_TIME)
	                                          : long_time(torture));
}

static void set_trap(struct torture *torture, unsigned number)
{
	struct faults *faults = &torture->faults;
	unsigned card = faults_deal(faults, &faults->traps);
	struct trap trap = {.set = true,
	                    .point = card / 2,
	                    .withhold = card % 2,
	                    .skip = (unsigned)torture_random(&faults->random, SKIP_LIMIT)};
	if (trap.point == POINT_SIGN || trap.point == POINT_REFUSED) /* there are few of them */
		trap.skip = 0;
	faults->instance[number].trap = trap;
	proxy_take(torture->proxy, number)->trap = trap;
	proxy_give_back(torture->proxy);
}

static void disturb(struct torture *torture, unsigned number, enum fault fault)
{
	bool all = torture_random(&torture->faults.random, 4) == 0;
	struct gate *gate = proxy_take(torture->proxy, number);
	gate->cut = fault == FAULT_CUT;
	gate->pieces = fault == FAULT_PIECES;
	gate->answers_lost = fault != FAULT_ANSWERS ? 0 : all ? 100 : 20;
	gate->acks_lost = fault != FAULT_ACKS ? 0 : all ? 100 : 20;
	proxy_give_back(torture->proxy);
}

bool instances_hurt(struct torture *torture, enum fault fault, nanos now)
{
	struct faults *faults = &torture->faults;
	unsigned working[TORTURE_INSTANCES], count = 0;
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++)
		if (faults->instance[i].state == VICTIM_WORKS && faults->instance[i].gate_until == 0)
			working[count++] = i;
	if (count == 0)
		return false;
	unsigned number = working[torture_random(&faults->random, count)];
	struct victim *victim = &faults->instance[number];
	char where[16];
	snprintf(where, sizeof where, "%u", number);
	if (fault == FAULT_KILL) {
		kill_one(torture, number, now);
	} else if (fault == FAULT_STOP || fault == FAULT_LONG_STOP) {
		stop_one(torture, number, fault, now);
	} else if (fault == FAULT_HOLE || fault == FAULT_LONG_HOLE) {
		cut_off(torture, number, fault, now);
	} else {
		victim->gate_until = now + (fault == FAULT_POINT ? TRAP_TIME : DISTURBANCE_TIME);
		if (fault == FAULT_POINT)
			set_trap(torture, number);
		else
			disturb(torture, number, fault);
	}
	if (fault != FAULT_POINT) /* it is reported after it has happened */
		faults_report(torture, fault, where, victim->state == VICTIM_WORKS ? victim->gate_until : victim->back);
	return true;
}

static void bring_back(struct torture *torture, unsigned number)
{
	struct victim *victim = &torture->faults.instance[number];
	if (victim->state == VICTIM_DEAD) {
		start_instance(torture, number);
		return;
	}
	if (victim->state == VICTIM_STOPPED) {
		ck_assert(process_signal(&victim->process, SIGCONT));
	} else {
		if (victim->cut)
			proxy_drop(torture->proxy, number);
		set_hole(torture, number, false);
	}
	victim->state = VICTIM_WORKS;
	victim->back = 0;
}

/* The trap that was set has killed it. */
static void note_sprung(struct torture *torture, unsigned number, nanos now)
{
	struct victim *victim = &torture->faults.instance[number];
	char where[80];
	ck_assert(process_wait(&victim->process, TEST_LIMIT));
	ck_assert_int_eq(victim->process.status, 128 + SIGKILL);
	open_gate(torture, number);
	count_dead(torture, victim, now);
	torture->faults.points[victim->trap.point][victim->trap.withhold]++;
	snprintf(where, sizeof where, "%u: %s, %s", number, point_name(victim->trap.point),
	         victim->trap.withhold ? "withheld" : "passed");
	faults_report(torture, FAULT_POINT, where, victim->back);
}

static void look_after(struct torture *torture, unsigned number, nanos now)
{
	struct victim *victim = &torture->faults.instance[number];
	struct gate *gate = proxy_take(torture->proxy, number);
	bool sprung = gate->sprung;
	gate->sprung = false;
	/* A dead process is not waited for before its gate has reported whether it was killed there. */
	bool ended = !sprung && victim->state == VICTIM_WORKS && process_wait(&victim->process, 0);
	proxy_give_back(torture->proxy);
	ck_assert_msg(!ended, "instance %u ended with status %d", number, victim->process.status);
	if (sprung)
		note_sprung(torture, number, now);
	else if (victim->gate_until != 0 && victim->gate_until <= now)
		open_gate(torture, number);
	if (victim->state != VICTIM_WORKS && victim->back <= now)
		bring_back(torture, number);
}

void instances_turn(struct torture *torture, nanos now)
{
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++)
		look_after(torture, i, now);
}

bool instances_all_work(const struct faults *faults)
{
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++)
		if (faults->instance[i].state != VICTIM_WORKS || faults->instance[i].gate_until != 0)
			return false;
	return true;
}

static bool tells_secret(const struct torture *torture, unsigned number)
{
	char path[FOLDER_PATH_SIZE + 32], line[4096];
	snprintf(path, sizeof path, "%s/%u/service.log", torture->scenario.folder, number);
	FILE *log = fopen(path, "re");
	bool found = log == NULL;
	while (!found && fgets(line, sizeof line, log) != NULL)
		found = strstr(line, SCENARIO_SECRET) != NULL;
	if (log != NULL)
		fclose(log);
	return found;
}

void instances_end(struct torture *torture)
{
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++) {
		forget_process(torture, i);
		ck_assert(process_signal(&torture->faults.instance[i].process, SIGTERM));
	}
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++) {
		struct process *process = &torture->faults.instance[i].process;
		ck_assert_msg(process_wait(process, 2 * TEST_LIMIT), "instance %u does not end", i);
		ck_assert_msg(process->status == 0, "instance %u ended with status %d", i, process->status);
		ck_assert_msg(!tells_secret(torture, i), "the log of instance %u contains a secret, or does not exist", i);
	}
}
