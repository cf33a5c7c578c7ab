/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/event.h"
#include "tests/scenario/records.h"
#include "tests/torture/torture.h"

/* PostprocessingFinished is published again only if storage had this long to confirm it. */
#define CONFIRM_INTERVAL MINUTE

/* The events of one upload in the stream; times are the broker's, 0: there is none. */
struct seen {
	nanos begun, result, asked, finished;
	const struct recorded *last; /* PostprocessingFinished */
	unsigned ends;
	bool answered; /* from the service that does the remote step, with the verdict that the upload must have */
	bool wrong, twice, doubled, hasty, early;
};

/* Whether the upload has a record, according to the leader of the bucket; *revision: the key's, 0: none. */
static bool has_record(struct torture *torture, size_t index, uint64_t *revision)
{
	char key[RECORD_KEY_SIZE], subject[RECORD_KEY_SIZE + 32];
	natsMsg *message = NULL;
	const char *operation = NULL;
	record_key(NULL, torture->load.offered[index].upload->id, key);
	snprintf(subject, sizeof subject, "$KV.postprocessing.%s", key);
	natsStatus status = js_GetLastMsg(&message, torture->js, "KV_postprocessing", subject, NULL, NULL);
	bool held = status != NATS_NOT_FOUND &&
	            (status != NATS_OK || natsMsgHeader_Get(message, "KV-Operation", &operation) != NATS_OK);
	*revision = status == NATS_OK ? natsMsg_GetSequence(message) : status == NATS_NOT_FOUND ? 0 : UINT64_MAX;
	natsMsg_Destroy(message);
	return held;
}

static bool is_forgotten(struct torture *torture, size_t index)
{
	proxy_take(torture->proxy, 0);
	bool forgotten = ledger_forgotten(torture->ledger, index);
	proxy_give_back(torture->proxy);
	return forgotten;
}

static bool is_empty(struct torture *torture)
{
	uint64_t revision;
	for (size_t i = 0; i < torture->load.count; i++)
		if (has_record(torture, i, &revision) && !is_forgotten(torture, i))
			return false;
	return true;
}

/* What the broker still has of its records. */
static void compare_end(struct torture *torture, size_t index, struct verdict *verdict)
{
	uint64_t revision;
	bool held = has_record(torture, index, &revision);
	proxy_take(torture->proxy, 0);
	ledger_compare_end(torture->ledger, index, revision);
	bool forgotten = ledger_forgotten(torture->ledger, index);
	proxy_give_back(torture->proxy);
	verdict->records += held && !forgotten;
}

struct consumer {
	struct torture *torture;
	size_t pending, unacknowledged;
};

/* False: the consumer cannot be queried now. */
static bool is_answered(void *closure)
{
	struct consumer *consumer = closure;
	jsConsumerInfo *info = NULL;
	if (js_GetConsumerInfo(&info, consumer->torture->js, "main-queue", "postprocessing-pull", NULL, NULL) != NATS_OK)
		return false;
	consumer->pending = (size_t)info->NumPending;
	consumer->unacknowledged = (size_t)info->NumAckPending;
	jsConsumerInfo_Destroy(info);
	return true;
}

void oracle_tell_consumers(struct torture *torture, FILE *out)
{
	static const char *const names[] = {"postprocessing-pull", "postprocessing-pull-gap"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		jsConsumerInfo *info = NULL;
		natsStatus status = js_GetConsumerInfo(&info, torture->js, "main-queue", names[i], NULL, NULL);
		if (status == NATS_OK)
			fprintf(out,
			        "%s (%s): delivered %" PRIu64 " as %" PRIu64 ", floor %" PRIu64 " as %" PRIu64 ", %" PRIu64
			        " to come, %" PRId64 " out\n",
			        names[i], info->Config->Description != NULL ? info->Config->Description : "",
			        info->Delivered.Stream, info->Delivered.Consumer, info->AckFloor.Stream, info->AckFloor.Consumer,
			        info->NumPending, info->NumAckPending);
		else
			fprintf(out, "%s: %s\n", names[i], natsStatus_GetText(status));
		jsConsumerInfo_Destroy(info);
	}
}

bool oracle_is_quiet(struct torture *torture)
{
	struct consumer consumer = {.torture = torture};
	return load_is_over(&torture->load) && is_answered(&consumer) && consumer.pending == 0 &&
	       consumer.unacknowledged == 0 && is_empty(torture);
}

/* The parts of one of our IDs: <upload>.<begun>.<said>.<kind>: which event had begun the upload, and which
 * transition decided it. */
struct decision {
	unsigned long long begun, said;
};

static struct decision decision_of(const struct recorded *recorded)
{
	struct decision decision;
	ck_assert_msg(sscanf(recorded->id, "u%*u.%llu.%llu.", &decision.begun, &decision.said) == 2,
	              "an ID of another form: %s", recorded->id);
	return decision;
}

/* Whether storage had time to confirm. By the times at which both were decided: the broker may have stored the first
 * one much later, so that the second follows soon. */
static bool was_due(struct torture *torture, size_t index, const struct recorded *first, const struct recorded *second)
{
	proxy_take(torture->proxy, 0);
	nanos before = ledger_decided(torture->ledger, index, decision_of(first).said);
	nanos after = ledger_decided(torture->ledger, index, decision_of(second).said);
	proxy_give_back(torture->proxy);
	return before != 0 && after - before >= CONFIRM_INTERVAL;
}

/* The second and later ones: the same transition published twice, an upload that was begun twice, or a repetition
 * because it was not confirmed. */
static void note_repeat(struct torture *torture, size_t index, struct seen *seen, const struct recorded *recorded,
                        struct verdict *verdict)
{
	if (strcmp(seen->last->id, recorded->id) == 0)
		seen->doubled = true;
	else if (decision_of(seen->last).begun != decision_of(recorded).begun)
		seen->twice = true;
	else if (!was_due(torture, index, seen->last, recorded))
		seen->hasty = true;
	else
		verdict->repeats++;
}

/* All steps must be done by then: the scan has published its result, and the remote service its verdict. */
static void note_end(struct torture *torture, size_t index, struct seen *seen, const struct recorded *recorded,
                     struct verdict *verdict)
{
	const struct offered *offered = &torture->load.offered[index];
	bool done = seen->result != 0 && (offered->infected || (seen->asked != 0 && seen->answered));
	if (!done || strcmp(recorded_string(recorded, "Outcome"), outcome_name(offered->outcome)) != 0)
		seen->wrong = true;
	if (seen->ends++ == 0)
		seen->finished = recorded->time;
	else
		note_repeat(torture, index, seen, recorded, verdict);
	seen->last = recorded;
}

/* The number of its upload; the load's count: not one of ours. */
static size_t index_of(const struct torture *torture, const struct recorded *recorded)
{
	size_t index = recorded->upload[0] == 'u' ? strtoul(recorded->upload + 1, NULL, 10) : SIZE_MAX;
	return index < torture->load.count ? index : torture->load.count;
}

static int compare_ids(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Our events in the stream under an ID that is there already. */
static size_t count_echoes(struct torture *torture, const struct recorder *stream)
{
	const char **id = calloc(stream->count + 1, sizeof *id);
	size_t count = 0, echoes = 0;
	ck_assert_ptr_nonnull(id);
	for (size_t i = 0; i < stream->count; i++)
		if (stream->message[i].ours && !is_forgotten(torture, index_of(torture, &stream->message[i])))
			id[count++] = stream->message[i].id;
	qsort(id, count, sizeof *id, compare_ids);
	for (size_t i = 1; i < count; i++)
		echoes += strcmp(id[i - 1], id[i]) == 0;
	free(id);
	return echoes;
}

/* What was decided before the end may be published by another instance, and come after it. */
static void note_start(const struct offered *offered, struct seen *seen, const struct recorded *recorded,
                       struct verdict *verdict)
{
	bool overtaken = seen->ends > 0 && decision_of(recorded).said < decision_of(seen->last).said;
	verdict->overtaken += overtaken;
	seen->wrong = seen->wrong || offered->infected || (seen->ends > 0 && !overtaken);
	/* The result is published before the delay begins, and the request after its end. */
	seen->early = seen->early || seen->result == 0 || recorded->time - seen->result < TORTURE_DELAY;
	if (seen->asked == 0)
		seen->asked = recorded->time;
}

static void note_result(const struct offered *offered, struct seen *seen, const struct recorded *recorded)
{
	if (strcmp(recorded_string(recorded, "FinishedStep"), "virusscan") != 0)
		return;
	seen->wrong =
		seen->wrong || strcmp(recorded_string(recorded, "Outcome"), offered->infected ? "delete" : "continue") != 0;
	if (seen->result == 0)
		seen->result = recorded->time;
}

/* What storage and the remote service have published. */
static void note_other(const struct offered *offered, struct seen *seen, const struct recorded *recorded)
{
	if (strcmp(recorded->type, "BytesReceived") == 0)
		seen->begun = recorded->time;
	else if (strcmp(recorded->type, "PostprocessingStepFinished") == 0)
		seen->answered =
			seen->answered || strcmp(recorded_string(recorded, "Outcome"), outcome_name(offered->outcome)) == 0;
}

static void note(struct torture *torture, struct seen *all, const struct recorded *recorded, struct verdict *verdict)
{
	const struct load *load = &torture->load;
	size_t index = index_of(torture, recorded);
	if (index == load->count)
		return;
	struct seen *seen = &all[index];
	if (!recorded->ours) {
		note_other(&load->offered[index], seen, recorded);
	} else if (strcmp(recorded->type, "PostprocessingStepFinished") == 0) {
		note_result(&load->offered[index], seen, recorded);
	} else if (strcmp(recorded->type, "StartPostprocessingStep") == 0) {
		note_start(&load->offered[index], seen, recorded, verdict);
	} else if (strcmp(recorded->type, "PostprocessingFinished") == 0) {
		note_end(torture, index, seen, recorded, verdict);
	}
}

static void tell(struct torture *torture, size_t index, const struct seen *seen, const struct recorder *stream,
                 FILE *out)
{
	const char *id = torture->load.offered[index].upload->id;
	fprintf(out, "%s:%s%s%s%s%s%s%s\n", id, seen->ends == 0 ? " lost" : "", seen->twice ? " ended twice" : "",
	        seen->doubled ? " one end said twice" : "", seen->hasty ? " ended again before it was due" : "",
	        seen->wrong ? " wrong" : "", seen->early ? " early" : "", seen->result == 0 ? " without a result" : "");
	for (size_t i = 0; i < stream->count; i++) {
		const struct recorded *recorded = &stream->message[i];
		const char *outcome = json_string_value(json_object_get(recorded->payload, "Outcome"));
		if (strcmp(recorded->upload, id) == 0)
			fprintf(out, "  %6" PRIu64 " %9.3f s %s %s %s\n", recorded->sequence,
			        (double)(recorded->time - stream->message[0].time) / (double)SECOND,
			        recorded->ours ? "ours " : "other", recorded->type, outcome != NULL ? outcome : "");
	}
	json_t *record = seen->ends == 0 ? records_read(&torture->scenario, id) : NULL;
	if (record != NULL) {
		fprintf(out, "  record: ");
		json_dumpf(json_object_get(record, "StepHost"), out, JSON_COMPACT);
		fprintf(out, "\n");
	}
	json_decref(record);
}

static void tell_slowest(struct torture *torture, const struct seen *seen, const struct recorder *stream, FILE *out)
{
	size_t slowest = 0;
	for (size_t i = 1; i < torture->load.count; i++)
		if (seen[i].finished - seen[i].begun > seen[slowest].finished - seen[slowest].begun)
			slowest = i;
	fprintf(out, "the slowest: ");
	tell(torture, slowest, &seen[slowest], stream, out);
}

static int compare(const void *left, const void *right)
{
	nanos one = *(const nanos *)left, other = *(const nanos *)right;
	return (one > other) - (one < other);
}

/* p99 and the longest. */
static void measure(nanos *time, size_t count, nanos figure[2])
{
	if (count == 0)
		return;
	qsort(time, count, sizeof *time, compare);
	figure[0] = time[(count - 1) * 99 / 100];
	figure[1] = time[count - 1];
}

static void measure_all(const struct seen *seen, size_t count, struct verdict *verdict)
{
	nanos *late = calloc(count, sizeof *late), *took = calloc(count, sizeof *took);
	size_t lates = 0, tooks = 0;
	ck_assert(late != NULL && took != NULL);
	for (size_t i = 0; i < count; i++) {
		if (seen[i].asked != 0 && seen[i].result != 0)
			late[lates++] = seen[i].asked - seen[i].result - TORTURE_DELAY;
		if (seen[i].finished != 0)
			took[tooks++] = seen[i].finished - seen[i].begun;
	}
	measure(late, lates, verdict->late);
	measure(took, tooks, verdict->took);
	free(late);
	free(took);
}

static void count_upload(const struct seen *seen, struct verdict *verdict)
{
	verdict->hasty += seen->hasty;
	verdict->lost += seen->ends == 0;
	verdict->twice += seen->twice;
	verdict->doubles += seen->doubled;
	verdict->once += seen->ends > 0 && !seen->twice && !seen->doubled;
	verdict->wrong += seen->wrong;
	verdict->early += seen->early;
	verdict->silent += seen->ends > 0 && seen->result == 0;
}

/* What became of the uploads whose records the broker forgot. */
static void count_forgotten(const struct seen *seen, struct verdict *verdict)
{
	verdict->forgotten++;
	verdict->forgotten_lost += seen->ends == 0;
	verdict->forgotten_twice += seen->twice || seen->doubled || seen->hasty;
}

/* Whether the whole stream is read. A busy broker may not answer in time. */
static bool is_read(void *closure)
{
	struct recorder *stream = closure;
	jsStreamInfo *info = NULL;
	recorder_update(stream);
	bool read = js_GetStreamInfo(&info, stream->js, "main-queue", NULL, NULL) == NATS_OK &&
	            stream->count == info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	return read;
}

void oracle_judge(struct torture *torture, struct verdict *verdict, FILE *out)
{
	size_t count = torture->load.count;
	struct seen *seen = calloc(count, sizeof *seen);
	/* From its beginning, whatever was read while the broker came and went. */
	struct recorder stream = {.js = torture->js};
	ck_assert_ptr_nonnull(seen);
	ck_assert_msg(wait_until(is_read, &stream, 2 * TEST_LIMIT), "the stream cannot be read to its end");
	for (size_t i = 0; i < stream.count; i++)
		note(torture, seen, &stream.message[i], verdict);
	for (size_t i = 0; i < count; i++) {
		compare_end(torture, i, verdict);
		if (is_forgotten(torture, i))
			count_forgotten(&seen[i], verdict);
		else
			count_upload(&seen[i], verdict);
		if (seen[i].ends != 1 || seen[i].wrong || seen[i].early || seen[i].result == 0)
			tell(torture, i, &seen[i], &stream, out);
	}
	/* Nobody can know what was in the memory of an instance that died. */
	if (torture->faults.count[FAULT_KILL] + torture->faults.count[FAULT_POINT] == 0)
		verdict->stuck = verdict->forgotten_lost;
	tell_slowest(torture, seen, &stream, out);
	measure_all(seen, count, verdict);
	verdict->echoes = count_echoes(torture, &stream);
	proxy_take(torture->proxy, 0);
	verdict->waits = ledger_compared(torture->ledger);
	verdict->early_waits = ledger_early(torture->ledger);
	proxy_give_back(torture->proxy);
	struct consumer consumer = {.torture = torture, .pending = SIZE_MAX};
	wait_until(is_answered, &consumer, TEST_LIMIT);
	verdict->undelivered = consumer.pending;
	verdict->unacknowledged = consumer.unacknowledged;
	recorder_free(&stream);
	free(seen);
}

bool verdict_is_good(const struct verdict *verdict)
{
	return verdict->lost + verdict->twice + verdict->doubles + verdict->hasty + verdict->echoes == 0 &&
	       verdict->wrong + verdict->early + verdict->early_waits + verdict->silent + verdict->stuck == 0 &&
	       verdict->records == 0 && verdict->unacknowledged == 0 && verdict->undelivered == 0 &&
	       (verdict->forgotten == 0 || verdict->forgetful);
}
