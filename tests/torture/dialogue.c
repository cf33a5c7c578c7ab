/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/dialogue.h"

#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_LIMIT 1000000u

const char *point_name(enum point point)
{
	static const char *const name[] = {
		[POINT_EVENT] = "event delivered",
		[POINT_WRITE] = "record sent",
		[POINT_TAKE_OVER] = "record of another instance sent",
		[POINT_WRITTEN] = "record stored",
		[POINT_REFUSED] = "record refused",
		[POINT_PUBLISH] = "publish sent",
		[POINT_PUBLISHED] = "publish stored",
		[POINT_ACKNOWLEDGE] = "acknowledgement sent",
		[POINT_DELETE] = "deletion sent",
		[POINT_DELETED] = "deletion stored",
		[POINT_SIGN] = "sign of life sent",
		[POINTS] = "anything else",
	};
	return name[point];
}

bool point_is_answer(enum point point)
{
	return point == POINT_WRITTEN || point == POINT_REFUSED || point == POINT_PUBLISHED || point == POINT_DELETED;
}

void dialogue_end(struct dialogue *dialogue)
{
	free(dialogue->question);
	dialogue->question = NULL;
	dialogue->count = 0;
}

/* The service's inboxes for answers are _INBOX.pp<random>.r.<slot>.<generation>. */
static bool read_inbox(const char *subject, unsigned *slot, unsigned *generation)
{
	return sscanf(subject, "_INBOX.pp%*16[0-9a-f].r.%u.%u", slot, generation) == 2 && *slot < SLOTS_LIMIT;
}

static struct question *ask(struct dialogue *dialogue, const char *reply)
{
	unsigned slot, generation;
	if (!read_inbox(reply, &slot, &generation))
		return NULL;
	if (slot >= dialogue->count) {
		size_t count = (size_t)slot * 2 + 64;
		dialogue->question = realloc(dialogue->question, count * sizeof *dialogue->question);
		ck_assert_ptr_nonnull(dialogue->question);
		for (; dialogue->count < count; dialogue->count++)
			dialogue->question[dialogue->count] = (struct question){.point = POINTS};
	}
	dialogue->question[slot] = (struct question){.generation = generation, .point = POINTS, .index = SIZE_MAX};
	return &dialogue->question[slot];
}

static enum point name_write(struct dialogue *dialogue, const struct frame *frame, struct question *question)
{
	char value[32];
	bool deletion = frame_header(frame, "KV-Operation", value, sizeof value);
	if (question == NULL)
		return deletion ? POINT_DELETE : POINTS;
	ck_assert_msg(frame_header(frame, "Nats-Expected-Last-Subject-Sequence", value, sizeof value),
	              "a write without a condition");
	uint64_t expected = strtoull(value, NULL, 10);
	question->point = deletion ? POINT_DELETED : POINT_WRITTEN;
	if (deletion) {
		ledger_deletes(dialogue->ledger, strrchr(frame->subject, '.') + 1, expected, &question->index,
		               &question->stand);
		return POINT_DELETE;
	}
	bool over = ledger_passes(dialogue->ledger, frame->payload, frame->length, expected, dialogue->instance,
	                          &question->index, &question->stand);
	return over ? POINT_TAKE_OVER : POINT_WRITE;
}

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static enum point name_sent(struct dialogue *dialogue, const struct frame *frame)
{
	struct question *question = ask(dialogue, frame->reply);
	if (begins(frame->subject, "$KV."))
		return name_write(dialogue, frame, question);
	if (strcmp(frame->subject, "main-queue") == 0) {
		if (question != NULL)
			question->point = POINT_PUBLISHED;
		return POINT_PUBLISH;
	}
	if (begins(frame->subject, "$JS.ACK."))
		return frame->length == 4 && memcmp(frame->payload, "+ACK", 4) == 0 ? POINT_ACKNOWLEDGE : POINTS;
	return strcmp(frame->subject, "postprocessing.postprocessing.instances") == 0 ? POINT_SIGN : POINTS;
}

static enum point name_answer(struct dialogue *dialogue, const struct frame *frame)
{
	unsigned slot, generation;
	if (!read_inbox(frame->subject, &slot, &generation) || slot >= dialogue->count)
		return POINTS;
	struct question *question = &dialogue->question[slot];
	enum point point = question->point;
	if (question->generation != generation || point == POINTS)
		return POINTS;
	question->point = POINTS;
	json_t *answer = json_loadb(frame->payload, frame->length, 0, NULL);
	bool refused = json_object_get(answer, "error") != NULL;
	uint64_t sequence = (uint64_t)json_integer_value(json_object_get(answer, "seq"));
	json_decref(answer);
	if (sequence == 0)
		return refused && point == POINT_WRITTEN ? POINT_REFUSED : POINTS;
	if (question->index != SIZE_MAX) {
		question->stand.revision = sequence;
		ledger_stored(dialogue->ledger, question->index, &question->stand);
	}
	return point;
}

enum point dialogue_name(struct dialogue *dialogue, const struct frame *frame, bool from_broker)
{
	if (!frame->carries)
		return POINTS;
	if (!from_broker)
		return name_sent(dialogue, frame);
	return strcmp(frame->subject, "main-queue") == 0 ? POINT_EVENT : name_answer(dialogue, frame);
}
