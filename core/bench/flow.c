/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/flow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/terminal.h"
#include "core/base/thread.h"
#include "core/nats/bus_connect.h"
#include "core/upload/event.h"
#include "core/upload/message_id.h"

/* With fewer uploads in flight each message is sent at once, for low latency; else they are sent in batches, for
 * throughput. */
#define PROMPT_LIMIT 16
/* One in this many outcomes is decoded. */
#define SAMPLE 64

static void send_message(struct flow *flow, const struct text *message)
{
	flow->sent++;
	if (natsConnection_PublishRequest(flow->connection, flow->load->target->stream, flow->inbox, message->data,
	                                  (int)message->length) != NATS_OK)
		flow->refused++;
}

static void send_stamped(struct flow *flow, struct bench_message *message, size_t index)
{
	char id[BENCH_ID_SIZE];
	bench_id(id, flow->number, index);
	bench_message_stamp(message, id);
	send_message(flow, &message->text);
}

static struct user *user_of(struct flow *flow, size_t index)
{
	return &flow->user[index < flow->load->greedy ? 0 : 1 + index % flow->load->spaces];
}

size_t flow_total(const struct flow *flow)
{
	return flow->load->count > 0 ? flow->load->count + flow->load->greedy : SIZE_MAX;
}

bool flow_has_more(const struct flow *flow, nanos now)
{
	return flow->announcing && flow->next < flow_total(flow) && (flow->until == 0 || now < flow->until);
}

void flow_confirm(struct flow *flow, size_t index)
{
	send_stamped(flow, &user_of(flow, index)->ready, index);
}

void flow_announce(struct flow *flow, nanos due)
{
	if (flow->next == flow->size) {
		size_t size = flow->size > 0 ? flow->size * 2 : 4096;
		struct announced *upload = realloc(flow->upload, size * sizeof *upload);
		if (upload == NULL) {
			flow->announcing = false;
			return;
		}
		flow->upload = upload;
		flow->size = size;
	}
	size_t index = flow->next++;
	flow->upload[index] = (struct announced){.due = due};
	send_stamped(flow, &user_of(flow, index)->begin, index);
	for (size_t i = 0; i < flow->load->noise; i++)
		send_message(flow, &flow->noise[(index + i) % BENCH_NOISE_KINDS]);
}

static void keep_gap(struct flow *flow, nanos now)
{
	struct bench_backlog *backlog = &flow->result->backlog;
	double gap = (double)(now - flow->ended) / (double)SECOND;
	if (flow->ended != 0 && gap > backlog->gap)
		backlog->gap = gap;
	if (--flow->greedy_left == 0)
		backlog->done = (double)(now - flow->begun) / (double)SECOND;
}

static void keep_latency(struct flow *flow, size_t index, nanos now)
{
	struct bench_result *result = flow->result;
	if (index < flow->load->greedy) {
		keep_gap(flow, now);
		return;
	}
	/* The array is full: its size is a power of two. */
	if ((result->count & (result->count - 1)) == 0) {
		double *latency = realloc(result->latency, (result->count > 0 ? result->count * 2 : 1) * sizeof *latency);
		if (latency == NULL) {
			flow->announcing = false;
			return;
		}
		result->latency = latency;
	}
	result->latency[result->count++] = (double)(now - flow->upload[index].due) / (double)SECOND;
}

static void take_finished(struct flow *flow, size_t index, nanos now)
{
	if (flow->upload[index].finished) /* a repetition */
		return;
	flow->upload[index].finished = true;
	flow->finished++;
	keep_latency(flow, index, now);
	flow->ended = now;
	flow_confirm(flow, index);
	if (flow->load->rate <= 0 && index >= flow->load->greedy && flow_has_more(flow, now))
		flow_announce(flow, now);
	if (flow->finished == flow->next)
		pthread_cond_signal(&flow->changed);
}

/* NULL: too many steps, or out of memory. */
static struct answerer *answerer_get(struct flow *flow, const char *step)
{
	for (size_t i = 0; i < flow->answerers; i++)
		if (strcmp(flow->answerer[i].step, step) == 0)
			return &flow->answerer[i];
	if (flow->answerers == UPLOAD_STEPS_LIMIT)
		return NULL;
	struct answerer *answerer = &flow->answerer[flow->answerers];
	struct bench_room room;
	struct upload fields = bench_upload("", 0, &room);
	answerer->step = strdup(step);
	if (answerer->step == NULL || !bench_message_make(&answerer->finished, BENCH_STEP_FINISHED, &fields, step)) {
		free(answerer->step);
		bench_message_free(&answerer->finished);
		return NULL;
	}
	flow->answerers++;
	return answerer;
}

/* On threads of the client library: */

static bool decode(natsMsg *message, struct event *event)
{
	char why[128];
	return event_decode(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), NULL, 0, 0, true, event, why,
	                    sizeof why) == EVENT_TAKEN;
}

/* The service announces a step that it does itself. */
static bool is_announcement(natsMsg *message)
{
	const char *id = NULL;
	return natsMsgHeader_Get(message, "Nats-Msg-Id", &id) == NATS_OK && message_id_is_announcement(id);
}

static void answer_step(struct flow *flow, size_t index, natsMsg *message)
{
	struct event event;
	if (is_announcement(message) || !decode(message, &event))
		return;
	pthread_mutex_lock(&flow->lock);
	struct answerer *answerer = event.type == EVENT_START_STEP ? answerer_get(flow, event.step) : NULL;
	if (answerer != NULL)
		send_stamped(flow, &answerer->finished, index);
	pthread_mutex_unlock(&flow->lock);
	event_clear(&event);
}

static void check_outcome(struct flow *flow, natsMsg *message)
{
	struct event event;
	if (!decode(message, &event))
		return;
	pthread_mutex_lock(&flow->lock);
	flow->result->rejected = flow->result->rejected || event.outcome != OUTCOME_CONTINUE;
	pthread_mutex_unlock(&flow->lock);
	event_clear(&event);
}

static void on_event(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	(void)connection;
	(void)subscription;
	struct flow *flow = closure;
	nanos now = clock_monotonic();
	const char *data = natsMsg_GetData(message);
	size_t length = (size_t)natsMsg_GetDataLength(message), index;
	uint32_t number;
	if (bench_find_id(data, length, &number, &index) && number == flow->number) {
		pthread_mutex_lock(&flow->lock);
		bool known = index < flow->next;
		bool over = known && bench_is_of_type(data, length, BENCH_TYPE("PostprocessingFinished"));
		if (over)
			take_finished(flow, index, now);
		pthread_mutex_unlock(&flow->lock);
		if (over && index % SAMPLE == 0)
			check_outcome(flow, message);
		else if (known && !over && bench_is_of_type(data, length, BENCH_TYPE("StartPostprocessingStep")))
			answer_step(flow, index, message);
	}
	natsMsg_Destroy(message);
}

static void on_ack(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	(void)connection;
	(void)subscription;
	struct flow *flow = closure;
	uint64_t sequence = bench_stored_sequence(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
	pthread_mutex_lock(&flow->lock);
	if (sequence > 0)
		flow->acknowledged++;
	else
		flow->refused++;
	if (sequence > flow->highest)
		flow->highest = sequence;
	pthread_mutex_unlock(&flow->lock);
	natsMsg_Destroy(message);
}

static bool make_user(struct user *user, size_t space, const struct bench_file *file)
{
	struct bench_room room;
	struct upload fields = bench_upload("", space, &room);
	if (file->url != NULL)
		fields.url = file->url;
	if (file->size > 0)
		fields.filesize = file->size;
	bool begin = bench_message_make(&user->begin, BENCH_BYTES_RECEIVED, &fields, NULL);
	return bench_message_make(&user->ready, BENCH_UPLOAD_READY, &fields, NULL) && begin;
}

static bool make_messages(struct flow *flow)
{
	const struct bench_load *load = flow->load;
	flow->user = calloc(load->spaces + 1, sizeof *flow->user);
	bool good = flow->user != NULL;
	for (size_t i = 0; good && i <= load->spaces; i++)
		good = make_user(&flow->user[i], i, i == 0 ? &load->greedy_file : &load->file);
	for (size_t i = 0; good && i < BENCH_NOISE_KINDS; i++) {
		bench_noise_make(&flow->noise[i], i);
		good = !flow->noise[i].failed;
	}
	if (!good)
		fputs("out of memory\n", stderr);
	return good;
}

static natsStatus connect_to(struct flow *flow)
{
	const struct bench_load *load = flow->load;
	natsOptions *options;
	natsStatus status = bus_options(&options, load->target->client->events, "postprocessing-bench");
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(options, load->rate > 0 || load->in_flight < PROMPT_LIMIT);
	if (status == NATS_OK)
		status = natsOptions_SetNoEcho(options, true);
	if (status == NATS_OK)
		status = natsConnection_Connect(&flow->connection, options);
	natsOptions_Destroy(options);
	return status;
}

static bool connect_and_listen(struct flow *flow)
{
	snprintf(flow->inbox, sizeof flow->inbox, "_INBOX.bench%08" PRIx32, flow->number);
	natsStatus status = connect_to(flow);
	if (status == NATS_OK)
		status = natsConnection_Subscribe(&flow->events, flow->connection, flow->load->target->stream, on_event, flow);
	if (status == NATS_OK)
		status = natsConnection_Subscribe(&flow->acks, flow->connection, flow->inbox, on_ack, flow);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(flow->events, -1, -1);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(flow->acks, -1, -1);
	if (status == NATS_OK)
		status = natsConnection_Flush(flow->connection);
	if (status != NATS_OK)
		terminal_error("broker %s: %s", flow->load->target->client->events->endpoint, bus_advice(status));
	return status == NATS_OK;
}

bool flow_open(struct flow *flow)
{
	lock_init(&flow->lock);
	condition_init(&flow->changed);
	return make_messages(flow) && connect_and_listen(flow);
}

void flow_close(struct flow *flow)
{
	/* After this no callback runs that uses what is freed below. */
	natsSubscription *one[] = {flow->events, flow->acks};
	for (size_t i = 0; i < 2; i++)
		if (one[i] != NULL && natsSubscription_Drain(one[i]) == NATS_OK)
			natsSubscription_WaitForDrainCompletion(one[i], 2000);
	natsConnection_Destroy(flow->connection);
	natsSubscription_Destroy(flow->events);
	natsSubscription_Destroy(flow->acks);
	for (size_t i = 0; flow->user != NULL && i <= flow->load->spaces; i++) {
		bench_message_free(&flow->user[i].begin);
		bench_message_free(&flow->user[i].ready);
	}
	free(flow->user);
	for (size_t i = 0; i < BENCH_NOISE_KINDS; i++)
		text_free(&flow->noise[i]);
	for (size_t i = 0; i < flow->answerers; i++) {
		free(flow->answerer[i].step);
		bench_message_free(&flow->answerer[i].finished);
	}
	free(flow->upload);
	pthread_mutex_destroy(&flow->lock);
	pthread_cond_destroy(&flow->changed);
}
