/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client/client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/container_of.h"
#include "core/base/terminal.h"
#include "core/broker/broker.h"
#include "core/client/options.h"
#include "core/jetstream/intake.h"
#include "core/nats/bus_connect.h"

bool client_open(struct client *client, const char *path)
{
	char why[512];
	*client = (struct client){.log = {.fd = STDERR_FILENO, .level = LOG_WARNING}};
	client->config = command_config(path);
	if (client->config == NULL)
		return false;
	const struct config *config = client->config;
	client->events = &config->events;
	client->records = &config->store;
	if (strcmp(config->events.endpoint, "embedded") == 0) {
		bool found =
			config->state_dir != NULL && broker_endpoint_read(config->state_dir, &client->embedded, why, sizeof why);
		if (!found) {
			terminal_error("%s", config->state_dir != NULL ? why
			                                               : NO_STATE_DIR "; state_dir is needed to find the "
			                                                              "service's embedded broker");
			config_free(client->config);
			return false;
		}
		client->events = &client->embedded;
		if (strcmp(config->store.endpoint, "embedded") == 0)
			client->records = &client->embedded;
	}
	client->store = (struct store){.bucket = config->bucket, .table = config->table, .log = &client->log};
	return true;
}

void client_close(struct client *client)
{
	broker_endpoint_free(&client->embedded);
	config_free(client->config);
}

bool client_relocate(struct client *client)
{
	struct broker_address now;
	char why[512];
	if (client->events != &client->embedded || !broker_endpoint_read(client->config->state_dir, &now, why, sizeof why))
		return false;
	if (strcmp(now.endpoint, client->embedded.endpoint) == 0 && strcmp(now.password, client->embedded.password) == 0) {
		broker_endpoint_free(&now);
		return false;
	}
	broker_endpoint_free(&client->embedded);
	client->embedded = now;
	return true;
}

#define NAME "postprocessing command"

natsConnection *client_connect(const struct client *client, const struct broker_address *address, bool quietly)
{
	natsConnection *connection = NULL;
	natsStatus status = bus_connect(&connection, address, NAME);
	if (status == NATS_OK)
		return connection;
	bool embedded = address == &client->embedded;
	if (!quietly)
		terminal_error("broker %s: %s", address->endpoint,
		               embedded ? "the service's embedded broker does not answer: is `postprocessing server` running?"
		                        : bus_advice(status));
	return NULL;
}

#define MISSING "missing from the broker; see `postprocessing health`"

static natsStatus open_bucket(const struct client *client, natsConnection *connection, kvStore **bucket)
{
	jsCtx *js = NULL;
	natsStatus status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = js_KeyValue(bucket, js, client->store.bucket);
	jsCtx_Destroy(js);
	return status;
}

/* The broker's answer to a scan does not always tell. */
static bool bucket_is_missing(const struct client *client)
{
	kvStore *bucket = NULL;
	natsConnection *connection = client_connect(client, client->records, true);
	bool missing = connection != NULL && open_bucket(client, connection, &bucket) == NATS_NOT_FOUND;
	kvStore_Destroy(bucket);
	natsConnection_Destroy(connection);
	return missing;
}

bool client_each_record(struct client *client, void (*each)(void *closure, const struct record *record), void *closure)
{
	struct mailbox mailbox;
	struct scan scan = {.store = &client->store, .address = client->records, .mailbox = &mailbox};
	mailbox_init(&mailbox);
	if (!scan_start(&scan)) {
		fputs("out of memory or threads\n", stderr);
		mailbox_destroy(&mailbox);
		return false;
	}
	for (bool over = false; !over;) {
		struct mail *mail = mailbox_receive(&mailbox, SECOND);
		while (mail != NULL) {
			struct mail *next = mail->next;
			if (mail->kind == MAIL_RECORDS) {
				struct found_records *found = CONTAINER_OF(mail, struct found_records, mail);
				for (size_t i = 0; i < found->count; i++)
					each(closure, &found->record[i].record);
				scan_release(found);
			} else {
				over = true;
			}
			mail = next;
		}
	}
	scan_end(&scan);
	mailbox_destroy(&mailbox);
	if (scan.failed && bucket_is_missing(client))
		terminal_error("bucket %s: " MISSING, client->store.bucket);
	else if (scan.failed)
		terminal_error("bucket %s on %s: %s", client->store.bucket, client->records->endpoint, scan.why);
	return !scan.failed;
}

enum client_found client_get_record(const struct client *client, natsConnection *connection, const char *id,
                                    struct record *record)
{
	jsCtx *js = NULL;
	kvStore *bucket = NULL;
	kvEntry *entry = NULL;
	char key[RECORD_KEY_SIZE], why[128], fault[BUS_FAULT_SIZE];
	record_key(client->store.table, id, key);
	natsStatus status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = js_KeyValue(&bucket, js, client->store.bucket);
	if (status == NATS_OK)
		status = kvStore_Get(&entry, bucket, key);
	enum client_found found = status == NATS_OK                            ? CLIENT_FOUND
	                          : status == NATS_NOT_FOUND && bucket != NULL ? CLIENT_ABSENT
	                                                                       : CLIENT_FAILED;
	if (found == CLIENT_FAILED) {
		terminal_error("bucket %s: %s", client->store.bucket,
		               status == NATS_NOT_FOUND ? MISSING : bus_fault(connection, status, fault));
	} else if (found == CLIENT_FOUND && record_decode(kvEntry_Value(entry), (size_t)kvEntry_ValueLen(entry), record,
	                                                  why, sizeof why) != RECORD_TAKEN) {
		terminal_error("upload %s: its record cannot be read: %s", id, why);
		found = CLIENT_FAILED;
	}
	kvEntry_Destroy(entry);
	kvStore_Destroy(bucket);
	jsCtx_Destroy(js);
	return found;
}

bool client_publish(const struct client *client, natsConnection *connection, const struct text *message)
{
	jsCtx *js = NULL;
	jsErrCode code = 0;
	natsStatus status = message->failed ? NATS_NO_MEMORY : natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = js_Publish(NULL, js, INTAKE_STREAM, message->data, (int)message->length, NULL, &code);
	jsCtx_Destroy(js);
	char fault[BUS_FAULT_SIZE], number[32] = "";
	if (code != 0)
		snprintf(number, sizeof number, " (JetStream error %d)", (int)code);
	if (status != NATS_OK)
		terminal_error("stream " INTAKE_STREAM " on %s: %s%s", client->events->endpoint,
		               bus_fault(connection, status, fault), number);
	return status == NATS_OK;
}
