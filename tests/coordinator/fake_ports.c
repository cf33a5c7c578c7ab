/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/coordinator/fake_ports.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The third one is that of tests which add a step. */
static const char *const steps[] = {"scan", "slow", "extra"};
static const unsigned workers[] = {2, 1};
static const struct pipeline_step limits[] = {
	{.name = "scan", .max_retries = 2, .retry_backoff = SECOND, .deadline = MINUTE, MAX_WAITING},
	{.name = "slow", .max_retries = 0, .retry_backoff = SECOND, .deadline = HOUR, MAX_WAITING},
};

static void say(struct fake_world *world, const char *word, const char *what)
{
	text_format(&world->words, "%s%s%s%s", world->words.length > 0 ? "; " : "", word, what != NULL ? " " : "",
	            what != NULL ? what : "");
}

void fake_expect_acts(struct fake_world *world, const char *acts)
{
	ck_assert_str_eq(world->acts.data != NULL ? world->acts.data : "", acts);
	text_clear(&world->acts);
}

void fake_expect(struct fake_world *world, const char *words)
{
	ck_assert_str_eq(world->words.data != NULL ? world->words.data : "", words);
	text_clear(&world->words);
}

static struct fake_entry *find_entry(const struct fake_world *world, const char *id)
{
	struct fake_entry *entry = world->entries;
	while (entry != NULL && strcmp(entry->id, id) != 0)
		entry = entry->next;
	return entry;
}

static struct fake_request *add_request(struct fake_world *world, int kind, struct request *request, const char *id)
{
	struct fake_request *added = calloc(1, sizeof *added);
	ck_assert_ptr_nonnull(added);
	added->kind = kind;
	added->request = request;
	snprintf(added->id, sizeof added->id, "%s", id);
	*world->last = added;
	world->last = &added->next;
	return added;
}

static void fake_load(void *closure, struct request *request, const char *id)
{
	add_request(closure, FAKE_LOAD, request, id);
	say(closure, "load", NULL);
}

static enum loaded fake_read(void *closure, struct request *request, struct loaded_entry *loaded)
{
	struct fake_world *world = closure;
	char why[256];
	*loaded = (struct loaded_entry){0};
	if (request->status != REQUEST_DONE)
		return LOADED_FAILED;
	const struct fake_entry *entry = find_entry(world, world->loading);
	if (entry == NULL)
		return LOADED_NOTHING;
	loaded->revision = entry->revision;
	loaded->tombstone = entry->tombstone;
	if (entry->value == NULL)
		return LOADED_NOTHING;
	return record_decode(entry->value, entry->length, &loaded->record, why, sizeof why) == RECORD_TAKEN ? LOADED_RECORD
	                                                                                                    : LOADED_BROKEN;
}

static void set_payload(struct fake_request *request, uint64_t expected, const char *message_id, const char *value,
                        size_t length)
{
	request->expected = expected;
	snprintf(request->message_id, sizeof request->message_id, "%s", message_id);
	request->value = malloc(length + 1);
	memcpy(request->value, value, length);
	request->value[length] = '\0';
	request->length = length;
}

static void fake_put(void *closure, struct request *request, const char *id, uint64_t expected, const char *message_id,
                     const char *value, size_t length)
{
	set_payload(add_request(closure, FAKE_PUT, request, id), expected, message_id, value, length);
	say(closure, "put", NULL);
}

static void fake_audit(void *closure, const struct audit_act *act)
{
	struct fake_world *world = closure;
	struct text *acts = &world->acts;
	ck_assert_str_eq(act->instance, world->options.owner);
	text_format(acts, "%s%s %s %s", acts->length > 0 ? ", " : "", act->act, act->upload, act->step);
	if (act->outcome != NULL)
		text_format(acts, " %s", act->outcome);
	if (act->user != NULL && act->user[0] != '\0')
		text_format(acts, " by %s", act->user);
	if (act->reason != NULL && act->reason[0] != '\0')
		text_format(acts, ": %s", act->reason);
	if (act->event != 0)
		text_format(acts, " (%s%llu)", act->again ? "again " : "", (unsigned long long)act->event);
}

static void fake_announce_gone(void *closure, const char *id)
{
	say(closure, "gone", id);
}

static void fake_remove(void *closure, struct request *request, const char *id, uint64_t expected,
                        const char *message_id, const struct tombstone *tombstone)
{
	struct fake_request *added = add_request(closure, FAKE_REMOVE, request, id);
	set_payload(added, expected, message_id, "", 0);
	added->tombstone = *tombstone;
	say(closure, "remove", NULL);
}

static void fake_publish(void *closure, struct request *request, const char *message_id, const char *message,
                         size_t length)
{
	static const char *const types[] = {[EVENT_STEP_FINISHED] = "RESULT",
	                                    [EVENT_START_STEP] = "START",
	                                    [EVENT_RETRY] = "RETRY",
	                                    [EVENT_FINISHED] = "END",
	                                    [EVENT_RESTART] = "RESTART"};
	struct event event;
	char why[256], what[64];
	if (strncmp(message_id, "refused.", 8) == 0) { /* its upload's ID may be one that the coordinator does not accept */
		set_payload(add_request(closure, FAKE_PUBLISH, request, ""), 0, message_id, message, length);
		say(closure, "publish", "REFUSAL");
		return;
	}
	ck_assert_msg(event_decode(message, length, steps, 2, 1, true, &event, why, sizeof why) == EVENT_TAKEN, "%s", why);
	bool outcome = event.type == EVENT_FINISHED || event.type == EVENT_STEP_FINISHED;
	snprintf(what, sizeof what, "%s%s%s", types[event.type], outcome ? " " : "",
	         outcome ? outcome_name(event.outcome) : "");
	set_payload(add_request(closure, FAKE_PUBLISH, request, event.upload_id), 0, message_id, message, length);
	say(closure, "publish", what);
	event_clear(&event);
}

static void fake_announce(void *closure, const char *message_id, const char *message, size_t length)
{
	struct fake_world *world = closure;
	struct event event;
	char why[256];
	ck_assert_msg(event_decode(message, length, steps, 2, 1, true, &event, why, sizeof why) == EVENT_TAKEN, "%s", why);
	ck_assert_int_eq(event.type, EVENT_START_STEP);
	say(world, "announce", event.step);
	snprintf(world->announced, sizeof world->announced, "%s", message_id);
	event_clear(&event);
}

static const char *fake_message_id(void *closure, const struct delivery *delivery)
{
	const struct fake_world *world = closure;
	(void)delivery;
	return world->message_id;
}

static void fake_look(void *closure, struct lookup *lookup)
{
	struct fake_request *asked = add_request(closure, FAKE_LOOK, NULL, "");
	asked->lookup = lookup;
	say(closure, lookup->before != 0 ? "ask restart" : "look", NULL);
}

static void end_delivery(struct fake_world *world, struct delivery *delivery, const char *word)
{
	char number[48];
	snprintf(number, sizeof number, "%llu%s", (unsigned long long)delivery->sequence,
	         delivery->of_gap ? " of the gap" : "");
	say(world, word, number);
	free((char *)(uintptr_t)delivery->data);
	free(delivery);
}

static void fake_acknowledge(void *closure, struct delivery *delivery)
{
	end_delivery(closure, delivery, "ack");
}

static void fake_drop(void *closure, struct delivery *delivery)
{
	end_delivery(closure, delivery, "drop");
}

static void fake_postpone(void *closure, struct delivery *delivery, nanos pause)
{
	struct fake_world *world = closure;
	world->postponed = pause;
	end_delivery(world, delivery, "postpone");
}

static void fake_run(void *closure, struct run *run)
{
	struct fake_world *world = closure;
	ck_assert_uint_lt(world->runs, FAKE_RUNS);
	world->run[world->runs++] = run;
	say(world, "run", steps[run->step]);
}

static void fake_cancel(void *closure, struct run *run)
{
	atomic_store(&run->cancelled, true);
	say(closure, "cancel", steps[run->step]);
}

static void fake_replace(void *closure, const struct run *run)
{
	say(closure, "replace", steps[run->step]);
}

static void fake_scan(void *closure, void *token)
{
	struct fake_world *world = closure;
	world->scan = token;
	say(world, "scan bucket", NULL);
}

static bool fake_lives(void *closure, const char *owner)
{
	struct fake_world *world = closure;
	world->mentions++;
	return strcmp(owner, world->options.owner) == 0 || (world->living != NULL && strcmp(owner, world->living) == 0);
}

static void create(struct fake_world *world, const char *owner)
{
	static unsigned long nonces;
	static char nonce[32];
	snprintf(nonce, sizeof nonce, "n%lu", ++nonces);
	world->options = (struct coordinator_options){
		.pipeline = {.step = world->limits != NULL ? world->limits : limits,
	                 .count = 2,
	                 .other = {.name = "", .max_retries = 1, .retry_backoff = SECOND, .deadline = MINUTE, MAX_WAITING},
	                 .confirm_interval = MINUTE,
	                 .confirm_interval_limit = HOUR,
	                 .confirm_limit = 3},
		.step = steps,
		.workers = workers,
		.announced = world->announces,
		.ports = {.closure = world,
	              .load = fake_load,
	              .read = fake_read,
	              .put = fake_put,
	              .remove = fake_remove,
	              .scan = fake_scan,
	              .publish = fake_publish,
	              .announce = fake_announce,
	              .look = fake_look,
	              .message_id = fake_message_id,
	              .acknowledge = fake_acknowledge,
	              .drop = fake_drop,
	              .postpone = fake_postpone,
	              .run = fake_run,
	              .cancel = fake_cancel,
	              .replace = fake_replace,
	              .lives = fake_lives,
	              .announce_gone = fake_announce_gone,
	              .audit = fake_audit},
		.log = &world->log,
		.metrics = &world->metrics,
		.owner = owner,
		.nonce = nonce,
		.spared = world->spared != NULL ? world->spared : "",
		.busy_limit = 100,
		.coalescing = world->coalescing,
	};
	world->coordinator = coordinator_create(&world->options);
	ck_assert_ptr_nonnull(world->coordinator);
	coordinator_set_stream(world->coordinator,
	                       &(struct stream_facts){.created = FAKE_STREAM,
	                                              .last = world->before,
	                                              .duplicate_window = FAKE_MEMORY,
	                                              .ack_wait = world->ack_wait,
	                                              .coalescing_limit = FAKE_HOLD_LIMIT},
	                       world->now);
}

void fake_open(struct fake_world *world)
{
	char path[] = "/tmp/pp-log-XXXXXX";
	*world = (struct fake_world){
		.now = 1700000000 * SECOND, .last = &world->first, .ack_wait = 30 * SECOND, .restart = LOOKUP_ABSENT};
	world->log = (struct log){.fd = mkstemp(path), .level = LOG_DEBUG};
	ck_assert_int_ge(world->log.fd, 0);
	unlink(path);
	create(world, FAKE_OWNER);
}

static void free_request(struct fake_request *request)
{
	free(request->value);
	free(request->lookup);
	free(request);
}

static void drop_requests(struct fake_world *world)
{
	while (world->first != NULL) {
		struct fake_request *next = world->first->next;
		free_request(world->first);
		world->first = next;
	}
	world->last = &world->first;
}

static void destroy(struct fake_world *world)
{
	drop_requests(world);
	coordinator_abandon(world->coordinator);
	for (size_t i = 0; i < world->runs; i++)
		run_free(world->run[i]);
	world->runs = 0;
	coordinator_destroy(world->coordinator);
}

void fake_restart(struct fake_world *world, const char *owner)
{
	destroy(world);
	text_clear(&world->words);
	create(world, owner);
}

void fake_crash(struct fake_world *world, const char *owner)
{
	drop_requests(world);
	world->runs = 0;
	text_clear(&world->words);
	create(world, owner);
}

/* Nothing that grants access may be logged. */
static void check_log(struct fake_world *world)
{
	char text[1 << 16];
	ssize_t length = pread(world->log.fd, text, sizeof text - 1, 0);
	ck_assert_int_ge(length, 0);
	text[length] = '\0';
	ck_assert_ptr_null(strstr(text, FAKE_SECRET));
	close(world->log.fd);
}

void fake_close(struct fake_world *world)
{
	destroy(world);
	check_log(world);
	while (world->entries != NULL) {
		struct fake_entry *next = world->entries->next;
		free(world->entries->value);
		free(world->entries);
		world->entries = next;
	}
	while (world->seen != NULL) {
		struct fake_request *next = world->seen->next;
		free_request(world->seen);
		world->seen = next;
	}
	text_free(&world->words);
	text_free(&world->acts);
}

static struct fake_entry *write_entry(struct fake_world *world, const char *id, const char *value, size_t length)
{
	struct fake_entry *entry = find_entry(world, id);
	if (entry == NULL) {
		entry = calloc(1, sizeof *entry);
		ck_assert_ptr_nonnull(entry);
		snprintf(entry->id, sizeof entry->id, "%s", id);
		entry->next = world->entries;
		world->entries = entry;
	}
	free(entry->value);
	entry->value = value != NULL ? memcpy(malloc(length + 1), value, length) : NULL;
	entry->length = length;
	entry->revision = ++world->revision;
	entry->tombstone = (struct tombstone){0};
	return entry;
}

/* How the broker handles a request. The first message of an ID counts; the ID is checked before the condition. */
static void carry_out(struct fake_world *world, struct fake_request *asked, struct request *answer)
{
	answer->status = REQUEST_DONE;
	if (asked->kind == FAKE_LOAD)
		return;
	for (const struct fake_request *seen = world->seen; seen != NULL; seen = seen->next) {
		if (world->now - seen->at < FAKE_MEMORY && strcmp(seen->message_id, asked->message_id) == 0) {
			answer->duplicate = true;
			answer->sequence = seen->expected; /* duplicate: where the first one was stored */
			world->duplicates++;
			return;
		}
	}
	if (asked->kind == FAKE_PUBLISH) {
		answer->sequence = ++world->revision;
	} else {
		const struct fake_entry *entry = find_entry(world, asked->id);
		if ((entry != NULL ? entry->revision : 0) != asked->expected) {
			answer->status = REQUEST_REFUSED;
			answer->error = REQUEST_WRONG_LAST_SEQUENCE;
			return;
		}
		struct fake_entry *written =
			write_entry(world, asked->id, asked->kind == FAKE_PUT ? asked->value : NULL, asked->length);
		written->tombstone = asked->tombstone;
		answer->sequence = written->revision;
	}
	struct fake_request *seen = calloc(1, sizeof *seen);
	ck_assert_ptr_nonnull(seen);
	memcpy(seen->message_id, asked->message_id, sizeof seen->message_id);
	seen->expected = answer->sequence;
	seen->kind = asked->kind;
	seen->at = world->now;
	seen->next = world->seen;
	world->seen = seen;
}

static struct fake_request *take_request(struct fake_world *world)
{
	struct fake_request *taken = world->first;
	if (taken == NULL)
		return NULL;
	world->first = taken->next;
	if (world->first == NULL)
		world->last = &world->first;
	return taken;
}

/* Searches the stream for a message. The stream forgets nothing. */
static void answer_look(struct fake_world *world, struct fake_request *asked, bool failed)
{
	struct lookup *lookup = asked->lookup;
	lookup->result = failed ? LOOKUP_FAILED : lookup->before != 0 ? world->restart : LOOKUP_ABSENT;
	for (const struct fake_request *seen = world->seen; seen != NULL && !failed; seen = seen->next)
		if (seen->kind == FAKE_PUBLISH && seen->at >= lookup->since && strcmp(seen->message_id, lookup->id) == 0)
			lookup->result = LOOKUP_PRESENT;
	asked->lookup = NULL;
	coordinator_looked(world->coordinator, lookup, world->now);
	free_request(asked);
}

static void pass_on(struct fake_world *world, struct fake_request *asked, const struct request *answer)
{
	struct request *request = asked->request;
	request->status = answer->status;
	request->sequence = answer->sequence;
	request->duplicate = answer->duplicate;
	request->error = answer->error;
	world->loading = asked->id;
	coordinator_answered(world->coordinator, request, world->now);
	free_request(asked);
}

bool fake_answer(struct fake_world *world)
{
	struct fake_request *asked = take_request(world);
	struct request answer = {0};
	if (asked == NULL)
		return false;
	if (asked->kind == FAKE_LOOK) {
		answer_look(world, asked, false);
		return true;
	}
	carry_out(world, asked, &answer);
	pass_on(world, asked, &answer);
	return true;
}

void fake_answer_all(struct fake_world *world)
{
	unsigned count = 0;
	while (fake_answer(world))
		ck_assert_uint_lt(++count, 100000);
}

void fake_fail(struct fake_world *world, enum request_status status, bool happened)
{
	struct fake_request *asked = take_request(world);
	struct request answer = {0};
	ck_assert_ptr_nonnull(asked);
	if (asked->kind == FAKE_LOOK) {
		answer_look(world, asked, true);
		return;
	}
	if (happened)
		carry_out(world, asked, &answer);
	answer = (struct request){.status = status, .error = status == REQUEST_REFUSED ? 10077 : 0};
	pass_on(world, asked, &answer);
}

void fake_start_run(struct fake_world *world)
{
	ck_assert_uint_gt(world->runs, 0);
	atomic_store(&world->run[0]->started, world->now);
}

void fake_return_gone(struct fake_world *world)
{
	ck_assert_uint_gt(world->runs, 0);
	world->run[0]->gone = true;
	snprintf(world->run[0]->reason, REASON_SIZE, "the storage answered 404");
	fake_return(world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
}

void fake_return(struct fake_world *world, enum returned returned, enum outcome outcome, nanos until)
{
	ck_assert_uint_gt(world->runs, 0);
	struct run *run = world->run[0];
	world->runs--;
	memmove(&world->run[0], &world->run[1], world->runs * sizeof world->run[0]);
	run->returned = returned;
	run->outcome = outcome;
	run->until = until;
	if (outcome == OUTCOME_DELETE)
		run->result = strdup("{\"Infected\":true}");
	else if (world->result != NULL)
		run->result = strdup(world->result);
	run->verdict = world->verdict != NULL ? strdup(world->verdict) : NULL;
	run->details = world->details != NULL ? strdup(world->details) : NULL;
	coordinator_returned(world->coordinator, run, world->now);
}

void fake_pass(struct fake_world *world, nanos duration)
{
	world->now += duration;
	coordinator_tick(world->coordinator, world->now);
}

bool fake_record(const struct fake_world *world, const char *id, struct record *record)
{
	char why[256];
	const struct fake_entry *entry = find_entry(world, id);
	return entry != NULL && entry->value != NULL &&
	       record_decode(entry->value, entry->length, record, why, sizeof why) == RECORD_TAKEN;
}

void fake_store(struct fake_world *world, const struct record *record)
{
	struct text value = {0};
	record_encode(&value, record);
	fake_store_text(world, record->upload->id, value.data, value.length);
	text_free(&value);
}

void fake_lose(struct fake_world *world, const char *id, const struct record *older, uint64_t revision)
{
	struct fake_entry **link = &world->entries, *entry;
	while (*link != NULL && strcmp((*link)->id, id) != 0)
		link = &(*link)->next;
	entry = *link;
	ck_assert_ptr_nonnull(entry);
	*link = entry->next;
	free(entry->value);
	free(entry);
	if (older == NULL)
		return;
	fake_store(world, older);
	world->revision--;
	find_entry(world, id)->revision = revision;
}

void fake_store_text(struct fake_world *world, const char *id, const char *value, size_t length)
{
	write_entry(world, id, value, length);
}

void fake_find_all(struct fake_world *world, void *token)
{
	char why[256];
	for (const struct fake_entry *entry = world->entries; entry != NULL; entry = entry->next) {
		struct record record;
		if (entry->value == NULL)
			continue;
		ck_assert(record_decode(entry->value, entry->length, &record, why, sizeof why) == RECORD_TAKEN);
		coordinator_found(world->coordinator, &record, entry->revision, token, world->now);
	}
	coordinator_scanned(world->coordinator, token, true, world->now);
}
