/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/server/server_private.h"

/* A slow broker gets more time when the stream is prepared. */
#define LOOK_TIMEOUT_MS 2000

static const char *things(const struct server_broker *broker)
{
	return broker->stream && broker->bucket ? "the stream and the bucket"
	       : broker->stream                 ? "the stream"
	                                        : "the bucket";
}

/* Remembers the highest number of replicas: if a broker keeps replicas, missing data is more likely to come back.
 * `fresh`: the previous number is obsolete. */
static void note_replicas(struct server *server, unsigned replicas, bool fresh)
{
	char why[256];
	unsigned most = atomic_load(&server->replicas);
	if (replicas == most || (replicas < most && !fresh))
		return;
	atomic_store(&server->replicas, replicas);
	if (!loss_replicas_write(server->config->state_dir, replicas, why, sizeof why))
		log_warning(server->log, "state folder %s: cannot save " LOSS_REPLICAS ": %s", server->config->state_dir, why);
}

/* known: the creation time when it was last seen; 0: never seen. */
static enum presence look(struct server *server, jsCtx *js, const char *stream, int64_t known, bool fresh)
{
	jsStreamInfo *info = NULL;
	jsErrCode code = 0;
	jsOptions options;
	jsOptions_Init(&options);
	options.Wait = LOOK_TIMEOUT_MS;
	natsStatus status = js_GetStreamInfo(&info, js, stream, &options, &code);
	if (status != NATS_OK)
		return status == NATS_NOT_FOUND && code == BUS_STREAM_NOT_FOUND ? PRESENCE_MISSING : PRESENCE_UNKNOWN;
	enum presence presence = known == 0 || known == info->Created ? PRESENCE_SAME : PRESENCE_OTHER;
	note_replicas(server, (unsigned)info->Config->Replicas, fresh);
	jsStreamInfo_Destroy(info);
	return presence;
}

/* If a broker holds only one of them, its state counts for both. False: neither was ever seen. */
static bool look_at_both(const struct server_broker *broker, jsCtx *js, enum presence *stream, enum presence *bucket)
{
	char name[160];
	struct server *server = broker->server;
	int64_t known_stream = shared_checkpoint_get(&server->intake.applied).stream;
	int64_t known_bucket = atomic_load(&server->bucket.created);
	bool known = (broker->stream && known_stream != 0) || (broker->bucket && known_bucket != 0);
	snprintf(name, sizeof name, "KV_%s", server->store.bucket);
	*stream = broker->stream ? look(server, js, INTAKE_STREAM, known_stream, !known) : PRESENCE_UNKNOWN;
	if (broker->bucket && (!broker->stream || *stream != PRESENCE_UNKNOWN))
		*bucket = look(server, js, name, known_bucket, !known && !broker->stream);
	else
		*bucket = *stream;
	*stream = broker->stream ? *stream : *bucket;
	return known;
}

static bool is_to_wait(const struct server *server)
{
	unsigned choice = server->config->on_broker_loss;
	return choice == BROKER_LOSS_WAIT || (choice == BROKER_LOSS_AUTO && atomic_load(&server->replicas) > 1);
}

static void report_loss(const struct server_broker *broker, bool wait)
{
	struct server *server = broker->server;
	const struct config *config = server->config;
	const char *folder = config->state_dir, *bucket = server->store.bucket;
	char text[DURATION_TEXT_SIZE], files[512] = "";
	if (server->broker != NULL)
		snprintf(files, sizeof files, " (the embedded broker's files are in %.400s/broker)", folder);
	metrics_count(&server->counted, broker_losses);
	if (!wait) {
		log_error(server->log,
		          "the broker no longer has %s of the service (" INTAKE_STREAM ", %s): unfinished uploads are lost "
		          "unless the broker's data comes back%s. If it does not, the service starts over in %s with an empty "
		          "broker; to make it wait, set [events] on_broker_loss = wait",
		          things(broker), bucket, files, duration_format(loss_grace, text));
		return;
	}
	log_error(server->log,
	          "the broker no longer has %s of the service (" INTAKE_STREAM ", %s): unfinished uploads are lost unless "
	          "the broker's data comes back%s. Processing pauses until then, because %s. If the data is lost for good, "
	          "or you want to use another broker, set [events] on_broker_loss = continue",
	          things(broker), bucket, files,
	          config->on_broker_loss == BROKER_LOSS_WAIT ? "on_broker_loss = wait"
	                                                     : "the broker kept several replicas");
}

/* Sets what /readyz reports while they are missing. */
static void set_facts(const struct server_broker *broker, bool wait)
{
	const struct server_facts *facts = &broker->server->facts;
	char reason[FACT_REASON_SIZE], text[DURATION_TEXT_SIZE];
	nanos left = (loss_left(&broker->loss, clock_monotonic()) + SECOND - 1) / SECOND * SECOND;
	if (wait)
		snprintf(reason, sizeof reason, "the broker has lost %s; the service waits until the data is back",
		         things(broker));
	else
		snprintf(reason, sizeof reason,
		         "the broker has lost %s; unless the data comes back, the service starts over "
		         "in %s",
		         things(broker), duration_format(left, text));
	if (broker->stream) {
		fact_set(facts->stream, false, reason);
		fact_set(facts->consumer, false, "waiting for the stream");
	}
	if (broker->bucket)
		fact_set(facts->bucket, false, reason);
}

static void begin_again(const struct server_broker *broker)
{
	struct server *server = broker->server;
	char text[DURATION_TEXT_SIZE];
	log_error(server->log,
	          "%s did not come back within %s: the service starts over with an empty broker and accepts new uploads. "
	          "Unfinished uploads that this instance does not remember are lost; have storage restart the uploads that "
	          "it still waits for",
	          things(broker), duration_format(loss_grace, text));
	if (broker->stream)
		intake_forget(&server->intake);
	if (broker->bucket)
		bucket_watch_forget(&server->bucket);
}

/* True: not a total loss: existing objects are used, and a single missing one is created or reported on its own. */
static bool judge(struct server_broker *broker, jsCtx *js, char *why, size_t size)
{
	enum presence stream, bucket;
	enum loss_verdict verdict = LOSS_NONE;
	if (look_at_both(broker, js, &stream, &bucket))
		verdict = loss_judge(&broker->loss, stream, bucket, fact_since(broker->connected), clock_monotonic());
	if (verdict == LOSS_NONE) {
		broker->loss_said = false;
		return true;
	}
	bool wait = is_to_wait(broker->server);
	if (!broker->loss_said)
		report_loss(broker, wait);
	broker->loss_said = true;
	if (verdict == LOSS_CERTAIN && !wait) {
		begin_again(broker);
		broker->loss = (struct loss){0};
		return true;
	}
	set_facts(broker, wait);
	snprintf(why, size, "cannot find %s used before", things(broker));
	return false;
}

bool server_prepare(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size)
{
	struct server_broker *broker = closure;
	struct server *server = broker->server;
	if (!judge(broker, js, why, size))
		return false;
	/* Both are prepared even if one fails, so that all errors are reported at once. */
	bool records = !broker->bucket || bucket_watch_prepare(&server->bucket, connection, js, why, size);
	return (!broker->stream || intake_prepare(&server->intake, connection, js, why, size)) && records;
}

void server_take_bucket(struct server *server)
{
	if (!bucket_watch_was_made(&server->bucket))
		return;
	server->save_next = 0;
	/* If another service created the stream, remembered uploads may have been restarted there. */
	if (atomic_load(&server->intake.foreign))
		coordinator_doubt(server->coordinator, clock_now());
	else
		coordinator_rewrite(server->coordinator, clock_now());
	rescan_again(&server->rescan);
}
