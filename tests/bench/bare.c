/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bare.h"

#include <inttypes.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/event.h"
#include "core/intake.h"
#include "core/record.h"
#include "core/store.h"
#include "tests/bench/storage.h"
#include "tests/harness/limits.h"

#define INBOX "_INBOX.bare."
#define PULL_BATCH 1000
#define CONSUMER "postprocessing-pull"

struct pending {
	natsMsg *source; /* to be acknowledged */
	uint64_t revision;
	char id[STORAGE_ID_SIZE];
};

/* All of it belongs to the one thread of the subscription. */
struct bare {
	natsConnection *connection;
	struct pending *upload;
	size_t size;
	long asked; /* messages that pulls are to bring yet */
	struct text finished, record;
	char *finished_id; /* where the upload's ID goes in `finished` */
};

static bool make_samples(struct bare *bare)
{
	char id[STORAGE_ID_SIZE];
	storage_id(id, 0, 0);
	struct upload fields = storage_fields(id);
	struct upload *upload = upload_create(&fields);
	if (upload == NULL)
		return false;
	struct record record = {.upload = upload, .owner = "bench-0123456789abcdef"};
	record.status = (struct status){.outcome = OUTCOME_CONTINUE, .phase = PHASE_CONFIRMING, .due = clock_now(), .begun = 12345,
	                                .stream = clock_now(), .transition = 1, .publish = PUBLISH_FINISHED, .confirmations = 1};
	event_encode(&bare->finished, PUBLISH_FINISHED, upload, &record.status, NULL, 0, clock_now());
	record_encode(&bare->record, &record);
	upload_release(upload);
	if (bare->finished.failed || bare->record.failed)
		return false;
	bare->finished_id = strstr(bare->finished.data, id);
	return bare->finished_id != NULL;
}

static void pull(struct bare *bare)
{
	static const char request[] = "{\"batch\":1000,\"expires\":600000000000}";
	if (bare->asked > PULL_BATCH / 2)
		return;
	natsConnection_PublishRequest(bare->connection, "$JS.API.CONSUMER.MSG.NEXT." INTAKE_STREAM "." CONSUMER, INBOX "n", request,
	                              sizeof request - 1);
	bare->asked += PULL_BATCH;
}

static struct pending *pending_get(struct bare *bare, size_t index)
{
	if (index >= bare->size) {
		size_t size = (index + 1) * 2;
		struct pending *upload = realloc(bare->upload, size * sizeof *upload);
		if (upload == NULL)
			return NULL;
		memset(upload + bare->size, 0, (size - bare->size) * sizeof *upload);
		bare->upload = upload;
		bare->size = size;
	}
	return &bare->upload[index];
}

static void send_message(struct bare *bare, const char *subject, char kind, size_t index, const struct text *text,
                         const char *const (*header)[2])
{
	char reply[64];
	natsMsg *message = NULL;
	snprintf(reply, sizeof reply, INBOX "%c.%zu", kind, index);
	if (natsMsg_Create(&message, subject, reply, text != NULL ? text->data : "", text != NULL ? (int)text->length : 0) != NATS_OK)
		return;
	for (; (*header)[0] != NULL; header++)
		natsMsgHeader_Set(message, (*header)[0], (*header)[1]);
	natsConnection_PublishMsg(bare->connection, message);
	natsMsg_Destroy(message);
}

static void write_record(struct bare *bare, size_t index, bool remove)
{
	const struct pending *upload = &bare->upload[index];
	char key[RECORD_KEY_SIZE], subject[RECORD_KEY_SIZE + 64], expected[24], id[96];
	record_key(NULL, upload->id, key);
	snprintf(subject, sizeof subject, "$KV.postprocessing.%s", key);
	snprintf(expected, sizeof expected, "%" PRIu64, remove ? upload->revision : 0);
	snprintf(id, sizeof id, "0123456789abcdef.%s.%s.%d", upload->id, expected, remove ? 2 : 1);
	const char *const header[][2] = {{"Nats-Expected-Last-Subject-Sequence", expected},
	                                 {"Nats-Msg-Id", id},
	                                 {remove ? "KV-Operation" : NULL, "DEL"},
	                                 {"Postprocessing-Begun", "12345 1795374249439047919"},
	                                 {NULL, NULL}};
	send_message(bare, subject, remove ? 'd' : 'w', index, remove ? NULL : &bare->record, header);
}

static void publish_finished(struct bare *bare, size_t index)
{
	char id[96];
	snprintf(id, sizeof id, "%s.12345.1.8", bare->upload[index].id);
	memcpy(bare->finished_id, bare->upload[index].id, STORAGE_ID_SIZE - 1);
	send_message(bare, EVENT_TOPIC, 'f', index, &bare->finished, (const char *const[][2]){{"Nats-Msg-Id", id}, {NULL, NULL}});
}

static void acknowledge(struct bare *bare, natsMsg *message)
{
	natsConnection_PublishString(bare->connection, natsMsg_GetReply(message), "+ACK");
	natsMsg_Destroy(message);
}

static void take_event(struct bare *bare, natsMsg *message)
{
	const char *data = natsMsg_GetData(message);
	size_t length = (size_t)natsMsg_GetDataLength(message), index;
	uint32_t run;
	bool begins = memmem(data, length, "events.BytesReceived", 20) != NULL;
	bool ends = !begins && memmem(data, length, "events.UploadReady", 18) != NULL;
	struct pending *upload = NULL;
	bare->asked--;
	if ((begins || ends) && storage_find_id(data, length, &run, &index))
		upload = pending_get(bare, index);
	if (upload == NULL) {
		acknowledge(bare, message);
		return;
	}
	/* An UploadReady may come before the answer to the publish that brought it about. */
	if (upload->source != NULL)
		acknowledge(bare, upload->source);
	upload->source = message;
	storage_id(upload->id, run, index);
	write_record(bare, index, ends);
}

static void take_answer(struct bare *bare, char kind, size_t index, natsMsg *message)
{
	struct pending *upload = index < bare->size ? &bare->upload[index] : NULL;
	const char *sequence = strstr(natsMsg_GetData(message), "\"seq\":");
	if (upload == NULL || sequence == NULL) {
		fprintf(stderr, "floor: refused: %s\n", natsMsg_GetData(message));
		_exit(EXIT_FAILURE);
	}
	if (kind == 'w') {
		upload->revision = strtoull(sequence + 6, NULL, 10);
		publish_finished(bare, index);
	} else if (upload->source != NULL) {
		acknowledge(bare, upload->source);
		upload->source = NULL;
	}
	natsMsg_Destroy(message);
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	(void)connection;
	(void)subscription;
	struct bare *bare = closure;
	const char *subject = natsMsg_GetSubject(message);
	char kind;
	size_t index;
	if (sscanf(subject, INBOX "%c.%zu", &kind, &index) == 2)
		take_answer(bare, kind, index, message);
	else if (strncmp(subject, INBOX, sizeof INBOX - 1) == 0)
		natsMsg_Destroy(message); /* a pull's status */
	else
		take_event(bare, message);
	pull(bare);
}

static bool prepare(struct bare *bare)
{
	struct log log = {.fd = STDERR_FILENO, .level = LOG_WARNING};
	struct intake intake = {.consumer = CONSUMER, .log = &log};
	struct store store = {.bucket = "postprocessing", .log = &log};
	jsCtx *js = NULL;
	char why[256] = "no JetStream";
	bool good = natsConnection_JetStream(&js, bare->connection, NULL) == NATS_OK &&
	            intake_prepare(&intake, bare->connection, js, why, sizeof why) &&
	            store_prepare(&store, bare->connection, js, why, sizeof why);
	if (!good)
		fprintf(stderr, "floor: %s\n", why);
	jsCtx_Destroy(js);
	return good;
}

static natsStatus connect_to(struct bare *bare, const char *url, bool prompt)
{
	natsOptions *options = NULL;
	natsStatus status = natsOptions_Create(&options);
	if (status == NATS_OK)
		status = natsOptions_SetURL(options, url);
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(options, prompt);
	if (status == NATS_OK)
		status = natsConnection_Connect(&bare->connection, options);
	natsOptions_Destroy(options);
	return status;
}

int bare_main(const char *url, bool prompt)
{
	struct bare bare = {0};
	natsSubscription *inbox = NULL;
	if (!make_samples(&bare) || connect_to(&bare, url, prompt) != NATS_OK || !prepare(&bare) ||
	    natsConnection_Subscribe(&inbox, bare.connection, INBOX ">", on_message, &bare) != NATS_OK ||
	    natsSubscription_SetPendingLimits(inbox, -1, -1) != NATS_OK || natsConnection_Flush(bare.connection) != NATS_OK) {
		fputs("floor: no connection\n", stderr);
		return EXIT_FAILURE;
	}
	pull(&bare); /* nothing has come yet that the subscription's thread would handle */
	puts("ready");
	fflush(stdout);
	for (;;)
		pause(); /* ended by a signal */
}

bool bare_start(struct process *process, const struct nats_fixture *nats, bool prompt)
{
	const char *argv[] = {"/proc/self/exe", BARE_ARGUMENT, nats->url, prompt ? "prompt" : NULL, NULL};
	char line[16] = "";
	if (process_start(process, &(struct process_options){.argv = argv, .pipe_out = true}) &&
	    process_read_line(process, line, sizeof line, TEST_LIMIT) && strcmp(line, "ready") == 0)
		return true;
	fputs("the floor's process does not start\n", stderr);
	process_end(process);
	return false;
}
