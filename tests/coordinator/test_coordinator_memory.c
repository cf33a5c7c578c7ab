/* SPDX-License-Identifier: Apache-2.0
 * Each allocation of the coordinator fails once in the life of an upload. If its size comes from an input, that input
 * fails, and the coordinator goes on; otherwise the process ends, and the next one takes over. Either way the upload
 * ends once and as decided, no step is counted as failed, and no event is acknowledged before its record is written.
 *
 * Linked with --wrap so that memory runs out in the coordinator's own calls only, not in the fake world around it. */
#include <check.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"
#include "tests/coordinator/fake_ports.h"
#include "tests/harness/scarcity.h"
#include "tests/harness/suite.h"

#define ID "upload"
#define BEGUN 7
#define READY 9
/* In idle times: longer than any step may take, and the time of a whole life. */
#define PAUSE (10 * SECOND)
#define IDLE_LIMIT 400
#define LIFE_LIMIT 2000

static struct fake_world world;
static struct ports fake;
static bool acknowledged_early, began, told, wrong_end, lost_result;
static unsigned ends;
static unsigned restarts;
static unsigned process_ends; /* because an allocation failed whose size does not come from an input */
static unsigned attempts;     /* the maximum of the first step */
static jmp_buf next_start;
static bool find_again; /* the bucket must be read again */
static bool hangs;      /* the first run hangs until it is given up */
static nanos hold;      /* the coordinator's option */
static enum { WORKS, IS_SUSPENDED, STAYS_SUSPENDED } first_step;

struct coordinator *__real_coordinator_create(const struct coordinator_options *options);
void __real_coordinator_deliver(struct coordinator *coordinator, struct delivery *delivery, nanos now);
void __real_coordinator_answered(struct coordinator *coordinator, struct request *request, nanos now);
void __real_coordinator_returned(struct coordinator *coordinator, struct run *run, nanos now);
bool __real_coordinator_found(struct coordinator *coordinator, struct record *record, uint64_t revision, void *token,
                              nanos now);
void __real_coordinator_looked(struct coordinator *coordinator, struct lookup *lookup, nanos now);
void __real_coordinator_tick(struct coordinator *coordinator, nanos now);
enum event_verdict __real_event_decode(const char *message, size_t length, const char *const *step, size_t count,
                                       nanos now, bool commands, struct event *event, char *why, size_t size);
enum event_verdict __wrap_event_decode(const char *message, size_t length, const char *const *step, size_t count,
                                       nanos now, bool commands, struct event *event, char *why, size_t size);
struct coordinator *__wrap_coordinator_create(const struct coordinator_options *options);
void __wrap_coordinator_deliver(struct coordinator *coordinator, struct delivery *delivery, nanos now);
void __wrap_coordinator_answered(struct coordinator *coordinator, struct request *request, nanos now);
void __wrap_coordinator_returned(struct coordinator *coordinator, struct run *run, nanos now);
bool __wrap_coordinator_found(struct coordinator *coordinator, struct record *record, uint64_t revision, void *token,
                              nanos now);
void __wrap_coordinator_looked(struct coordinator *coordinator, struct lookup *lookup, nanos now);
void __wrap_coordinator_tick(struct coordinator *coordinator, nanos now);

/* The coordinator is working while `call` runs. */
#define WITHIN(call) (scarcity_pause(false), (call), (void)scarcity_pause(true))

void __wrap_coordinator_deliver(struct coordinator *coordinator, struct delivery *delivery, nanos now)
{
	WITHIN(__real_coordinator_deliver(coordinator, delivery, now));
}

void __wrap_coordinator_answered(struct coordinator *coordinator, struct request *request, nanos now)
{
	WITHIN(__real_coordinator_answered(coordinator, request, now));
}

void __wrap_coordinator_returned(struct coordinator *coordinator, struct run *run, nanos now)
{
	WITHIN(__real_coordinator_returned(coordinator, run, now));
}

bool __wrap_coordinator_found(struct coordinator *coordinator, struct record *record, uint64_t revision, void *token,
                              nanos now)
{
	bool good;
	WITHIN(good = __real_coordinator_found(coordinator, record, revision, token, now));
	if (!good) /* as the service does */
		find_again = true;
	return good;
}

void __wrap_coordinator_looked(struct coordinator *coordinator, struct lookup *lookup, nanos now)
{
	WITHIN(__real_coordinator_looked(coordinator, lookup, now));
}

void __wrap_coordinator_tick(struct coordinator *coordinator, nanos now)
{
	WITHIN(__real_coordinator_tick(coordinator, now));
}

/* The fake world is working while `call`, one of its ports, runs for the coordinator. */
#define OUTSIDE(call) (was = scarcity_pause(true), (call), (void)scarcity_pause(was))

static void load(void *closure, struct request *request, const char *id)
{
	bool was;
	OUTSIDE(fake.load(closure, request, id));
}

static enum loaded read_loaded(void *closure, struct request *request, struct loaded_entry *entry)
{
	bool was;
	enum loaded loaded;
	OUTSIDE(loaded = fake.read(closure, request, entry));
	return loaded;
}

static void put(void *closure, struct request *request, const char *id, uint64_t expected, const char *message_id,
                const char *value, size_t length)
{
	bool was;
	OUTSIDE(fake.put(closure, request, id, expected, message_id, value, length));
}

static void remove_record(void *closure, struct request *request, const char *id, uint64_t expected,
                          const char *message_id, const struct tombstone *tombstone)
{
	bool was;
	OUTSIDE(fake.remove(closure, request, id, expected, message_id, tombstone));
}

/* Whether the message's payload, its last member, contains `part`. */
static bool holds(const char *message, size_t length, const char *part)
{
	static const char key[] = "\"Payload\":\"";
	const char *start = memmem(message, length, key, sizeof key - 1);
	ck_assert_ptr_nonnull(start);
	start += sizeof key - 1;
	const char *stop = memchr(start, '"', (size_t)(message + length - start));
	char payload[4096];
	size_t digits = (size_t)(stop - start), decoded;
	ck_assert_uint_lt(BASE64_BYTES(digits), sizeof payload);
	ck_assert(base64_decode(start, digits, payload, &decoded));
	return memmem(payload, decoded, part, strlen(part)) != NULL;
}

/* Counts the different ends, and records violations. */
static void watch(const char *message_id, const char *message, size_t length)
{
	static char end[512];
	struct event event;
	char why[256];
	ck_assert_int_eq(event_decode(message, length, NULL, 0, 0, true, &event, why, sizeof why), EVENT_TAKEN);
	if (event.type == EVENT_FINISHED && (ends == 0 || strcmp(end, message_id) != 0)) {
		ends++;
		snprintf(end, sizeof end, "%s", message_id);
	}
	wrong_end = wrong_end || (event.type == EVENT_FINISHED &&
	                          event.outcome != (first_step == STAYS_SUSPENDED ? OUTCOME_ABORT : OUTCOME_DELETE));
	lost_result = lost_result || (event.type == EVENT_STEP_FINISHED && event.outcome == OUTCOME_DELETE &&
	                              !holds(message, length, "Infected"));
	event_clear(&event);
}

static void publish(void *closure, struct request *request, const char *message_id, const char *message, size_t length)
{
	bool was;
	OUTSIDE((watch(message_id, message, length), fake.publish(closure, request, message_id, message, length)));
}

static void look(void *closure, struct lookup *lookup)
{
	bool was;
	OUTSIDE(fake.look(closure, lookup));
}

static void acknowledge(void *closure, struct delivery *delivery)
{
	bool was;
	/* The record or its marker is there, and the marker once storage has confirmed. */
	acknowledged_early =
		acknowledged_early || world.entries == NULL || (delivery->sequence == READY && world.entries->value != NULL);
	began = began || delivery->sequence == BEGUN;
	OUTSIDE(fake.acknowledge(closure, delivery));
}

static void drop(void *closure, struct delivery *delivery)
{
	bool was;
	OUTSIDE(fake.drop(closure, delivery));
}

static void run(void *closure, struct run *out)
{
	bool was;
	OUTSIDE(fake.run(closure, out));
}

static void cancel(void *closure, struct run *out)
{
	bool was;
	OUTSIDE(fake.cancel(closure, out));
}

/* Reading of events has its own tests, in tests/upload/test_each_allocation.c. Here it counts as one allocation. */
enum event_verdict __wrap_event_decode(const char *message, size_t length, const char *const *step, size_t count,
                                       nanos now, bool commands, struct event *event, char *why, size_t size)
{
	bool was = false;
	enum event_verdict verdict = EVENT_UNREAD;
	void *needed = malloc(1);
	snprintf(why, size, "out of memory");
	if (needed != NULL)
		OUTSIDE(verdict = __real_event_decode(message, length, step, count, now, commands, event, why, size));
	free(needed);
	return verdict;
}

/* After a minute, the upload has waited long enough for a step that stays suspended. */
static const struct pipeline_step impatient[] = {
	{.name = "scan",
     .max_retries = 2,
     .retry_backoff = SECOND,
     .deadline = MINUTE,
     .max_wait = 720 * HOUR,
     .max_waits = 9,
     .check_limit = MINUTE},
	{.name = "slow", .retry_backoff = SECOND, .deadline = HOUR, MAX_WAITING}};

struct coordinator *__wrap_coordinator_create(const struct coordinator_options *options)
{
	struct coordinator_options shown = *options;
	fake = options->ports;
	shown.coalescing = hold;
	if (first_step == STAYS_SUSPENDED)
		shown.pipeline.step = impatient;
	shown.ports.load = load;
	shown.ports.read = read_loaded;
	shown.ports.put = put;
	shown.ports.remove = remove_record;
	shown.ports.publish = publish;
	shown.ports.look = look;
	shown.ports.acknowledge = acknowledge;
	shown.ports.drop = drop;
	shown.ports.run = run;
	shown.ports.cancel = cancel;
	return __real_coordinator_create(&shown);
}

/* Does what is to be done next, by whatever part of the world. False: nothing but waiting is left. */
static bool act(void)
{
	bool dropped_begin = !began && strstr(world.words.data != NULL ? world.words.data : "", "drop 7") != NULL;
	bool given_up = strstr(world.words.data != NULL ? world.words.data : "", "replace") != NULL;
	bool dropped_ready = strstr(world.words.data != NULL ? world.words.data : "", "drop 9") != NULL;
	text_clear(&world.words);
	if (given_up) {
		hangs = false;
		fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	}
	if (dropped_begin || dropped_ready) {
		if (dropped_begin)
			fake_begin(&world, ID, BEGUN, true);
		else
			fake_ready(&world, ID, false, READY);
	} else if (fake_answer(&world)) {
		return true;
	} else if (hangs && world.runs > 0) {
		if (atomic_load(&world.run[0]->started) == 0)
			fake_start_run(&world);
		return false;
	} else if (find_again) {
		find_again = false;
		fake_find_all(&world, NULL);
	} else if (world.runs > 0) {
		const struct run *out = world.run[0];
		attempts = out->step == 0 && out->attempt > attempts ? out->attempt : attempts;
		bool first = out->step == 0 && out->attempt == 1;
		fake_return(&world, RETURNED_VERDICT,
		            first            ? OUTCOME_RETRY
		            : out->step == 0 ? OUTCOME_CONTINUE
		                             : OUTCOME_DELETE,
		            0);
	} else if (!told && ends > 0) {
		told = true;
		fake_ready(&world, ID, false, READY);
	} else {
		return false;
	}
	return true;
}

static bool ended(void)
{
	return told && world.entries != NULL && world.entries->value == NULL;
}

static void suspend(void)
{
	if (first_step != WORKS)
		coordinator_suspend(world.coordinator, 0, "no scanner", world.now);
}

/* What a coordinator finds that has just started. */
static void take_over(void)
{
	suspend();
	fake_find_all(&world, NULL);
	if (!began)
		fake_begin(&world, ID, BEGUN, true);
	else if (told)
		fake_ready(&world, ID, false, READY);
}

static void restart(void)
{
	restarts++;
	fake_restart(&world, FAKE_OWNER);
	take_over();
}

static void end_process(void *closure)
{
	(void)closure;
	longjmp(next_start, 1);
}

/* The process has ended because it was out of memory, and has noted that for the next one. */
static void start_again(void)
{
	static char nonce[WRITER_LIMIT];
	scarcity_pause(true);
	process_ends++;
	snprintf(nonce, sizeof nonce, "%s", world.options.nonce);
	world.spared = nonce;
	fake_crash(&world, FAKE_OWNER);
	take_over();
}

static struct {
	unsigned pauses, idle;
	bool crash; /* the service is to stop while the upload's first step runs */
} life;

static void live_on(void)
{
	if (life.crash && world.runs > 0) {
		life.crash = false;
		restart();
	} else if (act()) {
		life.idle = 0;
	} else {
		life.pauses++;
		fake_pass(&world, PAUSE);
		if (++life.idle == IDLE_LIMIT)
			restart();
		if (first_step == IS_SUSPENDED)
			WITHIN(coordinator_release(world.coordinator, 0, world.now));
	}
}

static void live(bool crash)
{
	static const struct alloc_handler handler = {end_process, NULL};
	life.pauses = life.idle = 0;
	life.crash = crash;
	if (setjmp(next_start) == 0) {
		alloc_set_handler(&handler);
		suspend();
		fake_begin(&world, ID, BEGUN, false);
	} else {
		start_again();
	}
	while (life.pauses < LIFE_LIMIT && !ended())
		live_on();
	alloc_set_handler(NULL);
}

/* So many that no more deferred uploads are remembered. */
static void crowd(void)
{
	char id[16];
	for (unsigned i = 0; i < 205; i++) {
		snprintf(id, sizeof id, "other-%u", i);
		fake_begin(&world, id, 100 + i, false);
		fake_answer_all(&world);
		fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + 700 * HOUR);
		fake_answer_all(&world);
	}
	text_clear(&world.words);
}

/* With a different failing allocation each time. Returns the largest number of restarts that a run needed. */
static unsigned each_of_these(bool crash, bool crowded, bool hanging)
{
	unsigned most = 0;
	long count = -1;
	process_ends = 0;
	for (bool failed = true; failed || count == 0; count++) {
		acknowledged_early = began = told = wrong_end = lost_result = false;
		ends = restarts = attempts = 0;
		if (crowded) {
			fake_open(&world);
			crowd();
		}
		scarcity_begin(count);
		scarcity_pause(true);
		if (!crowded)
			fake_open(&world);
		hangs = hanging;
		find_again = false;
		live(crash);
		failed = scarcity_end();
		ck_assert_msg(ended(), "allocation %ld: the upload does not end", count);
		ck_assert_msg(!acknowledged_early, "allocation %ld: acknowledged without a record", count);
		ck_assert_msg(ends == 1 && !wrong_end, "allocation %ld: %u ends", count, ends);
		ck_assert_msg(!lost_result, "allocation %ld: the result is lost", count);
		ck_assert_msg(crash || hanging || attempts == (first_step == STAYS_SUSPENDED ? 0 : 2),
		              "allocation %ld: %u attempts", count, attempts);
		fake_close(&world);
		most = restarts > most ? restarts : most;
	}
	ck_assert_int_gt(count, 20);
	ck_assert_uint_gt(process_ends, 10);
	ck_assert_uint_lt(process_ends + 4, (unsigned)count);
	return most;
}

/* With and without delaying the first write. */
static unsigned each_life(bool crash, bool crowded, bool hanging)
{
	hold = 0;
	unsigned most = each_of_these(crash, crowded, hanging);
	hold = 2 * SECOND;
	unsigned held = each_of_these(crash, crowded, hanging);
	return held > most ? held : most;
}

/* For AddressSanitizer: memory that a process has not freed when it ends is not a leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

START_TEST(an_upload_ends)
{
	ck_assert_uint_eq(each_life(false, false, false), 0);
}
END_TEST

START_TEST(an_upload_ends_in_a_crowd)
{
	ck_assert_uint_eq(each_life(false, true, false), 0);
}
END_TEST

START_TEST(an_upload_ends_though_its_run_hangs)
{
	ck_assert_uint_eq(each_life(false, false, true), 0);
}
END_TEST

START_TEST(an_upload_ends_after_a_crash)
{
	ck_assert_uint_le(each_life(true, false, false), 2);
}
END_TEST

START_TEST(an_upload_ends_when_its_step_works_again)
{
	first_step = IS_SUSPENDED;
	ck_assert_uint_eq(each_life(false, false, false), 0);
	ck_assert_uint_eq(each_life(false, true, false), 0);
	ck_assert_uint_le(each_life(true, false, false), 2);
}
END_TEST

START_TEST(an_upload_ends_though_its_step_does_not_work)
{
	first_step = STAYS_SUSPENDED;
	ck_assert_uint_eq(each_life(false, false, false), 0);
	ck_assert_uint_eq(each_life(false, true, false), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {an_upload_ends,
	                              an_upload_ends_in_a_crowd,
	                              an_upload_ends_though_its_run_hangs,
	                              an_upload_ends_after_a_crash,
	                              an_upload_ends_when_its_step_works_again,
	                              an_upload_ends_though_its_step_does_not_work};
	return suite_run("coordinator_memory", tests, sizeof tests / sizeof tests[0], 120);
}
