/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/baseline.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/base/terminal.h"
#include "core/bench/messages.h"
#include "core/bench/target.h"
#include "core/nats/bus_connect.h"
#include "core/nats/bus_loop.h"

#define INBOX "_INBOX.floor."
#define PULL_BATCH 4000
#define MESSAGES_PER_FLUSH 32

struct pending {
	natsMsg *source; /* not acknowledged yet */
	uint64_t revision;
	unsigned unconfirmed; /* publishes that the broker has not confirmed */
	unsigned asked;       /* remote steps so far */
	bool awaits;          /* the answer of the last of them */
	bool over;
	uint32_t run;
};

/* Only the subscription's thread uses it. */
struct baseline {
	natsConnection *connection;
	natsSubscription *inbox;
	struct bus_loop *loop;  /* NULL with TLS */
	unsigned local, remote; /* steps */
	unsigned announced;     /* local ones that are announced */
	struct pending *upload;
	size_t size;
	long outstanding; /* messages that were requested and have not come */
	unsigned unflushed;
	struct bench_message finished, step_finished, start;
	struct text record;
};

static bool make_samples(struct baseline *baseline)
{
	char id[BENCH_ID_SIZE];
	struct bench_room room;
	bench_id(id, 0, 0);
	struct upload fields = bench_upload(id, 1, &room);
	struct upload *upload = upload_create(&fields);
	if (upload == NULL)
		return false;
	struct record record = {.upload = upload, .owner = "bench-0123456789abcdef", .writer = "0123456789abcdef"};
	record.status = (struct status){.outcome = OUTCOME_CONTINUE,
	                                .phase = PHASE_CONFIRMING,
	                                .due = clock_now(),
	                                .begun = 12345,
	                                .stream = clock_now(),
	                                .transition = 1,
	                                .publish = PUBLISH_FINISHED,
	                                .confirmations = 1};
	record_encode(&baseline->record, &record);
	upload_release(upload);
	bool good = bench_message_make(&baseline->finished, BENCH_FINISHED, &fields, NULL);
	good = bench_message_make(&baseline->step_finished, BENCH_STEP_FINISHED, &fields, "floor") && good;
	return bench_message_make(&baseline->start, BENCH_START_STEP, &fields, "floor") && good && !baseline->record.failed;
}

static void pull(struct baseline *baseline)
{
	static const char request[] = "{\"batch\":4000,\"expires\":600000000000}";
	if (baseline->outstanding > PULL_BATCH / 2)
		return;
	natsConnection_PublishRequest(baseline->connection, "$JS.API.CONSUMER.MSG.NEXT." BENCH_TARGET_NAME ".floor",
	                              INBOX "n", request, sizeof request - 1);
	baseline->outstanding += PULL_BATCH;
}

static struct pending *pending_get(struct baseline *baseline, uint32_t run, size_t index)
{
	if (index >= baseline->size) {
		size_t size = (index + 1) * 2;
		struct pending *upload = realloc(baseline->upload, size * sizeof *upload);
		if (upload == NULL)
			return NULL;
		memset(upload + baseline->size, 0, (size - baseline->size) * sizeof *upload);
		baseline->upload = upload;
		baseline->size = size;
	}
	baseline->upload[index].run = run;
	return &baseline->upload[index];
}

/* `kind` comes back in the subject of the broker's answer; NO_ANSWER: none is asked for. */
#define NO_ANSWER '-'
static void send_message(struct baseline *baseline, const char *subject, char kind, size_t index,
                         const struct text *text, const char *const (*header)[2])
{
	char reply[64];
	natsMsg *message = NULL;
	snprintf(reply, sizeof reply, INBOX "%c.%zu", kind, index);
	if (natsMsg_Create(&message, subject, kind != NO_ANSWER ? reply : NULL, text != NULL ? text->data : "",
	                   text != NULL ? (int)text->length : 0) != NATS_OK)
		return;
	for (; (*header)[0] != NULL; header++)
		natsMsgHeader_Set(message, (*header)[0], (*header)[1]);
	natsConnection_PublishMsg(baseline->connection, message);
	natsMsg_Destroy(message);
}

/* Creates or updates the record; deletes it when the upload is over. */
static void write_record(struct baseline *baseline, size_t index)
{
	const struct pending *upload = &baseline->upload[index];
	bool remove = upload->over;
	char upload_id[BENCH_ID_SIZE], key[RECORD_KEY_SIZE], subject[RECORD_KEY_SIZE + 64], expected[24], id[96];
	bench_id(upload_id, upload->run, index);
	record_key(NULL, upload_id, key);
	snprintf(subject, sizeof subject, "$KV." BENCH_TARGET_NAME ".%s", key);
	snprintf(expected, sizeof expected, "%" PRIu64, upload->revision);
	snprintf(id, sizeof id, "0123456789abcdef.%s.%s.%d", upload_id, expected, remove ? 2 : 1);
	const char *const header[][2] = {{"Nats-Expected-Last-Subject-Sequence", expected},
	                                 {"Nats-Msg-Id", id},
	                                 {remove ? "KV-Operation" : NULL, "DEL"},
	                                 {"Postprocessing-Begun", "12345 1795374249439047919"},
	                                 {"Postprocessing-Ended", "1795374249439047919 0123456789abcdef"},
	                                 {NULL, NULL}};
	send_message(baseline, subject, remove ? 'd' : 'w', index, remove ? NULL : &baseline->record, header);
}

static void publish(struct baseline *baseline, size_t index, struct bench_message *message, unsigned number)
{
	char upload_id[BENCH_ID_SIZE], id[96];
	bench_id(upload_id, baseline->upload[index].run, index);
	bench_message_stamp(message, upload_id);
	snprintf(id, sizeof id, "%s.12345.%u.8", upload_id, number);
	baseline->upload[index].unconfirmed++;
	send_message(baseline, BENCH_TARGET_NAME, 'f', index, &message->text,
	             (const char *const[][2]){{"Nats-Msg-Id", id}, {NULL, NULL}});
}

/* Publishes that a local step begins. */
static void announce(struct baseline *baseline, size_t index, unsigned step)
{
	char upload_id[BENCH_ID_SIZE], id[96];
	bench_id(upload_id, baseline->upload[index].run, index);
	bench_message_stamp(&baseline->start, upload_id);
	snprintf(id, sizeof id, "%s.12345.step%u", upload_id, step);
	send_message(baseline, BENCH_TARGET_NAME, NO_ANSWER, index, &baseline->start.text,
	             (const char *const[][2]){{"Nats-Msg-Id", id}, {NULL, NULL}});
}

/* Publishes what follows from the record: the question of the next remote step, or the end. */
static void publish_next(struct baseline *baseline, size_t index)
{
	struct pending *upload = &baseline->upload[index];
	upload->awaits = upload->asked < baseline->remote;
	if (upload->awaits) {
		publish(baseline, index, &baseline->start, ++upload->asked);
		return;
	}
	for (unsigned i = 0; i < baseline->local; i++)
		publish(baseline, index, &baseline->step_finished, 1000 + i);
	publish(baseline, index, &baseline->finished, 2000);
}

static void acknowledge(struct baseline *baseline, natsMsg *message)
{
	natsConnection_PublishString(baseline->connection, natsMsg_GetReply(message), "+ACK");
	natsMsg_Destroy(message);
}

/* The upload that an event changes; NULL: none, as with events that the baseline itself has published. */
static struct pending *find_changed(struct baseline *baseline, const char *data, size_t length, size_t *index)
{
	uint32_t run;
	bool begins = bench_is_of_type(data, length, BENCH_TYPE("BytesReceived"));
	bool ends = !begins && bench_is_of_type(data, length, BENCH_TYPE("UploadReady"));
	bool answers = !begins && !ends && baseline->remote > 0 &&
	               bench_is_of_type(data, length, BENCH_TYPE("PostprocessingStepFinished"));
	if ((!begins && !ends && !answers) || !bench_find_id(data, length, &run, index))
		return NULL;
	struct pending *upload = pending_get(baseline, run, *index);
	if (upload == NULL || (answers && !upload->awaits))
		return NULL;
	upload->awaits = false;
	upload->over = ends;
	for (unsigned i = 0; begins && i < baseline->announced; i++)
		announce(baseline, *index, i);
	return upload;
}

static void take_event(struct baseline *baseline, natsMsg *message)
{
	size_t index;
	baseline->outstanding--;
	struct pending *upload =
		find_changed(baseline, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), &index);
	if (upload == NULL) {
		acknowledge(baseline, message);
		return;
	}
	/* The next event may come before the broker has confirmed the publish that led to it. */
	if (upload->source != NULL)
		acknowledge(baseline, upload->source);
	upload->source = message;
	upload->unconfirmed = 0;
	write_record(baseline, index);
}

static void take_answer(struct baseline *baseline, char kind, size_t index, natsMsg *message)
{
	struct pending *upload = index < baseline->size ? &baseline->upload[index] : NULL;
	uint64_t sequence = bench_stored_sequence(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
	if (upload == NULL || sequence == 0) {
		terminal_error("floor: the broker refuses: %s", natsMsg_GetData(message));
		_exit(EXIT_FAILURE);
	}
	if (kind == 'w') {
		upload->revision = sequence;
		publish_next(baseline, index);
	} else if (upload->source != NULL && (kind == 'd' || (upload->unconfirmed > 0 && --upload->unconfirmed == 0))) {
		acknowledge(baseline, upload->source);
		upload->source = NULL;
	}
	natsMsg_Destroy(message);
}

/* Sends in batches, as the service does. */
static void flush(struct baseline *baseline)
{
	uint64_t waiting = 0;
	if (baseline->loop == NULL)
		return;
	baseline->unflushed++;
	if (baseline->unflushed < MESSAGES_PER_FLUSH && natsSubscription_QueuedMsgs(baseline->inbox, &waiting) == NATS_OK &&
	    waiting > 0)
		return;
	bus_loop_flush(baseline->loop);
	baseline->unflushed = 0;
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	(void)connection;
	(void)subscription;
	struct baseline *baseline = closure;
	const char *subject = natsMsg_GetSubject(message);
	char kind;
	size_t index;
	if (baseline->loop != NULL)
		bus_loop_gather(baseline->loop);
	if (sscanf(subject, INBOX "%c.%zu", &kind, &index) == 2)
		take_answer(baseline, kind, index, message);
	else if (strncmp(subject, INBOX, sizeof INBOX - 1) == 0)
		natsMsg_Destroy(message); /* a pull's status */
	else
		take_event(baseline, message);
	pull(baseline);
	flush(baseline);
}

static natsStatus connect_to(struct baseline *baseline, const struct broker_address *address)
{
	natsOptions *options = NULL;
	baseline->loop = bus_uses_tls(address) ? NULL : bus_loop_create();
	natsStatus status = bus_options(&options, address, "postprocessing-bench floor");
	if (status == NATS_OK && baseline->loop != NULL)
		status = bus_loop_set(baseline->loop, options);
	if (status == NATS_OK)
		status = natsConnection_Connect(&baseline->connection, options);
	natsOptions_Destroy(options);
	return status;
}

static natsStatus begin(struct baseline *baseline, const struct broker_address *address)
{
	natsStatus status = connect_to(baseline, address);
	if (status == NATS_OK)
		status = natsConnection_Subscribe(&baseline->inbox, baseline->connection, INBOX ">", on_message, baseline);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(baseline->inbox, -1, -1);
	if (status == NATS_OK)
		status = natsConnection_Flush(baseline->connection);
	if (status == NATS_OK)
		pull(baseline); /* the subscription's thread has nothing to do before this */
	return status;
}

int bench_baseline_main(int argc, char **argv)
{
	struct baseline baseline = {0};
	struct client client;
	if (argc != 5)
		return EXIT_FAILURE;
	pid_t parent = (pid_t)strtol(argv[1], NULL, 10);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
	    !client_open(&client, argv[2][0] != '\0' ? argv[2] : NULL))
		return EXIT_FAILURE;
	baseline.local = (unsigned)strtoul(argv[3], NULL, 10);
	baseline.remote = (unsigned)strtoul(argv[4], NULL, 10);
	baseline.announced = client.config->announce_steps ? baseline.local : 0;
	natsStatus status = make_samples(&baseline) ? begin(&baseline, client.events) : NATS_NO_MEMORY;
	if (status != NATS_OK) {
		fprintf(stderr, "floor: %s\n", bus_advice(status));
		return EXIT_FAILURE;
	}
	for (;;)
		pause(); /* bench_baseline_end() kills it */
}
