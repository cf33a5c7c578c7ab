/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/broker.h"

#include <stdlib.h>
#include <string.h>

static void *grown(void *array, size_t count, size_t size)
{
	/* Powers of two, so that most calls need no allocation. */
	if (count != 0 && (count & (count - 1)) != 0)
		return array;
	void *larger = realloc(array, (count == 0 ? 1 : count * 2) * size);
	if (larger == NULL)
		abort();
	return larger;
}

char *sim_copy(const char *data, size_t length)
{
	char *bytes = malloc(length + 1);
	if (bytes == NULL)
		abort();
	memcpy(bytes, data, length);
	bytes[length] = '\0';
	return bytes;
}

void sim_broker_free(struct sim_broker *broker)
{
	for (size_t i = 0; i < broker->count; i++) {
		free(broker->message[i].data);
		free(broker->message[i].id);
	}
	while (broker->entries > 0)
		sim_forget(broker, &broker->entry[broker->entries - 1]);
	for (size_t i = 0; i < broker->writes; i++)
		free(broker->written[i].id);
	free(broker->message);
	free(broker->entry);
	free(broker->written);
	*broker = (struct sim_broker){0};
}

uint64_t sim_publish(struct sim_broker *broker, const char *data, size_t length, const char *id, nanos now,
                     bool *duplicate)
{
	*duplicate = false;
	for (size_t i = broker->count; id != NULL && i-- > 0 && now - broker->message[i].stored < SIM_WINDOW;) {
		if (broker->message[i].id != NULL && strcmp(broker->message[i].id, id) == 0) {
			*duplicate = true;
			return i + 1;
		}
	}
	broker->message = grown(broker->message, broker->count, sizeof *broker->message);
	broker->message[broker->count] = (struct sim_message){.data = sim_copy(data, length),
	                                                      .length = length,
	                                                      .id = id != NULL ? sim_copy(id, strlen(id)) : NULL,
	                                                      .stored = now,
	                                                      .life = broker->life};
	return ++broker->count;
}

bool sim_has(const struct sim_broker *broker, const char *id)
{
	for (size_t i = 0; i < broker->count; i++)
		if (broker->message[i].id != NULL && strcmp(broker->message[i].id, id) == 0)
			return true;
	return false;
}

uint64_t sim_deliver(struct sim_broker *broker, bool of_gap, nanos now)
{
	for (size_t i = 0; i < broker->count; i++) {
		struct sim_message *message = &broker->message[i];
		if (message->acknowledged || gap_has(&broker->gap, i + 1) != of_gap ||
		    (message->redeliver != 0 && message->redeliver > now))
			continue;
		message->delivered++;
		message->redeliver = now + SIM_ACK_WAIT;
		return i + 1;
	}
	return 0;
}

/* Everything up to it is acknowledged, of the gap or outside it. */
static uint64_t find_floor(const struct sim_broker *broker, bool of_gap)
{
	uint64_t floor = 0;
	while (floor < broker->count && (broker->message[floor].acknowledged || gap_has(&broker->gap, floor + 1) != of_gap))
		floor++;
	return floor;
}

void sim_acknowledge(struct sim_broker *broker, uint64_t sequence, uint64_t life)
{
	struct sim_message *message = &broker->message[sequence - 1];
	if (message->life != life)
		return;
	message->acknowledged = true;
	if (gap_has(&broker->gap, sequence))
		gap_skip(&broker->gap, find_floor(broker, true));
}

void sim_nak(struct sim_broker *broker, uint64_t sequence, uint64_t life, nanos now)
{
	if (broker->message[sequence - 1].life == life)
		broker->message[sequence - 1].redeliver = now;
}

/* Everything in the gap from there on is delivered again, as if for the first time. */
static void begin_again(struct sim_broker *broker, uint64_t first)
{
	uint64_t life = ++broker->lives;
	for (uint64_t i = first; i <= broker->count; i++) {
		struct sim_message *message = &broker->message[i - 1];
		if (!gap_has(&broker->gap, i))
			continue;
		message->acknowledged = false;
		message->delivered = 0;
		message->redeliver = 0;
		message->life = life;
	}
}

void sim_lose_consumer(struct sim_broker *broker)
{
	uint64_t first = find_floor(broker, false) + 1, end = gap_end(&broker->gap);
	if (first <= end)
		first = end + 1;
	gap_add(&broker->gap, first);
	broker->life = ++broker->lives;
	gap_close(&broker->gap, broker->count, (int64_t)broker->life);
	begin_again(broker, first);
}

void sim_lose_reader(struct sim_broker *broker)
{
	begin_again(broker, broker->gap.count > 0 ? broker->gap.range[0].first : broker->count + 1);
}

bool sim_gap_is_behind(const struct sim_broker *broker)
{
	for (uint64_t i = 1; i <= gap_end(&broker->gap); i++)
		if (broker->message[i - 1].delivered == 0 && gap_has(&broker->gap, i))
			return true;
	return false;
}

size_t sim_unacknowledged(const struct sim_broker *broker)
{
	size_t count = 0;
	for (size_t i = 0; i < broker->count; i++)
		count += !broker->message[i].acknowledged;
	return count;
}

struct sim_entry *sim_find(struct sim_broker *broker, const char *key)
{
	for (size_t i = 0; i < broker->entries; i++)
		if (strcmp(broker->entry[i].key, key) == 0)
			return &broker->entry[i];
	return NULL;
}

/* Moves the entry's content behind it. */
static void keep(struct sim_entry *entry)
{
	struct sim_entry *before = malloc(sizeof *before);
	if (before == NULL)
		abort();
	*before = *entry;
	before->key = NULL;
	entry->before = before;
}

bool sim_write(struct sim_broker *broker, const char *key, uint64_t expected, const char *id, const char *value,
               size_t length, const struct tombstone *tombstone, nanos now, uint64_t *revision)
{
	for (size_t i = broker->writes; i-- > 0 && now - broker->written[i].at < SIM_WINDOW;) {
		if (strcmp(broker->written[i].id, id) == 0) {
			*revision = broker->written[i].revision;
			return true;
		}
	}
	struct sim_entry *entry = sim_find(broker, key);
	if ((entry != NULL ? entry->revision : 0) != expected)
		return false;
	if (entry == NULL) {
		broker->entry = grown(broker->entry, broker->entries, sizeof *broker->entry);
		entry = &broker->entry[broker->entries++];
		*entry = (struct sim_entry){.key = sim_copy(key, strlen(key))};
	} else {
		keep(entry);
	}
	entry->value = value != NULL ? sim_copy(value, length) : NULL;
	entry->length = length;
	entry->tombstone = *tombstone;
	entry->written = now;
	entry->revision = *revision = ++broker->revision;
	broker->written = grown(broker->written, broker->writes, sizeof *broker->written);
	broker->written[broker->writes++] = (struct sim_written){sim_copy(id, strlen(id)), entry->revision, now};
	return true;
}

/* The ID of the write is forgotten too. */
static void forget_id(struct sim_broker *broker, uint64_t revision)
{
	for (size_t i = 0; i < broker->writes; i++)
		if (broker->written[i].revision == revision)
			broker->written[i].id[0] = '\0';
}

void sim_forget(struct sim_broker *broker, struct sim_entry *entry)
{
	struct sim_entry *before = entry->before;
	char *key = entry->key;
	forget_id(broker, entry->revision);
	free(entry->value);
	if (before == NULL) {
		free(key);
		*entry = broker->entry[--broker->entries];
		return;
	}
	*entry = *before;
	entry->key = key;
	free(before);
}
