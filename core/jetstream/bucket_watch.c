/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/bucket_watch.h"

#include <stdio.h>

#include "core/base/json_reader.h"

#define WATCH_INTERVAL (2 * SECOND)
#define STREAM_SIZE 160

void bucket_watch_init(struct bucket_watch *bucket, struct store *store, const char *state_dir)
{
	*bucket = (struct bucket_watch){
		.store = store,
		.watch = {.log = store->log,
	              .kind = "bucket",
	              .name = store->bucket,
	              .state_dir = state_dir,
	              .contents = "the records of all unfinished uploads",
	              .creator = "",
	              .unit = "revision",
	              .written = "records written",
	              .checkpoint = CHECKPOINT_BUCKET},
	};
	checkpoint_read(state_dir, CHECKPOINT_BUCKET, store->bucket, &bucket->position);
	bucket->created = bucket->position.stream;
}

void bucket_watch_forget(struct bucket_watch *bucket)
{
	atomic_store(&bucket->created, 0);
}

bool bucket_watch_was_made(struct bucket_watch *bucket)
{
	int64_t made = atomic_exchange(&bucket->made, 0);
	if (made == 0)
		return false;
	bucket->position = (struct checkpoint){.stream = made};
	atomic_store(&bucket->created, made);
	return true;
}

static void warn_of_age(const struct store *store, nanos age, const char *of)
{
	char text[DURATION_TEXT_SIZE];
	log_warning(store->log,
	            "bucket %s: it deletes each record %s after it was written, but an upload may wait longer for %s: "
	            "such an upload starts over or is lost. To keep the records, run: nats stream edit KV_%s --max-age=0",
	            store->bucket, duration_format(age, text), of, store->bucket);
}

/* Buckets of oCIS and OpenCloud keep records for a week, which is sufficient if no upload waits that long. */
static void tell_age(struct bucket_watch *bucket, nanos age)
{
	const struct store *store = bucket->store;
	char text[DURATION_TEXT_SIZE];
	if (age > bucket->longest_wait)
		log_info(store->log,
		         "bucket %s: it deletes each record %s after it was written; with the configured steps, no "
		         "upload waits that long, unless a step holds it",
		         store->bucket, duration_format(age, text));
	else
		warn_of_age(store, age, bucket->longest_of != NULL ? bucket->longest_of : "a step");
}

void bucket_watch_compare(const struct bucket_watch *bucket, nanos longest_wait, const char *of)
{
	nanos age = atomic_load(&bucket->age);
	if (age > 0 && age <= longest_wait)
		warn_of_age(bucket->store, age, of);
}

/* Another service may have created the bucket. Each problem is logged once. */
static void check_limits(struct bucket_watch *bucket, const jsStreamConfig *config)
{
	if (atomic_exchange(&bucket->age, config->MaxAge) != config->MaxAge && config->MaxAge > 0)
		tell_age(bucket, config->MaxAge);
	bool memory = config->Storage == js_MemoryStorage;
	if (memory && !bucket->told_memory)
		log_error(bucket->store->log,
		          "bucket %s: stored only in the broker's memory: waiting uploads are lost when "
		          "the broker stops",
		          bucket->store->bucket);
	bucket->told_memory = memory;
}

static bool prepare(struct bucket_watch *bucket, jsCtx *js, char *why, size_t size)
{
	bool made = false;
	if (atomic_load(&bucket->created) == 0 && !store_create(bucket->store, js, &made, why, size))
		return false;
	char stream[STREAM_SIZE];
	jsStreamInfo *info = NULL;
	snprintf(stream, sizeof stream, "KV_%s", bucket->store->bucket);
	natsStatus status = stream_watch_find(&bucket->watch, js, stream, true, &info, why, size);
	if (status == NATS_OK)
		check_limits(bucket, info->Config);
	if (status == NATS_OK && made)
		atomic_store(&bucket->made, info->Created);
	jsStreamInfo_Destroy(info);
	return status == NATS_OK;
}

bool bucket_watch_prepare(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size)
{
	(void)connection;
	struct bucket_watch *bucket = closure;
	bool good = prepare(bucket, js, why, size);
	fact_set(bucket->fact, good, good ? "" : why);
	return good;
}

void bucket_watch_saw(struct bucket_watch *bucket, uint64_t sequence)
{
	if (sequence > bucket->position.sequence)
		bucket->position.sequence = sequence;
}

void bucket_watch_ask(struct bucket_watch *bucket, struct bus *bus)
{
	char subject[STREAM_SIZE];
	if (bucket->asking)
		return;
	bucket->asking = true;
	bucket->asked = clock_monotonic();
	/* Writes that are acknowledged before the answer arrives may be missing in it. */
	bucket->at_least = bucket->position.sequence;
	snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.KV_%s", bucket->store->bucket);
	bus_call(bus, &bucket->question, subject, "", 0);
}

void bucket_watch_tick(struct bucket_watch *bucket, struct bus *bus)
{
	if (bus_is_up(bus) && clock_monotonic() - bucket->asked >= WATCH_INTERVAL)
		bucket_watch_ask(bucket, bus);
}

/* False: the answer cannot be read. */
static bool read_answer(struct request *question, struct checkpoint *found, int64_t *replicas)
{
	char room[4 * TIME_TEXT_SIZE];
	struct json_reader reader = {.room = room, .left = sizeof room};
	struct json_value created, state, last, config, copies;
	const struct json_member members[] = {{"config", &config}, {"created", &created}, {"state", &state}};
	const struct json_member of_state[] = {{"last_seq", &last}}, of_config[] = {{"num_replicas", &copies}};
	bool good = json_read(natsMsg_GetData(question->reply), (size_t)natsMsg_GetDataLength(question->reply), members,
	                      JSON_COUNT(members), NULL, 0);
	json_reader_members(&reader, &state, of_state, JSON_COUNT(of_state));
	json_reader_members(&reader, &config, of_config, JSON_COUNT(of_config));
	found->sequence = (uint64_t)json_reader_integer(&reader, &last);
	*replicas = json_reader_integer(&reader, &copies);
	good = good && time_parse(json_reader_string(&reader, &created), &found->stream) && reader.wrong == NULL;
	natsMsg_Destroy(question->reply);
	question->reply = NULL;
	return good;
}

enum continuity bucket_watch_answered(struct bucket_watch *bucket, struct bus *bus)
{
	int64_t replicas;
	enum continuity continuity;
	struct checkpoint found, before = {.stream = bucket->position.stream, .sequence = bucket->at_least};
	bucket->asking = false;
	if (bucket->question.status == REQUEST_REFUSED && bucket->question.error == BUS_STREAM_NOT_FOUND)
		bus_prepare_again(bus);
	if (bucket->question.status != REQUEST_DONE || !read_answer(&bucket->question, &found, &replicas) ||
	    !stream_watch_compare(&bucket->watch, &before, &found, replicas, &continuity))
		return CONTINUITY_GOOD;
	if (continuity == CONTINUITY_GOOD)
		bucket_watch_saw(bucket, found.sequence);
	else
		bucket->position = found;
	atomic_store(&bucket->created, bucket->position.stream);
	return continuity;
}
