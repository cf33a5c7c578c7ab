/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client/submission.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/container_of.h"
#include "core/base/signals.h"
#include "core/base/terminal.h"
#include "core/client/end_detail.h"
#include "core/client/service_steps.h"
#include "core/http/file_server.h"
#include "core/jetstream/intake.h"
#include "core/nats/bus_connect.h"
#include "core/upload/envelope.h"
#include "core/upload/event.h"

/* A running service accepts an upload much sooner. */
#define TAKEN_TIMEOUT (30 * SECOND)
#define ROUND (SECOND / 4)
#define CALLBACKS_TIMEOUT (2 * SECOND)
#define RUNS_INTERVAL (2 * SECOND)
/* How often a record that says less than the events is read again, for all files together. */
#define LATE_REPLIES_LIMIT 50

struct submission {
	struct client *client;
	const struct submission_options *options;
	struct submitted *file;
	size_t count, left;
	struct mailbox mailbox;
	natsConnection *events, *records;
	natsSubscription *subscription[2];
	struct service_steps service;
	atomic_uint heard; /* subscriptions whose callbacks may still come */
	struct file_server *server;
	sigset_t signals; /* that end it early */
	unsigned late_replies;
	nanos looked_for_runs;
};

/* On the client library's thread. */
static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	(void)connection;
	(void)subscription;
	struct submission *submission = closure;
	struct delivery *delivery = alloc_zeroed(1, sizeof *delivery);
	delivery->mail.kind = MAIL_DELIVERY;
	delivery->message = message;
	delivery->data = natsMsg_GetData(message);
	delivery->length = (size_t)natsMsg_GetDataLength(message);
	mailbox_send(&submission->mailbox, &delivery->mail);
}

static void on_complete(void *closure)
{
	struct submission *submission = closure;
	atomic_fetch_sub(&submission->heard, 1);
}

static natsStatus hear(struct submission *submission, size_t index, natsConnection *connection, const char *subject)
{
	natsSubscription **subscription = &submission->subscription[index];
	natsStatus status = natsConnection_Subscribe(subscription, connection, subject, on_message, submission);
	if (status == NATS_OK && natsSubscription_SetOnCompleteCB(*subscription, on_complete, submission) == NATS_OK)
		atomic_fetch_add(&submission->heard, 1);
	return status;
}

static bool subscribe(struct submission *submission)
{
	char subject[256];
	snprintf(subject, sizeof subject, "$KV.%s.>", submission->client->config->bucket);
	natsStatus status = hear(submission, 0, submission->events, INTAKE_STREAM);
	if (status == NATS_OK)
		status = hear(submission, 1, submission->records, subject);
	if (status == NATS_OK)
		status = natsConnection_Flush(submission->events);
	if (status == NATS_OK)
		status = natsConnection_Flush(submission->records);
	/* A denied subscription is reported only as an error on the connection. */
	bool events = status == NATS_OK && !bus_refused(submission->events);
	bool records = events && !bus_refused(submission->records);
	char fault[BUS_FAULT_SIZE];
	if (!records)
		terminal_error("subscribing: %s", bus_fault(events ? submission->records : submission->events, status, fault));
	return records;
}

/* again: it is tried as often as it takes, so nothing is said. */
static bool connect_all(struct submission *submission, bool again)
{
	const struct client *client = submission->client;
	submission->events = client_connect(client, client->events, again);
	if (submission->events == NULL)
		return false;
	submission->records =
		client->records == client->events ? submission->events : client_connect(client, client->records, again);
	return submission->records != NULL;
}

static bool open_all(struct submission *submission)
{
	char why[512];
	if (!connect_all(submission, false))
		return false;
	submission->server = file_server_start(submission->options->addr, submission->options->url, why, sizeof why);
	if (submission->server == NULL) {
		terminal_error("%s", why);
		return false;
	}
	return subscribe(submission);
}

/* After this, no callback is running. */
static void disconnect_all(struct submission *submission)
{
	nanos limit = clock_monotonic() + CALLBACKS_TIMEOUT;
	natsConnection_Close(submission->events);
	natsConnection_Close(submission->records);
	while (atomic_load(&submission->heard) > 0 && clock_monotonic() < limit)
		nanosleep(&(struct timespec){.tv_nsec = MILLISECOND}, NULL);
	if (submission->records != submission->events)
		natsConnection_Destroy(submission->records);
	natsConnection_Destroy(submission->events);
	natsSubscription_Destroy(submission->subscription[0]);
	natsSubscription_Destroy(submission->subscription[1]);
	submission->events = submission->records = NULL;
	submission->subscription[0] = submission->subscription[1] = NULL;
}

/* Follows a restarted embedded broker to its new address. The service repeats messages that were missed. */
static void follow_broker(struct submission *submission)
{
	bool there = submission->events != NULL && natsConnection_Status(submission->events) == NATS_CONN_STATUS_CONNECTED;
	if (there || (!client_relocate(submission->client) && submission->events != NULL))
		return;
	disconnect_all(submission);
	if (!connect_all(submission, true) || !subscribe(submission))
		disconnect_all(submission);
}

static void close_all(struct submission *submission)
{
	disconnect_all(submission);
	if (submission->server != NULL)
		file_server_stop(submission->server);
	struct mail *mail = mailbox_receive(&submission->mailbox, 0);
	while (mail != NULL) {
		struct mail *next = mail->next;
		delivery_free(CONTAINER_OF(mail, struct delivery, mail));
		mail = next;
	}
	for (size_t i = 0; i < submission->count; i++)
		upload_release(submission->file[i].upload);
}

static void end(struct submission *submission, struct submitted *file)
{
	file->took = clock_monotonic() - file->started;
	file->over = true;
	submission->left--;
}

/* Confirms the end of an upload on the bus, or withdraws it. */
static bool confirm(struct submission *submission, const struct submitted *file, bool failed, bool withdrawn)
{
	struct text message = {0};
	if (withdrawn)
		event_encode_withdrawn(&message, file->upload, "withdrawn by submit", clock_now());
	else
		event_encode_upload_ready(&message, file->upload, failed, clock_now());
	bool good = client_publish(submission->client, submission->events, &message);
	text_free(&message);
	return good;
}

#define UNCONFIRMED_WITHDRAWAL "; the broker did not confirm its"

/* Ends a file with an error before the service has finished it, and makes the service drop it; otherwise the service
 * would keep requesting bytes that are no longer served. lead: how the error goes on if that cannot be confirmed. */
static void withdraw(struct submission *submission, struct submitted *file, const char *lead)
{
	size_t used = strlen(file->error);
	if (!confirm(submission, file, true, true))
		snprintf(file->error + used, sizeof file->error - used, "%s withdrawal; a service may still process it", lead);
	end(submission, file);
}

/* Serves and announces one file. */
static void announce(struct submission *submission, struct submitted *file)
{
	char url[FILE_URL_SIZE];
	struct text message = {0};
	bool said = false;
	file->started = clock_monotonic();
	if (!uuids_make(&file->id, 1)) {
		snprintf(file->error, sizeof file->error, "no random numbers for an ID");
	} else if (file_server_add(submission->server, file->path, url, &file->size, file->error, sizeof file->error)) {
		file->upload =
			upload_create(&(struct upload){.id = file->id, .url = url, .filename = file->name, .filesize = file->size});
		if (file->upload != NULL)
			event_encode_bytes_received(&message, file->upload, clock_now());
		said = file->upload != NULL;
		if (!said || !client_publish(submission->client, submission->events, &message))
			snprintf(file->error, sizeof file->error, "the broker did not confirm the upload's event");
	}
	text_free(&message);
	if (file->error[0] == '\0')
		return;
	/* Even without an answer from the broker, the service may have received the event. */
	if (said)
		withdraw(submission, file, " or its");
	else
		end(submission, file);
}

static struct submitted *find(struct submission *submission, const char *id)
{
	for (size_t i = 0; i < submission->count; i++)
		if (!submission->file[i].over && strcmp(submission->file[i].id, id) == 0)
			return &submission->file[i];
	return NULL;
}

static void print_line(FILE *to, const struct submitted *file, const char *line)
{
	if (to == NULL)
		return;
	fprintf(to, "%8.3fs  ", (double)(clock_monotonic() - file->started) / (double)SECOND);
	terminal_print(to, file->name);
	fputs("  ", to);
	terminal_print(to, line);
	fputc('\n', to);
}

/* False: it is the last line already. */
static bool note_line(struct submitted *file, const char *what, const char *why)
{
	char line[sizeof file->said];
	snprintf(line, sizeof line, "%s%s%s", what, why[0] != '\0' ? ": " : "", why);
	if (strcmp(line, file->said) == 0)
		return false;
	snprintf(file->said, sizeof file->said, "%s", line);
	return true;
}

/* Shows one line for each change. */
static void say(struct submission *submission, struct submitted *file, const char *what, const char *why)
{
	if (note_line(file, what, why))
		print_line(submission->options->progress, file, file->said);
}

/* Nothing goes on by itself, so this is shown in any case. */
static void say_held(struct submitted *file, const struct record *record)
{
	char what[UPLOAD_STEP_NAME_LIMIT + TIME_TEXT_SIZE + 32], until[TIME_TEXT_SIZE], how[160];
	snprintf(what, sizeof what, "held by %s until %s", status_step_name(record->upload, &record->status),
	         time_format(record->status.due / SECOND * SECOND, until));
	if (!note_line(file, what, record->status.reason))
		return;
	snprintf(how, sizeof how, "to end that: `postprocessing release --reason TEXT %s`, or `postprocessing reject %s`",
	         file->id, file->id);
	print_line(stderr, file, file->said);
	print_line(stderr, file, how);
}

/* The record of an upload that has ended says why, better than an event of its step: it has all steps. */
static void note_end(struct submitted *file, const struct record *record)
{
	char detail[sizeof file->detail];
	file->explained = true;
	end_detail(record, detail, sizeof detail);
	if (detail[0] != '\0')
		memcpy(file->detail, detail, sizeof detail);
}

static bool has_ended(const struct record *record)
{
	return record->status.phase == PHASE_CONFIRMING || record->status.phase == PHASE_UNCONFIRMED ||
	       record->status.phase == PHASE_ENDED;
}

/* Reads the record of an upload whose end is published. The service writes the record first, but the library may hand
 * out the messages of two subscriptions in any order, and a replica of the bucket may be late. */
static void look_up_end(struct submission *submission, struct submitted *file)
{
	while (submission->records != NULL && !file->explained) {
		struct record record;
		enum client_found found = client_get_record(submission->client, submission->records, file->id, &record);
		if (found == CLIENT_FOUND && has_ended(&record))
			note_end(file, &record);
		if (found == CLIENT_FOUND)
			record_clear(&record);
		if (found == CLIENT_FAILED || file->explained || submission->late_replies++ >= LATE_REPLIES_LIMIT)
			return;
		nanosleep(&(struct timespec){.tv_nsec = 20 * MILLISECOND}, NULL);
	}
}

/* What a record says of an upload under way. Returns the reason. The record of a retry still has that of the failure
 * before. */
static const char *describe(const struct record *record, const struct suspension *suspension, char *what, size_t size)
{
	const struct status *status = &record->status;
	const char *step = status_step_name(record->upload, status), *phase = phase_name(status->phase);
	bool retried = status->failures > 0 && (status->phase == PHASE_RUNNING || status->phase == PHASE_QUEUED);
	if (suspension != NULL || !retried) {
		snprintf(what, size, "%s %s", step, suspension != NULL ? "suspended" : phase);
		return suspension != NULL ? suspension->reason : status->reason;
	}
	bool known = status->reason[0] != '\0';
	snprintf(what, size, "%s %s, attempt %u%s%s%s", step, phase, status->failures + 1, known ? " (before: " : "",
	         status->reason, known ? ")" : "");
	return "";
}

/* A write to the bucket shows the state of the upload. */
static void follow_record(struct submission *submission, const struct delivery *delivery)
{
	struct record record;
	struct suspension suspension;
	char why[128], what[UPLOAD_STEP_NAME_LIMIT + REASON_SIZE + 64];
	if (delivery->length == 0 ||
	    record_decode(delivery->data, delivery->length, &record, why, sizeof why) != RECORD_TAKEN)
		return;
	struct submitted *file = find(submission, record.upload->id);
	if (file != NULL) {
		file->seen = true;
		bool suspended = service_steps_find(&submission->service, &record, clock_now(), &suspension);
		const char *reason = describe(&record, suspended ? &suspension : NULL, what, sizeof what);
		bool queued = record.status.phase == PHASE_QUEUED && !suspended;
		snprintf(file->queued_in, sizeof file->queued_in, "%s",
		         queued ? status_step_name(record.upload, &record.status) : "");
		if (record.status.held)
			say_held(file, &record);
		else if (has_ended(&record))
			note_end(file, &record);
		else
			say(submission, file, what, reason);
	}
	record_clear(&record);
}

/* The virus' name, if the payload's result has one. */
static void note_result(struct submission *submission, struct submitted *file, const char *step,
                        struct json_reader *reader, const struct envelope *envelope)
{
	struct json_value result, infected, description;
	const struct json_member members[] = {{"Result", &result}};
	const struct json_member of_result[] = {{"Infected", &infected}, {"Description", &description}};
	size_t length;
	const char *payload = json_reader_base64(reader, &envelope->payload, &length);
	if (payload == NULL || !json_read(payload, length, members, JSON_COUNT(members), NULL, 0) ||
	    !json_reader_members(reader, &result, of_result, JSON_COUNT(of_result)) || !json_reader_bool(reader, &infected))
		return;
	const char *name = json_reader_string(reader, &description);
	if (!file->explained)
		snprintf(file->detail, sizeof file->detail, "%s: infected%s%s", step, name[0] != '\0' ? ": " : "", name);
	say(submission, file, "infected", name);
}

static void follow_step(struct submission *submission, struct submitted *file, const char *step,
                        const struct delivery *delivery)
{
	struct envelope envelope;
	char *room = malloc(JSON_ROOM(delivery->length));
	struct json_reader reader = {.room = room, .left = JSON_ROOM(delivery->length)};
	if (room != NULL && envelope_read(&envelope, delivery->data, delivery->length, NULL, 0))
		note_result(submission, file, step, &reader, &envelope);
	free(room);
}

static void finish(struct submission *submission, struct submitted *file, enum outcome outcome)
{
	file->outcome = outcome;
	look_up_end(submission, file);
	say(submission, file, outcome_name(outcome), "");
	if (!confirm(submission, file, outcome != OUTCOME_CONTINUE, false))
		snprintf(file->error, sizeof file->error, "it ended with %s, but that could not be confirmed",
		         outcome_name(outcome));
	end(submission, file);
}

/* Why a file was given up, and how far it had come. */
static void note_given_up(struct submitted *file, const char *why)
{
	bool known = file->said[0] != '\0';
	snprintf(file->error, sizeof file->error, "%s%s%s%s", why, known ? " (" : "", file->said, known ? ")" : "");
}

static void note_timeout(struct submitted *file)
{
	note_given_up(file, "timed out");
	size_t used = strlen(file->error);
	snprintf(file->error + used, sizeof file->error - used, "; see `postprocessing show %s`", file->id);
}

/* RestartPostprocessing: storage begins the upload again. The file is still served at its URL. */
static void announce_again(struct submission *submission, struct submitted *file)
{
	struct text message = {0};
	event_encode_bytes_received(&message, file->upload, clock_now());
	bool good = client_publish(submission->client, submission->events, &message);
	text_free(&message);
	file->explained = false;
	file->detail[0] = file->queued_in[0] = '\0';
	say(submission, file,
	    good ? "announced again, because a restart was requested"
	         : "not announced again: the broker did not take the event; request the restart again",
	    "");
}

static void withdraw_all(struct submission *submission)
{
	for (size_t i = 0; i < submission->count; i++) {
		struct submitted *file = &submission->file[i];
		if (file->over)
			continue;
		note_given_up(file, "interrupted");
		withdraw(submission, file, UNCONFIRMED_WITHDRAWAL);
	}
}

static void follow_event(struct submission *submission, const struct delivery *delivery)
{
	struct event event;
	char why[128];
	if (event_decode(delivery->data, delivery->length, NULL, 0, clock_now(), true, &event, why, sizeof why) !=
	    EVENT_TAKEN)
		return;
	struct submitted *file = event.upload_id != NULL ? find(submission, event.upload_id) : NULL;
	if (file != NULL && event.type == EVENT_STEP_FINISHED)
		follow_step(submission, file, event.step, delivery);
	else if (file != NULL && event.type == EVENT_FINISHED)
		finish(submission, file, event.outcome);
	else if (file != NULL && event.type == EVENT_RESTART)
		announce_again(submission, file);
	event_clear(&event);
}

/* Ends files that no service accepts, and files that take too long. */
static void check_timeout(struct submission *submission)
{
	nanos now = clock_monotonic();
	for (size_t i = 0; i < submission->count; i++) {
		struct submitted *file = &submission->file[i];
		if (file->over)
			continue;
		nanos waited = now - file->started;
		if (!file->seen && waited > TAKEN_TIMEOUT)
			snprintf(file->error, sizeof file->error,
			         "no service took it: is `postprocessing server` running on this "
			         "broker?");
		else if (submission->options->timeout != 0 && waited > submission->options->timeout)
			note_timeout(file);
		else
			continue;
		withdraw(submission, file, UNCONFIRMED_WITHDRAWAL);
	}
}

/* No record is written when a run begins. So that a scanner that hangs can be told from a queue, the service is asked
 * about files that have been queued for a while. */
static void show_runs(struct submission *submission)
{
	const char *addr = submission->client->config->http_addr;
	nanos now = clock_monotonic();
	if (submission->options->progress == NULL || addr == NULL || addr[0] == '\0' ||
	    now - submission->looked_for_runs < RUNS_INTERVAL)
		return;
	submission->looked_for_runs = now;
	for (size_t i = 0; i < submission->count; i++) {
		struct submitted *file = &submission->file[i];
		struct run_view run;
		char what[UPLOAD_STEP_NAME_LIMIT + TIME_TEXT_SIZE + 32], until[TIME_TEXT_SIZE];
		if (file->over || file->queued_in[0] == '\0' ||
		    !service_steps_running(&submission->service, file->id, file->queued_in, &run))
			continue;
		snprintf(what, sizeof what, "%s running, until %s", file->queued_in,
		         time_format(run.until / SECOND * SECOND, until));
		say(submission, file, what, "");
		file->queued_in[0] = '\0';
	}
}

/* The signal that has arrived; 0: none. */
static int interrupted(const struct submission *submission)
{
	int number = sigtimedwait(&submission->signals, NULL, &(struct timespec){0});
	return number > 0 ? number : 0;
}

/* Returns the signal that interrupted it; 0: none. */
static int follow(struct submission *submission)
{
	while (submission->left > 0) {
		int number = interrupted(submission);
		if (number != 0) {
			/* A second one does not wait for the broker. */
			pthread_sigmask(SIG_UNBLOCK, &submission->signals, NULL);
			withdraw_all(submission);
			return number;
		}
		struct mail *mail = mailbox_receive(&submission->mailbox, ROUND);
		while (mail != NULL) {
			struct mail *next = mail->next;
			struct delivery *delivery = CONTAINER_OF(mail, struct delivery, mail);
			if (strcmp(natsMsg_GetSubject(delivery->message), INTAKE_STREAM) == 0)
				follow_event(submission, delivery);
			else
				follow_record(submission, delivery);
			delivery_free(delivery);
			mail = next;
		}
		check_timeout(submission);
		show_runs(submission);
		follow_broker(submission);
	}
	return 0;
}

bool submission_run(struct client *client, const struct submission_options *options, struct submitted *file,
                    size_t count, int *signal_number)
{
	struct submission submission = {.client = client, .options = options, .file = file, .count = count, .left = count};
	mailbox_init(&submission.mailbox);
	submission.signals = signals_block();
	service_steps_init(&submission.service, client->config);
	bool good = open_all(&submission);
	for (size_t i = 0; good && i < count; i++)
		announce(&submission, &file[i]);
	*signal_number = good ? follow(&submission) : 0;
	close_all(&submission);
	service_steps_free(&submission.service);
	mailbox_destroy(&submission.mailbox);
	return good;
}
