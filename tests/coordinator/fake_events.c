/* SPDX-License-Identifier: Apache-2.0
 * The events and records of the fake world. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/fake_ports.h"

static const char *const steps[] = {"scan", "slow"};

void fake_deliver(struct fake_world *world, const char *message, size_t length, uint64_t sequence, bool redelivered)
{
	struct delivery *delivery = calloc(1, sizeof *delivery);
	char *data = malloc(length + 1);
	ck_assert(delivery != NULL && data != NULL);
	memcpy(data, message, length);
	delivery->data = data;
	delivery->length = length;
	delivery->sequence = sequence;
	delivery->stored = world->stored != 0 ? world->stored : FAKE_STREAM_TIME + (nanos)sequence;
	delivery->pending = world->pending;
	delivery->redelivered = redelivered;
	delivery->of_gap = world->of_gap;
	coordinator_deliver(world->coordinator, delivery, world->now);
}

static void send_text(struct fake_world *world, struct text *message, uint64_t sequence, bool redelivered)
{
	fake_deliver(world, message->data, message->length, sequence, redelivered);
	text_free(message);
}

static struct upload fields_of(const char *id)
{
	return (struct upload){.id = id,
	                       .url = "http://127.0.0.1/" FAKE_SECRET,
	                       .filename = "n",
	                       .filesize = 3,
	                       .user_json = "null",
	                       .impersonating_user_json = "null",
	                       .resource_id_json = "null",
	                       .initiator_id = "",
	                       .traceparent = "",
	                       .metadata = "",
	                       .step = steps,
	                       .step_count = 2};
}

void fake_begin(struct fake_world *world, const char *id, uint64_t sequence, bool redelivered)
{
	struct text message = {0};
	struct upload upload = fields_of(id);
	event_encode_bytes_received(&message, &upload, world->now);
	send_text(world, &message, sequence, redelivered);
}

void fake_begin_at(struct fake_world *world, const char *id, const char *url, uint64_t sequence, nanos stored)
{
	struct text message = {0};
	struct upload upload = fields_of(id);
	nanos before = world->stored;
	upload.url = url != NULL ? url : upload.url;
	event_encode_bytes_received(&message, &upload, world->now);
	world->stored = stored;
	send_text(world, &message, sequence, false);
	world->stored = before;
}

void fake_clean(struct fake_world *world, const char *id, uint64_t sequence)
{
	struct text message = {0};
	event_encode_clean(&message, id, world->now);
	send_text(world, &message, sequence, false);
}

void fake_step_finished(struct fake_world *world, const char *id, const char *step, enum outcome outcome,
                        uint64_t sequence, bool redelivered)
{
	struct text message = {0};
	struct upload upload = fields_of(id);
	upload.step = &step;
	upload.step_count = 1;
	struct status status = {.finished_outcome = outcome};
	event_encode(&message, PUBLISH_STEP_FINISHED, &upload, &status, world->result, 0, world->now);
	send_text(world, &message, sequence, redelivered);
}

void fake_ready(struct fake_world *world, const char *id, bool failed, uint64_t sequence)
{
	struct text message = {0};
	struct upload upload = fields_of(id);
	event_encode_upload_ready(&message, &upload, failed, world->now);
	send_text(world, &message, sequence, false);
}

void fake_resume(struct fake_world *world, const char *id, const char *step, uint64_t sequence)
{
	struct text message = {0};
	event_encode_resume(&message, id, step, world->now);
	send_text(world, &message, sequence, false);
}

struct record fake_make_record(const char *id, const char *owner, const struct status *status)
{
	struct upload fields = fields_of(id);
	struct record record = {.upload = upload_create(&fields), .status = *status};
	ck_assert_ptr_nonnull(record.upload);
	snprintf(record.owner, sizeof record.owner, "%s", owner);
	return record;
}
