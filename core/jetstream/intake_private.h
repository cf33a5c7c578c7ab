/* SPDX-License-Identifier: Apache-2.0
 * Declarations shared by the files of the intake.
 *
 *   intake.c           the stream, and incoming messages
 *   intake_consumer.c  creates and checks our consumer, and the gap before it
 *   intake_gap.c       the gap reader
 *   intake_stand.c     the state of a consumer and its interpretation
 *
 * The subjects of the JetStream API that they use. The broker's user needs the permission to publish to them:
 *   $JS.API.STREAM.INFO.main-queue, $JS.API.STREAM.CREATE.main-queue, $JS.API.STREAM.MSG.GET.main-queue
 *   $JS.API.CONSUMER.INFO.main-queue.C, $JS.API.CONSUMER.DURABLE.CREATE.main-queue.C,
 *   $JS.API.CONSUMER.DELETE.main-queue.C, $JS.API.CONSUMER.MSG.NEXT.main-queue.C, $JS.ACK.main-queue.C.>
 * where C is the consumer (postprocessing-pull) and the gap reader (postprocessing-pull-gap), and for
 * CONSUMER.INFO also `postprocessing`. */
#ifndef CORE_JETSTREAM_INTAKE_PRIVATE_H
#define CORE_JETSTREAM_INTAKE_PRIVATE_H

#include <nats/nats.h>

#include "core/jetstream/intake.h"

/* JetStream's err_code. */
#define CONSUMER_NOT_MADE 10012
#define CONSUMER_NOT_FOUND 10014
#define CONSUMER_EXISTS 10148

/* The state of a consumer, as reported by the broker. */
struct stand {
	int64_t made;          /* its creation time, which distinguishes it from others of the same name */
	bool ours;             /* created by this program, which has handled the gap before it */
	bool formerly_ours;    /* created by an earlier version of this program */
	bool begins_new;       /* it started with new messages (deliver_policy "new") */
	uint64_t start;        /* it started with this message; 0: elsewhere */
	uint64_t delivered;    /* it has delivered everything up to this message, or started after it */
	uint64_t deliveries;   /* the number of deliveries so far */
	uint64_t floor;        /* everything up to this message is acknowledged */
	uint64_t acknowledged; /* the number of deliveries needed for that; 0: none */
	uint64_t pending;      /* not delivered yet */
	uint64_t unacknowledged;
};

/* intake_stand.c */
void stand_read(struct stand *stand, const jsConsumerInfo *info);
/* Reads an answer of $JS.API.CONSUMER.INFO and frees the reply. description[size]: the consumer's, "" if it has none.
 * False: not such an answer. */
bool stand_read_answer(struct stand *stand, struct request *request, char *description, size_t size);
/* Whether the consumer is still where it was created, so that it contains no state of a lost consumer. last: the
 * stream's last message before the consumer was created. */
bool stand_is_fresh(const struct stand *stand, uint64_t last);
/* Whether the consumer has nothing to deliver and no unacknowledged messages. */
bool stand_is_at_rest(const struct stand *stand);
/* Whether the checkpoint is so recent that the bucket can still tell that a redelivered event was processed by another
 * instance. */
bool checkpoint_is_recent(const struct checkpoint *known);
/* Whether it is the consumer of the checkpoint. */
bool stand_is_known(const struct stand *stand, const struct checkpoint *known);
/* Whether the consumer has lost its position, or is another program's and may have skipped events, judging by the
 * checkpoint. */
bool stand_has_forgotten(const struct stand *stand, const struct checkpoint *known);
/* The checkpoint that follows from the consumer's state. gap_end: see struct checkpoint. */
struct checkpoint stand_to_checkpoint(const struct stand *stand, const struct checkpoint *known, uint64_t gap_end);
/* Whether the reader has processed the whole gap. whole: no message between the stream's first and last is missing. */
bool stand_is_behind_gap(const struct stand *stand, const struct gap *gap, bool whole);

/* intake_consumer.c */
/* The description of the consumers that we create. */
#define CONSUMER_OURS "postprocessing"
bool intake_prepare_consumer(struct intake *intake, jsCtx *js, char *why, size_t size);
/* Creates or updates a durable consumer of ours, with explicit acknowledgements, in memory if the broker cannot store
 * it on disk. Sets *stand to its state. */
natsStatus consumer_make(struct intake *intake, jsCtx *js, jsConsumerConfig *config, struct stand *stand,
                         jsErrCode *code);
/* Removes one. It may be missing already. */
natsStatus consumer_remove(jsCtx *js, const char *name, jsErrCode *code);

/* intake_gap.c, on the bus' thread: */
static inline const char *reader_name(const struct intake *intake)
{
	return intake->reading.pull.consumer;
}
/* Reads the reader's description and state. NATS_NOT_FOUND: there is no reader, and `gap` is empty. */
natsStatus reader_find(struct intake *intake, jsCtx *js, struct gap *gap, struct stand *stand, jsErrCode *code);
/* Creates the reader for the gap. *there: another instance was faster. */
natsStatus reader_make(struct intake *intake, jsCtx *js, const struct gap *gap, bool *there, jsErrCode *code);
/* Updates the gap in the reader's description. */
natsStatus reader_note(struct intake *intake, jsCtx *js, const struct gap *gap, jsErrCode *code);
/* intake_gap.c, on the receiver's thread: */
void reading_reset(struct intake *intake, bool up);
void reading_pull(struct intake *intake, struct bus *bus, unsigned window);
void reading_ask(struct intake *intake, struct bus *bus);
bool reading_answered(struct intake *intake, struct bus *bus, struct request *request);

#endif
