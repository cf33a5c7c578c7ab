/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/peers.h"
#include "tests/torture/torture.h"

/* An instance that is stopped for so long has lost its uploads to the others. */
#define TAKEN_FOR_DEAD (PEER_PATIENCE + PEER_SIGN_INTERVAL)

const char *fault_name(enum fault fault)
{
	static const char *const name[] = {
		[FAULT_KILL] = "instance: kill -9",
		[FAULT_STOP] = "instance: stopped, shortly",
		[FAULT_LONG_STOP] = "instance: stopped, taken for dead",
		[FAULT_BROKER_KILL] = "broker: kill -9",
		[FAULT_BROKER_STOP] = "broker: stopped",
		[FAULT_CONSUMER] = "consumer deleted",
	};
	return name[fault];
}

static void start_instance(struct torture *torture, unsigned number)
{
	struct scenario *scenario = &torture->scenario;
	char ini[FOLDER_PATH_SIZE + 32], folder[FOLDER_PATH_SIZE + 16], log[FOLDER_PATH_SIZE + 32];
	char socket[FOLDER_PATH_SIZE + 64], state[FOLDER_PATH_SIZE + 64];
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario->folder);
	snprintf(folder, sizeof folder, "%s/%u", scenario->folder, number);
	snprintf(log, sizeof log, "%s/service.log", folder);
	snprintf(socket, sizeof socket, "ANTIVIRUS_CLAMAV_SOCKET=%s/clamd.sock", scenario->folder);
	snprintf(state, sizeof state, "POSTPROCESSING_STATE_DIR=%s", folder);
	mkdir(folder, 0700); /* is there after the first start */
	const char *argv[] = {"./postprocessing", "server", "-c", ini, NULL};
	const char *env[] = {socket, state, NULL};
	ck_assert(process_start(&torture->faults.instance[number].process, &(struct process_options){.argv = argv, .env = env, .log = log}));
}

static bool is_there(void *closure)
{
	struct torture *torture = closure;
	jsConsumerInfo *info = NULL;
	bool there = js_GetConsumerInfo(&info, torture->js, "main-queue", "postprocessing-pull", NULL, NULL) == NATS_OK;
	jsConsumerInfo_Destroy(info);
	return there;
}

void faults_begin(struct torture *torture)
{
	torture->faults = (struct faults){.random = torture->options.seed * 2 + 1};
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++)
		torture->faults.instance[i].process = (struct process)PROCESS_NONE;
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++) {
		start_instance(torture, i);
		/* nats-server 2.9.10 dies when a message is asked of a stream that is just being made. */
		ck_assert_msg(wait_until(is_there, torture, TEST_LIMIT), "the service makes no stream and consumer");
	}
	torture->faults.next = clock_monotonic() + torture->options.pause;
}

static nanos between(struct faults *faults, nanos least, nanos most)
{
	return least + (nanos)torture_random(&faults->random, (uint64_t)(most - least) + 1);
}

/* So that what the oracle finds can be read beside it. */
static void report(struct torture *torture, enum fault fault, int number, nanos back)
{
	nanos now = clock_monotonic();
	char place[16] = "", until[48] = "";
	torture->faults.count[fault]++;
	if (number >= 0)
		snprintf(place, sizeof place, " %d", number);
	if (back > now)
		snprintf(until, sizeof until, ", for %.1f s", (double)(back - now) / (double)SECOND);
	printf("  %9.3f s %s%s%s\n", (double)(now - torture->load.begun) / (double)SECOND, fault_name(fault), place, until);
}

static void hurt_instance(struct torture *torture, enum fault fault, nanos now)
{
	struct faults *faults = &torture->faults;
	int number = (int)torture_random(&faults->random, TORTURE_INSTANCES);
	struct victim *victim = &faults->instance[number];
	nanos longest = torture->options.stop_limit;
	if (victim->back != 0)
		return;
	victim->stopped = fault != FAULT_KILL;
	if (fault == FAULT_KILL) {
		ck_assert(process_signal(&victim->process, SIGKILL));
		ck_assert(process_wait(&victim->process, TEST_LIMIT));
		/* Most are back at once, some after the others have taken over. */
		bool away = longest > TAKEN_FOR_DEAD && torture_random(&faults->random, 4) == 0;
		victim->back = now + (away ? between(faults, TAKEN_FOR_DEAD, longest) : between(faults, 0, 3 * SECOND));
	} else {
		ck_assert(process_signal(&victim->process, SIGSTOP));
		victim->back = now + (fault == FAULT_STOP ? between(faults, 100 * MILLISECOND, 5 * SECOND) : between(faults, TAKEN_FOR_DEAD, longest));
	}
	report(torture, fault, number, victim->back);
}

static void hurt_broker(struct torture *torture, enum fault fault, nanos now)
{
	struct faults *faults = &torture->faults;
	if (faults->broker_back != 0)
		return;
	faults->broker_stopped = fault == FAULT_BROKER_STOP;
	if (faults->broker_stopped) {
		ck_assert(nats_fixture_pause(&torture->scenario.nats));
		faults->broker_back = now + between(faults, 500 * MILLISECOND, 8 * SECOND);
	} else {
		ck_assert(nats_fixture_kill(&torture->scenario.nats));
		faults->broker_back = now + between(faults, 0, 2 * SECOND);
	}
	report(torture, fault, -1, faults->broker_back);
}

static void inject(struct torture *torture, nanos now)
{
	struct faults *faults = &torture->faults;
	static const enum fault often[] = {FAULT_KILL, FAULT_KILL, FAULT_KILL, FAULT_KILL, FAULT_STOP, FAULT_LONG_STOP,
	                                   FAULT_BROKER_KILL, FAULT_BROKER_STOP, FAULT_CONSUMER};
	enum fault fault = often[torture_random(&faults->random, sizeof often / sizeof often[0])];
	if (fault == FAULT_LONG_STOP && torture->options.stop_limit <= TAKEN_FOR_DEAD)
		fault = FAULT_STOP;
	if (fault == FAULT_BROKER_KILL || fault == FAULT_BROKER_STOP)
		hurt_broker(torture, fault, now);
	else if (fault != FAULT_CONSUMER)
		hurt_instance(torture, fault, now);
	else if (js_DeleteConsumer(torture->js, "main-queue", "postprocessing-pull", NULL, NULL) == NATS_OK)
		report(torture, fault, -1, 0);
}

static void bring_back(struct torture *torture, nanos now)
{
	struct faults *faults = &torture->faults;
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++) {
		struct victim *victim = &faults->instance[i];
		if (victim->back == 0 || victim->back > now)
			continue;
		victim->back = 0;
		if (victim->stopped)
			ck_assert(process_signal(&victim->process, SIGCONT));
		else
			start_instance(torture, i);
	}
	if (faults->broker_back != 0 && faults->broker_back <= now) {
		faults->broker_back = 0;
		ck_assert(faults->broker_stopped ? nats_fixture_resume(&torture->scenario.nats) : nats_fixture_restart(&torture->scenario.nats));
	}
}

void faults_turn(struct torture *torture, bool more)
{
	struct faults *faults = &torture->faults;
	nanos now = clock_monotonic();
	bring_back(torture, now);
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++)
		if (faults->instance[i].back == 0)
			ck_assert_msg(!process_wait(&faults->instance[i].process, 0), "instance %u ended with status %d", i,
			              faults->instance[i].process.status);
	if (!more || now < faults->next)
		return;
	inject(torture, now);
	faults->next = now + between(faults, 0, 2 * torture->options.pause);
}

bool faults_are_over(const struct faults *faults)
{
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++)
		if (faults->instance[i].back != 0)
			return false;
	return faults->broker_back == 0;
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

void faults_end(struct torture *torture)
{
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++)
		ck_assert(process_signal(&torture->faults.instance[i].process, SIGTERM));
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++) {
		struct process *process = &torture->faults.instance[i].process;
		ck_assert_msg(process_wait(process, 2 * TEST_LIMIT), "instance %u does not end", i);
		ck_assert_msg(process->status == 0, "instance %u ended with status %d", i, process->status);
		ck_assert_msg(!tells_secret(torture, i), "the log of instance %u tells a secret, or is not there", i);
	}
}
