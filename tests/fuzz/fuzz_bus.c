/* SPDX-License-Identifier: Apache-2.0
 * The input is a message from the broker. Its first byte selects the kind of message. Lines follow, up to an empty
 * one: the reply subject, and headers; then the data. What is not known to have happened counts as not done. What is
 * not known to be present or absent is asked for again.
 *
 * Linked with --wrap, so that there is no connection: nothing is sent, and the messages are ours. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/jetstream/intake.h"
#include "core/jetstream/store.h"
#include "core/nats/bus_link.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/require.h"

static struct {
	struct mail *(*make_mail)(void *closure, natsMsg *message);
	natsMsgHandler on_word;
	void *closure;
	char inbox[BUS_SUBJECT_SIZE]; /* ends with '>' */
	char reply[BUS_SUBJECT_SIZE]; /* of the last request */
} broker;

struct bus_link *__wrap_bus_link_create(const struct bus_link_options *options);
void __wrap_bus_link_stop(struct bus_link *link, const natsConnection *taken);
void __wrap_bus_link_destroy(struct bus_link *link);
void __wrap_bus_link_prepare_again(struct bus_link *link);
natsStatus __wrap_natsConnection_PublishMsg(natsConnection *connection, natsMsg *message);

struct bus_link *__wrap_bus_link_create(const struct bus_link_options *options)
{
	broker.make_mail = options->make_mail;
	broker.on_word = options->on_word;
	broker.closure = options->closure;
	snprintf(broker.inbox, sizeof broker.inbox, "%s", options->inbox);
	return (struct bus_link *)&broker;
}

void __wrap_bus_link_stop(struct bus_link *link, const natsConnection *taken)
{
	(void)link;
	(void)taken;
}

void __wrap_bus_link_destroy(struct bus_link *link)
{
	(void)link;
}

void __wrap_bus_link_prepare_again(struct bus_link *link)
{
	(void)link;
}

natsStatus __wrap_natsConnection_PublishMsg(natsConnection *connection, natsMsg *message)
{
	(void)connection;
	snprintf(broker.reply, sizeof broker.reply, "%s", natsMsg_GetReply(message));
	return NATS_OK;
}

/* Takes a line, without its end. NULL: none is left, or an empty one was taken. */
static char *take_line(const char **data, size_t *size)
{
	const char *end = memchr(*data, '\n', *size);
	size_t length = end != NULL ? (size_t)(end - *data) : *size;
	char *line = strndup(*data, length);
	REQUIRE(line != NULL);
	*data += length + (end != NULL);
	*size -= length + (end != NULL);
	if (line[0] != '\0')
		return line;
	free(line);
	return NULL;
}

/* NULL: the client library creates no such message. */
static natsMsg *make_message(const char *subject, const char *data, size_t size)
{
	natsMsg *message = NULL;
	char *reply = take_line(&data, &size), *line = reply;
	struct bus_header header[8];
	char *text[8];
	size_t count = 0;
	while (line != NULL && count < 8 && (line = take_line(&data, &size)) != NULL) {
		char *colon = strchr(line, ':');
		header[count].name = line;
		header[count].value = colon != NULL ? colon + 1 : "";
		if (colon != NULL)
			*colon = '\0';
		text[count++] = line;
	}
	if (natsMsg_Create(&message, subject, reply, data, (int)size) != NATS_OK)
		message = NULL;
	for (size_t i = 0; i < count; i++) {
		if (message != NULL)
			natsMsgHeader_Set(message, header[i].name, header[i].value);
		free(text[i]);
	}
	free(reply);
	return message;
}

static struct mail *receive(struct mailbox *mailbox, enum mail_kind kind)
{
	struct mail *mail = mailbox_receive(mailbox, 0);
	REQUIRE(mail == NULL || (mail->kind == kind && mail->next == NULL));
	return mail;
}

/* Delivers the answer to a request; the status of the request must agree with it. */
static bool answer(struct request *request, const char *data, size_t size)
{
	natsMsg *message = make_message(broker.reply, data, size);
	if (message == NULL)
		return false;
	json_error_t why;
	json_t *json = json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), 0, &why);
	/* A number may have any number of digits. */
	bool huge = json == NULL && json_error_code(&why) == json_error_numeric_overflow;
	bool object = huge || json_is_object(json), error = json_object_get(json, "error") != NULL;
	json_int_t sequence = json_integer_value(json_object_get(json, "seq"));
	json_decref(json);
	REQUIRE(broker.make_mail(broker.closure, message) == &request->mail && request->mail.kind == MAIL_REPLY);
	REQUIRE(request->status != REQUEST_DONE || (object && !error));
	REQUIRE(request->status != REQUEST_REFUSED || huge || (object && error));
	if (request->status == REQUEST_DONE && !request->api && !huge)
		REQUIRE(sequence > 0 && request->sequence == (uint64_t)sequence);
	REQUIRE((request->reply != NULL) == (request->api && request->status == REQUEST_DONE));
	return true;
}

static void check_load(struct bus *bus, const char *data, size_t size)
{
	struct log log = {.fd = -1, .level = LOG_ERROR};
	struct store store = {.bucket = "b", .log = &log};
	struct request request = {0};
	struct loaded_entry entry;
	store_load(&store, bus, &request, "id");
	if (!answer(&request, data, size))
		return;
	enum request_status status = request.status;
	int error = request.error;
	enum loaded loaded = store_read(&store, &request, &entry);
	REQUIRE(request.reply == NULL);
	REQUIRE(status == REQUEST_DONE || loaded == LOADED_FAILED ||
	        (loaded == LOADED_NOTHING && error == BUS_MESSAGE_NOT_FOUND));
	REQUIRE(status != REQUEST_DONE || loaded == LOADED_FAILED || entry.revision != 0);
	REQUIRE((loaded == LOADED_RECORD) == (entry.record.upload != NULL));
	if (loaded == LOADED_RECORD)
		record_clear(&entry.record);
}

static void check_put(struct bus *bus, const char *data, size_t size)
{
	struct request request = {0};
	bus_publish(bus, &request, "s", NULL, "", 0);
	answer(&request, data, size);
}

/* When the consumer was created, according to a message; 0: no message says it. */
static int64_t made_by(const char *data, size_t size)
{
	natsMsg *message = make_message("s", data, size);
	json_t *json =
		message != NULL ? json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), 0, NULL) : NULL;
	const char *created = json_string_value(json_object_get(json, "created"));
	int64_t made = 0;
	if (created == NULL || !time_parse(created, &made))
		made = 0;
	json_decref(json);
	natsMsg_Destroy(message);
	return made;
}

static const struct log quiet = {.fd = -1, .level = LOG_ERROR};

static void check_position(struct bus *bus, const char *data, size_t size)
{
	struct intake intake;
	intake_init(&intake, "c", 10, "", &quiet, &(struct checkpoint){.sequence = 5, .made = made_by(data, size)});
	intake_ask_position(&intake, bus, true);
	REQUIRE(intake.asking);
	if (!answer(&intake.question, data, size))
		return;
	REQUIRE(intake_answered(&intake, bus, &intake.question));
	uint64_t applied = shared_checkpoint_get(&intake.applied).sequence;
	REQUIRE(!intake.asking && intake.question.reply == NULL && applied >= 5 && applied <= INT64_MAX);
}

/* What is known of the gap's reader never counts as applied beyond the gap. */
static void check_gap(struct bus *bus, const char *data, size_t size)
{
	struct intake intake;
	int64_t made = made_by(data, size);
	intake_init(&intake, "c", 10, "", &quiet, &(struct checkpoint){.sequence = 5, .made = made, .gap_end = 20});
	intake.gap = (struct gap){.before = made, .count = 1, .range = {{6, 20}}};
	intake_reset(&intake, true);
	intake.asked = clock_monotonic(); /* so only the reader's state is asked for */
	intake_ask_position(&intake, bus, true);
	REQUIRE(intake.reading.asking && !intake.asking);
	if (!answer(&intake.reading.question, data, size))
		return;
	REQUIRE(intake_answered(&intake, bus, &intake.reading.question));
	struct checkpoint known = shared_checkpoint_get(&intake.applied);
	REQUIRE(!intake.reading.asking && intake.reading.question.reply == NULL && known.sequence >= 5 &&
	        known.sequence <= 20);
	REQUIRE(intake.reading.open == (known.gap_end != 0));
}

/* What is written can be read, and what can be read can be written. */
static void check_note(const char *data, size_t size)
{
	struct gap gap, again;
	char *note = strndup(data, size), text[GAP_TEXT_SIZE];
	REQUIRE(note != NULL);
	if (gap_read(&gap, note)) {
		gap_write(&gap, text);
		REQUIRE(gap_read(&again, text) && gap_equals(&gap, &again));
		for (unsigned i = 0; i < gap.count; i++)
			REQUIRE(gap_has(&gap, gap.range[i].first) && gap_has(&gap, gap.range[i].last) &&
			        gap.range[i].last <= gap_end(&gap));
	}
	free(note);
}

/* By the documentation: the numbers of "$JS.ACK.<domain>.<hash>.<stream>.<consumer>.<delivered>.<sequence>…", the
 * first two of which old servers omit. */
static uint64_t sequence_by_the_book(const char *reply, uint64_t *delivered, uint64_t *stored)
{
	char *copy = strdup(reply != NULL ? reply : ""), *token[32], *rest = copy;
	size_t count = 0;
	REQUIRE(copy != NULL);
	while (count < 32 && rest != NULL)
		token[count++] = strsep(&rest, ".");
	size_t at = count > 10 ? 6 : 4;
	uint64_t sequence = 0;
	*delivered = *stored = 0;
	if (at + 1 < count) {
		*delivered = strtoull(token[at], NULL, 10);
		sequence = strtoull(token[at + 1], NULL, 10);
	}
	if (at + 3 < count)
		*stored = strtoull(token[at + 3], NULL, 10);
	free(copy);
	return sequence;
}

static bool plain(const char *reply)
{
	return reply == NULL || strspn(reply, "$JSACK.0123456789abc") == strlen(reply);
}

/* What a pull brings: a message, or a status message of the pull itself on the inbox's subject. */
static void check_delivery(struct bus *bus, const char *subject, const char *data, size_t size)
{
	struct intake intake;
	intake_init(&intake, "c", 10, "", &quiet, &(struct checkpoint){0});
	intake.pull.held = 3;
	intake.pull.outstanding = 7;
	natsMsg *message = make_message(subject, data, size);
	if (message == NULL)
		return;
	struct mail *mail = broker.make_mail(broker.closure, message);
	if (mail == NULL)
		return;
	REQUIRE(mail->kind == MAIL_DELIVERY);
	struct delivery *delivery = (struct delivery *)(void *)mail;
	uint64_t delivered, stored;
	const char *reply = natsMsg_GetReply(delivery->message);
	uint64_t sequence = sequence_by_the_book(reply, &delivered, &stored);
	REQUIRE(delivery->sequence == 0 || !plain(reply) || delivery->sequence == sequence);
	REQUIRE(delivery->sequence == 0 || !plain(reply) || delivery->redelivered == (delivered > 1));
	REQUIRE(delivery->sequence == 0 || !plain(reply) || delivery->stored == (nanos)stored);
	/* There is no gap, so messages of its reader are not accepted. */
	bool status = delivery->status, of_gap = !status && delivery_is_of(delivery, "c-gap");
	REQUIRE(intake_take(&intake, bus, delivery) == (!status && !of_gap));
	REQUIRE(intake.pull.outstanding <= 7 && intake.pull.held == 3 + (unsigned)(!status && !of_gap));
	REQUIRE(status || of_gap || intake.pull.outstanding == 6);
	REQUIRE(intake.reading.pull.held == 0);
	if (!status && !of_gap)
		delivery_free(delivery);
}

static void check_word(struct mailbox *mailbox, const char *data, size_t size)
{
	natsMsg *message = make_message("word", data, size);
	if (message == NULL)
		return;
	broker.on_word(NULL, NULL, message, broker.closure);
	struct word *word = (struct word *)(void *)receive(mailbox, MAIL_WORD);
	REQUIRE(word != NULL && strlen(word->text) < WORD_SIZE);
	free(word);
}

static struct bus *make_bus(struct mailbox *mailbox)
{
	struct bus *bus = bus_create(&(struct bus_options){.mailbox = mailbox});
	struct bus_change *change = calloc(1, sizeof *change);
	REQUIRE(bus != NULL && change != NULL);
	change->up = true;
	REQUIRE(bus_changed(bus, change));
	return bus;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mailbox mailbox;
	if (size == 0)
		return 0;
	REQUIRE(nats_Open(-1) == NATS_OK);
	mailbox_init(&mailbox);
	struct bus *bus = make_bus(&mailbox);
	const char *rest = (const char *)data + 1;
	char subject[BUS_SUBJECT_SIZE];
	bus_pull_subject(bus, 'p', subject);
	if (data[0] == 'l')
		check_load(bus, rest, size - 1);
	else if (data[0] == 'p')
		check_put(bus, rest, size - 1);
	else if (data[0] == 'c')
		check_position(bus, rest, size - 1);
	else if (data[0] == 'g')
		check_gap(bus, rest, size - 1);
	else if (data[0] == 'n')
		check_note(rest, size - 1);
	else if (data[0] == 'w')
		check_word(&mailbox, rest, size - 1);
	else
		check_delivery(bus, data[0] == 's' ? subject : INTAKE_STREAM, rest, size - 1);
	bus_destroy(bus);
	mailbox_destroy(&mailbox);
	return 0;
}
