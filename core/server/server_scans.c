/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/container_of.h"
#include "core/server/server_private.h"

bool server_read_bucket(struct server *server, void *token)
{
	/* A scan that starts after the others were stopped would not be waited for. */
	if (server->stopping)
		return false;
	struct reading *reading = alloc_zeroed(1, sizeof *reading);
	reading->token = token;
	reading->scan = (struct scan){.store = &server->store,
	                              .address = server->records->address,
	                              .mailbox = &server->mailbox,
	                              .permissions = {server->records->permissions, "scan"}};
	if (!scan_start(&reading->scan)) {
		free(reading);
		return false;
	}
	reading->next = server->scans;
	server->scans = reading;
	return true;
}

void server_read_if_due(struct server *server)
{
	if (!atomic_load(&server->ready) || !rescan_due(&server->rescan, clock_monotonic()))
		return;
	if (server_read_bucket(server, NULL))
		rescan_begun(&server->rescan);
}

void server_stop_scans(struct server *server)
{
	for (struct reading *reading = server->scans; reading != NULL; reading = reading->next)
		scan_stop(&reading->scan);
}

static void take_records(struct server *server, struct found_records *found)
{
	struct reading *reading = CONTAINER_OF(found->scan, struct reading, scan);
	for (size_t i = 0; i < found->count && !server->stopping; i++)
		if (!coordinator_found(server->coordinator, &found->record[i].record, found->record[i].revision, reading->token,
		                       clock_now()))
			rescan_again(&server->rescan);
	scan_release(found);
}

static void take_end(struct server *server, struct scan *scan)
{
	struct reading *reading = CONTAINER_OF(scan, struct reading, scan);
	bool complete = !scan->failed && !server->stopping;
	scan_end(scan);
	for (struct reading **link = &server->scans; *link != NULL; link = &(*link)->next) {
		if (*link == reading) {
			*link = reading->next;
			break;
		}
	}
	if (scan->failed && !server->stopping)
		log_warning(server->log, "bucket %s: cannot read all records: %s; retrying", server->store.bucket, scan->why);
	if (reading->token == NULL) {
		rescan_ended(&server->rescan, complete, clock_monotonic());
		if (server->rescan.complete) {
			log_info(server->log, "%zu unfinished uploads found", coordinator_uploads(server->coordinator));
			server->settled = true;
		}
	}
	coordinator_scanned(server->coordinator, reading->token, complete, clock_now());
	free(reading);
}

static bool is_busy(const struct server *server)
{
	return !server->stopping && coordinator_busy(server->coordinator) >= server->config->max_in_flight;
}

static void take(struct server *server, struct mail *mail)
{
	if (mail->kind == MAIL_RECORDS)
		take_records(server, CONTAINER_OF(mail, struct found_records, mail));
	else
		take_end(server, CONTAINER_OF(mail, struct scan, mail));
}

void server_take_scan(struct server *server, struct mail *mail)
{
	mail->next = NULL;
	*server->last_held = mail;
	server->last_held = &mail->next;
	server_read_on(server);
}

void server_read_on(struct server *server)
{
	while (server->held != NULL && !is_busy(server)) {
		struct mail *mail = server->held;
		server->held = mail->next;
		if (server->held == NULL)
			server->last_held = &server->held;
		take(server, mail);
	}
}
