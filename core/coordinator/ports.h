/* SPDX-License-Identifier: Apache-2.0
 * What the coordinator needs from the world around it: the bucket of records, the stream of events, the workers, the
 * other instances. The server implements these ports with NATS and threads (server_ports.c); tests implement them in
 * memory (tests/coordinator/fake_ports.c, tests/sim/ports.c).
 *
 * All ports are called on the coordinator's thread, and none may call the coordinator. A port that takes a `struct
 * request` starts a request: its answer comes later, as one call of coordinator_answered() with the same request, also
 * if the request fails or the connection is lost. Until then the request belongs to the port. Texts and bytes are
 * borrowed for the duration of the call. */
#ifndef CORE_COORDINATOR_PORTS_H
#define CORE_COORDINATOR_PORTS_H

#include "core/base/audit.h"
#include "core/base/delivery.h"
#include "core/base/request.h"
#include "core/steps/run.h"
#include "core/upload/loaded.h"
#include "core/upload/lookup.h"

struct ports {
	void *closure; /* the first argument of each port */

	/* Bucket. */

	/* Requests the record of an upload. Once answered, read() returns what came. */
	void (*load)(void *closure, struct request *request, const char *id);
	/* Decodes the answer to load(). The caller takes entry->record over if there is one. */
	enum loaded (*read)(void *closure, struct request *request, struct loaded_entry *entry);
	/* Writes a record if the last revision of its key is `expected` (0: there is no key). The broker drops a repetition
	 * with the same message_id. */
	void (*put)(void *closure, struct request *request, const char *id, uint64_t expected, const char *message_id,
	            const char *value, size_t length);
	/* Deletes a record on the same condition, and leaves the tombstone. */
	void (*remove)(void *closure, struct request *request, const char *id, uint64_t expected, const char *message_id,
	               const struct tombstone *tombstone);
	/* Reads the whole bucket. Each record comes with coordinator_found(), the end with coordinator_scanned(), both with
	 * `token`. */
	void (*scan)(void *closure, void *token);

	/* Stream of events. */

	/* Publishes an event. The broker drops a repetition with the same message_id, for a time. */
	void (*publish)(void *closure, struct request *request, const char *message_id, const char *message, size_t length);
	/* Publishes an event without an answer. It may get lost. */
	void (*announce)(void *closure, const char *message_id, const char *message, size_t length);
	/* Searches the stream. The lookup comes back with coordinator_looked(). */
	void (*look)(void *closure, struct lookup *lookup);
	/* The Nats-Msg-Id of a delivery, valid as long as the delivery; NULL if it has none. */
	const char *(*message_id)(void *closure, const struct delivery *delivery);
	/* Each of these three ends the delivery. acknowledge: the event does not come again. drop: it does, when the broker
	 * has waited for ack_wait. postpone: it does, after `pause`. */
	void (*acknowledge)(void *closure, struct delivery *delivery);
	void (*drop)(void *closure, struct delivery *delivery);
	void (*postpone)(void *closure, struct delivery *delivery, nanos pause);

	/* Workers. */

	/* Queues a run. It comes back with coordinator_returned(), always, also if it is cancelled. */
	void (*run)(void *closure, struct run *run);
	/* Asks a run to end. It still comes back. */
	void (*cancel)(void *closure, struct run *run);
	/* A run ignores that it was cancelled: starts another worker in place of the one that it blocks. */
	void (*replace)(void *closure, const struct run *run);

	/* Other instances. */

	/* Whether the instance of this name is alive. True for this one. */
	bool (*lives)(void *closure, const char *owner);
	/* Tells the other instances that an upload was removed, as one of them may be working on it. The message may get
	 * lost. */
	void (*announce_gone)(void *closure, const char *id);

	/* An act of people, or of a time limit, has been written to the record. NULL: nobody wants to know. */
	void (*audit)(void *closure, const struct audit_act *act);
};

#endif
