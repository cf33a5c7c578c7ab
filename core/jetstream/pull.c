/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/pull.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/jetstream/intake.h"

#define PULL_LIFE (30 * SECOND)
#define HEARTBEAT (5 * SECOND)
#define SILENCE_LIMIT (2 * HEARTBEAT + 2 * SECOND)
#define BATCH_LIMIT 1000u
/* A stream that is recreated while nats-server (2.9.10) is still deleting its files accepts no message until the
 * server is restarted; so give it time. */
#define LOST_PAUSE SECOND

void pull_take_limits(struct pull *pull, const jsConsumerConfig *config)
{
	int64_t batch = config->MaxRequestBatch, life = config->MaxRequestExpires;
	atomic_store(&pull->batch_limit, batch > 0 && batch < BATCH_LIMIT ? (uint32_t)batch : BATCH_LIMIT);
	atomic_store(&pull->life_limit, life > 0 && life < PULL_LIFE ? life : PULL_LIFE);
}

void pull_reset(struct pull *pull, bool checked)
{
	pull->outstanding = 0;
	pull->counted = 0;
	pull->expires = 0;
	pull->pause_until = 0;
	pull->lost = false;
	pull->suspect = pull->suspect && !checked;
}

/* From here to its check, the consumer is not used. Otherwise a consumer that another program has created would look as
 * if somebody had handled the gap before it. */
static void suspect(struct pull *pull)
{
	pull->lost = true;
	pull->suspect = true;
}

/* Whether the consumer seems to have a problem. If so, it is checked, and there is no pull now. */
static bool is_to_look_after(struct pull *pull, struct bus *bus, nanos now)
{
	if (pull->lost) {
		pull->lost = false;
		bus_prepare_again(bus);
		return true;
	}
	if (pull->outstanding > 0 && (now > pull->expires || now - pull->heard > SILENCE_LIMIT)) {
		/* Neither a message nor a heartbeat: the pull is lost, and possibly the consumer too. */
		pull_reset(pull, false);
		pull->suspect = true;
		bus_prepare_again(bus);
	}
	return pull->suspect;
}

void pull_more(struct pull *pull, struct bus *bus, unsigned window)
{
	nanos now = clock_monotonic();
	if (!bus_is_up(bus) || now < pull->pause_until || is_to_look_after(pull, bus, now))
		return;
	unsigned taken = pull->held + pull->outstanding;
	if (taken >= window || taken > window - window / 4 || (pull->outstanding > 0 && pull->outstanding > window / 2))
		return;
	unsigned most = atomic_load(&pull->batch_limit);
	unsigned batch = window - taken < most ? window - taken : most;
	int64_t life = atomic_load(&pull->life_limit), heartbeat = life / 2 < HEARTBEAT ? life / 2 : HEARTBEAT;
	char subject[CONSUMER_NAME_SIZE + 64], inbox[BUS_SUBJECT_SIZE], payload[128];
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT." INTAKE_STREAM ".%s", pull->consumer);
	bus_pull_subject(bus, pull->mark, inbox);
	int length =
		snprintf(payload, sizeof payload, "{\"batch\":%u,\"expires\":%" PRId64 ",\"idle_heartbeat\":%" PRId64 "}",
	             batch, life, heartbeat);
	if (!bus_send(bus, subject, inbox, payload, (size_t)length))
		return;
	if (pull->outstanding == 0)
		pull->heard = now;
	pull->outstanding += batch;
	pull->expires = now + life + SILENCE_LIMIT;
}

bool pull_take(struct pull *pull, const struct delivery *delivery)
{
	pull->heard = clock_monotonic();
	if (pull->outstanding > 0)
		pull->outstanding--;
	pull->held++;
	if (pull->suspect)
		return false;
	if (delivery->consumer_sequence > pull->counted)
		pull->counted = delivery->consumer_sequence;
	else if (delivery->consumer_sequence != 0) /* otherwise it could not be read */
		suspect(pull);
	return !pull->suspect;
}

/* A pull has ended: by its expiry (408), because the consumer is gone or busy (409), or, of which without TLS only the
 * bus learns, because nobody listens (503). */
static void pull_ended(struct pull *pull, natsMsg *message, const char *status)
{
	const char *pending = NULL;
	unsigned left = pull->outstanding;
	if (natsMsgHeader_Get(message, "Nats-Pending-Messages", &pending) == NATS_OK && pending != NULL)
		left = (unsigned)strtoul(pending, NULL, 10);
	pull->outstanding -= left < pull->outstanding ? left : pull->outstanding;
	if (strcmp(status, "408") == 0 || strcmp(status, "404") == 0)
		return;
	pull->pause_until = clock_monotonic() + LOST_PAUSE;
	suspect(pull);
}

void pull_take_status(struct pull *pull, natsMsg *message)
{
	const char *status = NULL;
	pull->heard = clock_monotonic();
	if (natsMsgHeader_Get(message, "Status", &status) == NATS_OK && status != NULL && strcmp(status, "100") != 0)
		pull_ended(pull, message, status);
}
