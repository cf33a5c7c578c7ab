/* SPDX-License-Identifier: Apache-2.0 */
#include "core/broker/broker_health.h"

static nanos limit_of(const struct broker_health *health)
{
	return health->limit != 0 ? health->limit : broker_silence_limit;
}

void broker_health_begin(struct broker_health *health, nanos now)
{
	health->began = now;
	health->silent = 0;
}

void broker_health_asked(struct broker_health *health, bool answered, nanos now)
{
	if (answered)
		health->silent = 0;
	else if (health->silent == 0)
		health->silent = now;
	/* The last restart has helped. */
	if (answered && now - health->began >= BROKER_SILENCE_LIMIT_LAST)
		health->limit = 0;
}

bool broker_health_is_sick(const struct broker_health *health, const struct unanswered *writes, nanos now)
{
	nanos limit = limit_of(health);
	if (health->began == 0)
		return false;
	bool silent = health->silent != 0 && now - health->silent >= limit;
	/* A single lost answer long ago proves nothing: others must have followed. */
	bool takes_none = writes->since > health->began && writes->last - writes->since >= limit;
	return silent || takes_none;
}

void broker_health_restarted(struct broker_health *health)
{
	nanos next = 2 * limit_of(health);
	health->limit = next < BROKER_SILENCE_LIMIT_LAST ? next : BROKER_SILENCE_LIMIT_LAST;
	health->began = 0;
	health->silent = 0;
}
