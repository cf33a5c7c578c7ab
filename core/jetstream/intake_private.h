/* SPDX-License-Identifier: Apache-2.0
 * What the files of the intake share.
 *
 *   intake.c           the stream, and what comes in
 *   intake_consumer.c  makes sure of our consumer, and of the gap before it
 *   intake_gap.c       the gap's reader
 *   intake_stand.c     how a consumer stands, and what that means
 *
 * The subjects of the JetStream API that they use, of which a user of the broker needs the permission to publish:
 *   $JS.API.STREAM.INFO.main-queue, $JS.API.STREAM.CREATE.main-queue, $JS.API.STREAM.MSG.GET.main-queue
 *   $JS.API.CONSUMER.INFO.main-queue.C, $JS.API.CONSUMER.DURABLE.CREATE.main-queue.C,
 *   $JS.API.CONSUMER.DELETE.main-queue.C, $JS.API.CONSUMER.MSG.NEXT.main-queue.C, $JS.ACK.main-queue.C.>
 * where C is the consumer (postprocessing-pull) and the gap's reader (postprocessing-pull-gap), and for
 * CONSUMER.INFO also `postprocessing`. */
#ifndef CORE_JETSTREAM_INTAKE_PRIVATE_H
#define CORE_JETSTREAM_INTAKE_PRIVATE_H

#include <nats/nats.h>

#include "core/jetstream/intake.h"

/* JetStream's err_code. */
#define CONSUMER_NOT_MADE 10012
#define CONSUMER_NOT_FOUND 10014
#define CONSUMER_EXISTS 10148

/* How a consumer stands, as the broker tells. */
struct stand {
	int64_t made;              /* when it was, which tells it apart from others of its name */
	bool ours;                 /* this program has made it, which saw to the gap before it */
	bool formerly_ours;        /* an earlier version of it has */
	bool begins_new;           /* it began with what was new then … */
	uint64_t start;            /* … or with this message; 0: elsewhere */
	uint64_t delivered;        /* it has delivered all up to this message, or began behind it … */
	uint64_t deliveries;       /* … and so often it has delivered one */
	uint64_t floor;            /* all up to this one are acknowledged … */
	uint64_t acknowledged;     /* … which were so many deliveries; 0: none is */
	uint64_t pending;          /* to be delivered yet */
	uint64_t unacknowledged;
};

/* intake_stand.c */
void stand_read(struct stand *stand, const jsConsumerInfo *info);
/* From an answer of $JS.API.CONSUMER.INFO; ends the reply. description[size]: the consumer's, "" if it has none. False: it is none. */
bool stand_read_answer(struct stand *stand, struct request *request, char *description, size_t size);
/* It is where it was made: nothing is left in it of one that the broker has lost. last: the stream's, before it was made. */
bool stand_is_fresh(const struct stand *stand, uint64_t last);
/* It has nothing to deliver, and nothing is out. */
bool stand_is_at_rest(const struct stand *stand);
/* Was it looked at so lately that what others have done meanwhile and comes again is known for old by the bucket? */
bool checkpoint_is_recent(const struct checkpoint *known);
/* Has the consumer lost how far it had got, by what is known of it? */
bool stand_has_forgotten(const struct stand *stand, const struct checkpoint *known);
/* What is known of it now. gap_end: see struct position. */
struct checkpoint stand_to_checkpoint(const struct stand *stand, const struct checkpoint *known, uint64_t gap_end);
/* Is the reader done with the gap? whole: no message between the stream's first and last is gone. */
bool stand_is_behind_gap(const struct stand *stand, const struct gap *gap, bool whole);

/* intake_consumer.c */
/* The description of the consumers that we make. */
#define CONSUMER_OURS "postprocessing"
bool intake_prepare_consumer(struct intake *intake, jsCtx *js, char *why, size_t size);
/* Makes a durable of ours, or updates it; not on disk where the broker cannot have it there. `stand`: as it is then. */
natsStatus consumer_make(struct intake *intake, jsCtx *js, jsConsumerConfig *config, struct stand *stand, jsErrCode *code);

/* intake_gap.c: on the bus' thread … */
void reader_name(const struct intake *intake, char name[CONSUMER_NAME_SIZE]);
/* What its description says, and how it stands. NATS_NOT_FOUND: there is none, and `gap` is empty. */
natsStatus reader_find(struct intake *intake, jsCtx *js, struct gap *gap, struct stand *stand, jsErrCode *code);
/* Makes it for the gap. *there: somebody else was faster. */
natsStatus reader_make(struct intake *intake, jsCtx *js, const struct gap *gap, bool *there, jsErrCode *code);
/* Notes what the gap has become. */
natsStatus reader_note(struct intake *intake, jsCtx *js, const struct gap *gap, jsErrCode *code);
natsStatus reader_remove(struct intake *intake, jsCtx *js, jsErrCode *code);
/* … and the receiver's: */
void reading_reset(struct intake *intake, bool up);
void reading_pull(struct intake *intake, struct bus *bus, unsigned window);
void reading_ask(struct intake *intake, struct bus *bus);
bool reading_answered(struct intake *intake, struct bus *bus, struct request *request);

#endif
