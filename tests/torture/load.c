/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/event.h"
#include "tests/scenario/storage.h"
#include "tests/torture/torture.h"

/* The remote service and storage take up to this long to answer, so that many uploads are at each point when an
 * instance dies. */
#define ANSWER_TIME (500 * MILLISECOND)
#define CONFIRM_TIME (3 * SECOND)

static const char *const steps[] = {"virusscan", "delay", "remote"};

/* splitmix64 */
uint64_t torture_random(uint64_t *state, uint64_t limit)
{
	uint64_t value = (*state += 0x9e3779b97f4a7c15u);
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return (value ^ value >> 31) % limit;
}

static void make_upload(struct torture *torture, size_t index)
{
	struct offered *offered = &torture->load.offered[index];
	char id[32], url[STORAGE_URL_SIZE];
	uint64_t fate = torture_random(&torture->load.random, 20);
	snprintf(id, sizeof id, "u%zu", index);
	offered->infected = fate == 0;
	offered->outcome = fate == 0 || fate == 1 ? OUTCOME_DELETE : fate == 2 ? OUTCOME_ABORT : OUTCOME_CONTINUE;
	offered->upload = upload_create(&(struct upload){
		.id = id,
		.url = storage_url(&torture->scenario, offered->infected ? "/infected" : "/ok/3000", url),
		.filename = STORAGE_FILENAME,
		.initiator_id = STORAGE_INITIATOR,
		.traceparent = STORAGE_TRACEPARENT,
		.step = steps,
		.step_count = sizeof steps / sizeof steps[0],
		.filesize = offered->infected ? EICAR_SIZE : 3000,
	});
	ck_assert_ptr_nonnull(offered->upload);
}

void load_begin(struct torture *torture)
{
	struct load *load = &torture->load;
	char eicar[EICAR_SIZE + 1];
	eicar_make(eicar);
	storage_server_put(&torture->scenario.storage, "/infected", eicar, EICAR_SIZE);
	*load = (struct load){
		.count = torture->options.uploads,
		.offered = calloc(torture->options.uploads, sizeof *load->offered),
		.begun = clock_monotonic(),
		.interval = torture->options.duration / (nanos)torture->options.uploads,
		.random = torture->options.seed * 2,
	};
	ck_assert_ptr_nonnull(load->offered);
	for (size_t i = 0; i < load->count; i++)
		make_upload(torture, i);
}

void load_end(struct load *load)
{
	for (size_t i = 0; i < load->count; i++)
		upload_release(load->offered[i].upload);
	for (size_t i = 0; i < load->says; i++)
		text_free(&load->saying[i].message);
	free(load->saying);
	free(load->offered);
	*load = (struct load){0};
}

/* Room for one more message, which is due after a random pause. */
static struct saying *add_saying(struct load *load, size_t upload, nanos time)
{
	if (load->says == load->size) {
		load->size = load->size != 0 ? load->size * 2 : 64;
		load->saying = realloc(load->saying, load->size * sizeof *load->saying);
		ck_assert_ptr_nonnull(load->saying);
	}
	struct saying *saying = &load->saying[load->says++];
	*saying = (struct saying){.upload = upload, .at = clock_monotonic()};
	if (time != 0)
		saying->at += (nanos)torture_random(&load->random, (uint64_t)time);
	return saying;
}

static void announce(struct load *load, size_t index, nanos time)
{
	struct saying *saying = add_saying(load, index, time);
	snprintf(saying->id, sizeof saying->id, RECORDER_TEST_ID "begin.%zu.%u", index, load->offered[index].begins++);
	event_encode_bytes_received(&saying->message, load->offered[index].upload, clock_now());
}

static void offer(struct load *load)
{
	nanos now = clock_monotonic();
	for (; load->next < load->count && load->begun + (nanos)load->next * load->interval <= now; load->next++)
		announce(load, load->next, 0);
}

/* Storage does not know finished uploads any more. */
static void begin_again(struct load *load, size_t index)
{
	if (!load->offered[index].confirmed)
		announce(load, index, ANSWER_TIME);
}

static void confirm(struct load *load, size_t index)
{
	struct offered *offered = &load->offered[index];
	if (offered->confirmed)
		return;
	offered->confirmed = true;
	struct saying *saying = add_saying(load, index, CONFIRM_TIME);
	saying->ready = true;
	snprintf(saying->id, sizeof saying->id, RECORDER_TEST_ID "ready.%zu", index);
	event_encode_upload_ready(&saying->message, offered->upload, false, clock_now());
}

/* Some first requests get no answer, or one that is no verdict. */
static void answer(struct load *load, size_t index)
{
	struct offered *offered = &load->offered[index];
	uint64_t manner = torture_random(&load->random, 20);
	if (++offered->starts == 1 && manner == 0)
		return;
	struct saying *saying = add_saying(load, index, ANSWER_TIME);
	struct status status = {
		.finished_step = 2,
		.finished_outcome = offered->starts == 1 && manner == 1 ? OUTCOME_RETRY : offered->outcome,
	};
	snprintf(saying->id, sizeof saying->id, RECORDER_TEST_ID "answer.%zu.%u", index, offered->starts);
	event_encode(&saying->message, PUBLISH_STEP_FINISHED, offered->upload, &status, NULL, 0, clock_now());
}

static void hear(struct torture *torture)
{
	struct load *load = &torture->load;
	const struct recorder *recorder = &torture->scenario.recorder;
	recorder_update(&torture->scenario.recorder);
	for (; load->seen < recorder->count; load->seen++) {
		const struct recorded *recorded = &recorder->message[load->seen];
		size_t index = recorded->upload[0] == 'u' ? strtoul(recorded->upload + 1, NULL, 10) : load->count;
		if (!recorded->ours || index >= load->count)
			continue;
		if (strcmp(recorded->type, "PostprocessingFinished") == 0)
			confirm(load, index);
		else if (strcmp(recorded->type, "StartPostprocessingStep") == 0)
			answer(load, index);
		else if (strcmp(recorded->type, "RestartPostprocessing") == 0)
			begin_again(load, index);
	}
}

/* False: the broker did not confirm it. */
static bool say(const struct torture *torture, const struct saying *saying)
{
	jsPubOptions options;
	jsPubOptions_Init(&options);
	options.MsgId = saying->id;
	options.MaxWait = 500;
	ck_assert(!saying->message.failed);
	return js_Publish(NULL, torture->js, EVENT_TOPIC, saying->message.data, (int)saying->message.length, &options,
	                  NULL) == NATS_OK;
}

static void talk(struct torture *torture)
{
	struct load *load = &torture->load;
	nanos now = clock_monotonic();
	for (size_t i = 0; i < load->says;) {
		struct saying *saying = &load->saying[i];
		if (saying->at > now) {
			i++;
			continue;
		}
		/* If one message cannot be published now, the others cannot either. */
		if (!say(torture, saying))
			return;
		if (!saying->ready)
			load->offered[saying->upload].sent = true;
		text_free(&saying->message);
		*saying = load->saying[--load->says];
	}
}

void load_turn(struct torture *torture)
{
	offer(&torture->load);
	hear(torture);
	talk(torture);
}

bool load_is_over(const struct load *load)
{
	for (size_t i = 0; i < load->count; i++)
		if (!load->offered[i].confirmed)
			return false;
	return load->says == 0;
}
