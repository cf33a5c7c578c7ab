/* SPDX-License-Identifier: Apache-2.0
 * Publishes what was decided, once.
 *
 * The record says what its last transition publishes, so that another process can publish it if this one dies before.
 * Each message has a Nats-Msg-Id that follows from the record alone (message_id.h): whoever publishes it again uses the
 * same ID, and the broker drops the repetition for as long as its duplicate window lasts. Two checks cover what takes
 * longer than that:
 *
 *   - If the decision is older than 30 s, the record is read again first. If it has changed, its last writer publishes.
 *   - If the message may have been stored longer ago than half of the duplicate window (at most a minute), the stream
 * is searched for it first.
 *
 * A record that another process has written may have unpublished messages. job_to_republish() says which of them a job
 * publishes before it decides. */
#ifndef CORE_COORDINATOR_OUTBOX_H
#define CORE_COORDINATOR_OUTBOX_H

#include "core/coordinator/coordinator.h"

struct job;

struct outbox {
	nanos sure; /* the broker surely drops a repetition that comes this long after the message */
};

void outbox_set_stream(struct coordinator *coordinator, const struct stream_facts *facts);
/* Whether the broker surely knows the ID of a message that may have been published at this time. */
bool outbox_is_remembered(const struct coordinator *coordinator, nanos published, nanos now);

/* Publishes the first of job->left. If nothing is left, the job ends, or decides if it was republishing. */
void job_publish_next(struct coordinator *coordinator, struct job *job, nanos now);
/* The request to publish was answered. */
void job_published(struct coordinator *coordinator, struct job *job, nanos now);
/* Searches the stream for a RestartPostprocessing of the upload that came after the event that began it. */
void job_ask_restart(struct coordinator *coordinator, struct job *job);
/* PUBLISH_… that have to be published before the job is decided. */
unsigned job_to_republish(const struct job *job);
/* PUBLISH_… that the writer of a record, another process, may have died before publishing. */
unsigned record_unpublished(const struct coordinator *coordinator, const struct record *record, nanos now);

#endif
