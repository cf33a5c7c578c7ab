/* SPDX-License-Identifier: Apache-2.0
 * The broker comes back without its data, because it was created again or is another one: the service reports it,
 * gives it time, and then starts over. Situations that only look like that, because a disk is not mounted yet or a
 * cluster is catching up, are not mistaken for it. Time limits that are a minute otherwise are seconds here. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/jetstream/checkpoint.h"
#include "core/server/loss.h"
#include "tests/harness/fixture_cluster.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define BUCKET "KV_postprocessing"
#define STREAM "main-queue"
/* That of hasty.c. */
#define GRACE (4 * SECOND)
#define LOSSES "postprocessing_broker_losses_total"
#define ROLLBACKS "postprocessing_broker_rollbacks_total"
#define LOST "error the broker no longer has the stream and the bucket"
#define BEGINS_AGAIN "the service starts over with an empty broker"

static const char *const waiting[] = {"one", "two", "three"};
#define WAITING (sizeof waiting / sizeof waiting[0])

/* Three uploads wait, and all events are acknowledged. */
static void begin(const char *ini)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = ini, .hasty = true}, false);
	for (size_t i = 0; i < WAITING; i++)
		storage_bytes_received(&scenario, waiting[i], "/none", 3);
	for (size_t i = 0; i < WAITING; i++)
		records_await(&scenario, waiting[i], "phase", "waiting");
	scenario_await_applied(&scenario);
}

/* The messages that were read belong to another stream. */
static void forget_recorded(void)
{
	recorder_free(&scenario.recorder);
	scenario.recorder.js = scenario.js;
}

static void make_anew(void)
{
	ck_assert(nats_fixture_kill(&scenario.nats));
	ck_assert(nats_fixture_lose(&scenario.nats));
	scenario_start_broker(&scenario);
	forget_recorded();
}

static bool is_there(const char *stream)
{
	jsStreamInfo *info = NULL;
	natsStatus status = js_GetStreamInfo(&info, scenario.js, stream, NULL, NULL);
	jsStreamInfo_Destroy(info);
	return status == NATS_OK;
}

struct remembered {
	const char *file, *of, *stream;
};

static bool is_remembered(void *closure)
{
	const struct remembered *remembered = closure;
	char folder[FOLDER_PATH_SIZE + 8];
	struct checkpoint position;
	jsStreamInfo *info = NULL;
	snprintf(folder, sizeof folder, "%s/state", scenario.folder);
	if (!checkpoint_read(folder, remembered->file, remembered->of, &position) ||
	    js_GetStreamInfo(&info, scenario.js, remembered->stream, NULL, NULL) != NATS_OK)
		return false;
	bool same = position.stream == info->Created;
	jsStreamInfo_Destroy(info);
	return same;
}

static void await_remembered(void)
{
	struct remembered events = {CHECKPOINT_EVENTS, "postprocessing-pull", STREAM},
					  bucket = {CHECKPOINT_BUCKET, "postprocessing", BUCKET};
	ck_assert(wait_until(is_remembered, &events, TEST_LIMIT));
	ck_assert(wait_until(is_remembered, &bucket, TEST_LIMIT));
}

static void check_waiting_end_once(void)
{
	for (size_t i = 0; i < WAITING; i++)
		storage_check_finished(&scenario, waiting[i], "continue");
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	for (size_t i = 0; i < WAITING; i++)
		ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", waiting[i]), 1);
}

static bool has_passed(void *closure)
{
	return clock_monotonic() >= *(nanos *)closure;
}

/* For this long, nothing is created. */
static void check_nothing_is_made(nanos duration)
{
	nanos until = clock_monotonic() + duration;
	while (!has_passed(&until)) {
		ck_assert(!is_there(STREAM) && !is_there(BUCKET));
		nanos next = clock_monotonic() + 100 * MILLISECOND;
		ck_assert(wait_until(has_passed, &next, TEST_LIMIT));
	}
}

/* It is an alarm, and then the service goes on. It finishes the uploads that it remembers. */
START_TEST(the_broker_is_made_anew)
{
	begin("[step:delay]\nduration = 12s\n");
	make_anew();
	scenario_await_log(&scenario, LOST);
	scenario_await_fault(&scenario, "stream", "unless the data comes back, the service starts over in ");
	scenario_await_fault(&scenario, "bucket", "unless the data comes back");
	ck_assert_int_eq(scenario_http(&scenario, "/readyz"), 503);
	ck_assert(scenario_has(&scenario, "broker", NULL, 0));
	ck_assert_uint_eq(scenario_metric(&scenario, LOSSES), 1);
	scenario_await_ready(&scenario);
	ck_assert_uint_eq(scenario_log_count(&scenario, BEGINS_AGAIN), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, LOST), 1);
	scenario_await_log(&scenario, "the records of 3 uploads are written again from memory");
	for (size_t i = 0; i < WAITING; i++)
		records_await(&scenario, waiting[i], "phase", "waiting");
	storage_expect(&scenario, "new", "/none", 3, "continue");
	check_waiting_end_once();
	ck_assert_uint_eq(scenario_metric(&scenario, LOSSES), 1);
	ck_assert_uint_eq(scenario_metric(&scenario, ROLLBACKS), 0);
	scenario_close(&scenario);
}
END_TEST

/* Every `docker compose down -v`: only the state folder is kept. */
START_TEST(an_old_state_folder_meets_a_new_broker)
{
	begin("[step:delay]\nduration = 1s\n");
	check_waiting_end_once();
	await_remembered();
	scenario_stop_service(&scenario);
	make_anew();
	scenario_start_service(&scenario);
	scenario_await_fault(&scenario, "stream", "unless the data comes back");
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "new", "/none", 3, "continue");
	/* From then on this broker is the one in use. */
	await_remembered();
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "newer", "/none", 3, "continue");
	ck_assert_uint_eq(scenario_log_count(&scenario, LOST), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, ": this is not the "), 0);
	scenario_close(&scenario);
}
END_TEST

/* Storage has created its stream before the service looks: what the service remembers is useless beside that. */
START_TEST(somebody_else_has_made_the_stream)
{
	jsStreamConfig stream;
	begin("[step:delay]\nduration = 15s\n");
	ck_assert_int_eq(kill(scenario.service.pid, SIGSTOP), 0);
	make_anew();
	jsStreamConfig_Init(&stream);
	stream.Name = STREAM;
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
	ck_assert_int_eq(kill(scenario.service.pid, SIGCONT), 0);
	scenario_await_log(&scenario, LOST);
	scenario_await_ready(&scenario);
	ck_assert_uint_eq(scenario_log_count(&scenario, "are remembered"), 0);
	/* Storage begins it again, and nothing that is remembered ends it a second time. */
	for (size_t i = 0; i < WAITING; i++)
		storage_bytes_received(&scenario, waiting[i], "/none", 3);
	for (size_t i = 0; i < WAITING; i++)
		records_await(&scenario, waiting[i], "phase", "waiting");
	check_waiting_end_once();
	scenario_close(&scenario);
}
END_TEST

static void check_waits(const char *because)
{
	char path[FOLDER_PATH_SIZE + 32];
	make_anew();
	scenario_await_log(&scenario, LOST);
	scenario_await_log(&scenario, because);
	scenario_await_fault(&scenario, "stream", "the service waits until the data is back");
	check_nothing_is_made(2 * GRACE);
	scenario_await_fault(&scenario, "bucket", "the service waits until the data is back");
	ck_assert_uint_eq(scenario_log_count(&scenario, BEGINS_AGAIN), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, LOST), 1);
	/* The data comes back. */
	ck_assert(nats_fixture_halt(&scenario.nats));
	snprintf(path, sizeof path, "%s/kept", scenario.nats.folder);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert(nats_fixture_put_back(&scenario.nats));
	scenario_start_broker(&scenario);
	scenario_await_ready(&scenario);
	check_waiting_end_once();
	scenario_close(&scenario);
}

static void keep(void)
{
	ck_assert(nats_fixture_halt(&scenario.nats));
	ck_assert(nats_fixture_keep(&scenario.nats));
	scenario_start_broker(&scenario);
	scenario_await_ready(&scenario);
}

START_TEST(it_waits_on_request)
{
	begin("[events]\non_broker_loss = wait\n[step:delay]\nduration = 20s\n");
	keep();
	check_waits("Processing pauses until then, because on_broker_loss = wait");
}
END_TEST

/* A broker that kept replicas has probably not lost all of them. */
START_TEST(it_waits_where_there_were_copies)
{
	char folder[FOLDER_PATH_SIZE + 8], why[256];
	begin("[step:delay]\nduration = 20s\n");
	await_remembered();
	scenario_stop_service(&scenario);
	snprintf(folder, sizeof folder, "%s/state", scenario.folder);
	ck_assert(loss_replicas_write(folder, 3, why, sizeof why));
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	keep();
	check_waits("the broker kept several replicas");
}
END_TEST

/* The broker was started before its disk was mounted. */
START_TEST(the_disk_comes_late)
{
	begin("[step:delay]\nduration = 15s\n");
	keep();
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(nats_fixture_kill(&scenario.nats));
		ck_assert(nats_fixture_lose(&scenario.nats));
		scenario_start_broker(&scenario);
		scenario_await_fault(&scenario, "stream", "unless the data comes back");
		/* Each connection has its own time. */
		check_nothing_is_made(GRACE * 3 / 4);
	}
	ck_assert(nats_fixture_halt(&scenario.nats));
	ck_assert(nats_fixture_put_back(&scenario.nats));
	scenario_start_broker(&scenario);
	scenario_await_ready(&scenario);
	check_waiting_end_once();
	ck_assert_uint_eq(scenario_log_count(&scenario, BEGINS_AGAIN), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, "bucket postprocessing: created"), 1);
	ck_assert_uint_eq(scenario_metric(&scenario, ROLLBACKS), 0);
	scenario_close(&scenario);
}
END_TEST

/* Each broker is judged by the data that it held. */
START_TEST(the_broker_of_the_store_is_made_anew)
{
	char ini[256];
	struct nats_fixture store;
	ck_assert(nats_fixture_start(&store, NULL));
	snprintf(ini, sizeof ini, "[store]\nnodes = 127.0.0.1:%u\n[step:delay]\nduration = 10s\n", store.port);
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = ini, .hasty = true}, false);
	for (size_t i = 0; i < WAITING; i++)
		storage_bytes_received(&scenario, waiting[i], "/none", 3);
	scenario_await_applied(&scenario);
	ck_assert(nats_fixture_kill(&store));
	ck_assert(nats_fixture_lose(&store));
	ck_assert(nats_fixture_restart(&store));
	scenario_await_fault(&scenario, "bucket", "unless the data comes back");
	ck_assert(scenario_has(&scenario, "stream", NULL, 0));
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "new", "/none", 3, "continue");
	check_waiting_end_once();
	ck_assert_uint_eq(scenario_metric(&scenario, LOSSES), 1);
	scenario_close(&scenario);
	nats_fixture_end(&store);
}
END_TEST

/* An administrator may delete it by hand: this is not a new broker. */
START_TEST(only_one_of_them_is_missing)
{
	begin("[step:delay]\nduration = 1h\n");
	ck_assert_int_eq(js_DeleteStream(scenario.js, BUCKET, NULL, NULL), NATS_OK);
	scenario_await_fault(&scenario, "bucket", "missing");
	nanos until = clock_monotonic() + 2 * GRACE;
	ck_assert(wait_until(has_passed, &until, TEST_LIMIT));
	ck_assert(!is_there(BUCKET));
	ck_assert_uint_eq(scenario_metric(&scenario, LOSSES), 0);
	scenario_close(&scenario);
}
END_TEST

static struct nats_cluster cluster;

static bool is_made(void *closure)
{
	int64_t copies = *(int64_t *)closure;
	jsStreamConfig stream;
	kvConfig config;
	kvStore *bucket = NULL;
	jsStreamConfig_Init(&stream);
	stream.Name = STREAM;
	stream.Replicas = copies;
	kvConfig_Init(&config);
	config.Bucket = "postprocessing";
	config.StorageType = js_FileStorage;
	config.Replicas = (int)copies;
	if (!is_there(STREAM) && js_AddStream(NULL, scenario.js, &stream, NULL, NULL) != NATS_OK)
		return false;
	if (!is_there(BUCKET))
		js_CreateKeyValue(&bucket, scenario.js, &config);
	kvStore_Destroy(bucket);
	return is_there(BUCKET);
}

/* A service at a cluster with this many replicas, and uploads that wait. endpoint: for the service's environment. */
static void begin_in_cluster(char endpoint[128], const char *const *env, int64_t copies)
{
	ck_assert(nats_cluster_start(&cluster, true));
	snprintf(endpoint, 128, "POSTPROCESSING_EVENTS_ENDPOINT=127.0.0.1:%u,127.0.0.1:%u,127.0.0.1:%u",
	         cluster.server[0].port, cluster.server[1].port, cluster.server[2].port);
	scenario_open(&scenario, &(struct scenario_options){
								 .steps = "delay",
								 .ini = "[events]\non_broker_loss = continue\n[step:delay]\nduration = 30s\n",
								 .hasty = true,
								 .no_broker = true,
								 .env = env});
	scenario_connect(&scenario, cluster.server[0].url, NULL, NULL);
	ck_assert_msg(wait_until(is_made, &copies, TEST_LIMIT), "the cluster does not create the stream");
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	for (size_t i = 0; i < WAITING; i++)
		storage_bytes_received(&scenario, waiting[i], "/none", 3);
	for (size_t i = 0; i < WAITING; i++)
		records_await(&scenario, waiting[i], "phase", "waiting");
}

static void end_in_cluster(void)
{
	scenario_await_ready(&scenario);
	for (size_t i = 0; i < WAITING; i++)
		storage_check_finished(&scenario, waiting[i], "continue");
	ck_assert_uint_eq(scenario_metric(&scenario, LOSSES), 0);
	ck_assert_uint_eq(scenario_metric(&scenario, ROLLBACKS), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, BEGINS_AGAIN), 0);
	scenario_close(&scenario);
	nats_cluster_end(&cluster);
}

/* The leader of the stream. */
static struct nats_fixture *leader_of(const char *stream)
{
	jsStreamInfo *info = NULL;
	struct nats_fixture *leader = NULL;
	ck_assert_int_eq(js_GetStreamInfo(&info, scenario.js, stream, NULL, NULL), NATS_OK);
	for (unsigned i = 0; info->Cluster != NULL && info->Cluster->Leader != NULL && i < CLUSTER_SERVERS; i++)
		if (strcmp(cluster.name[i], info->Cluster->Leader) == 0)
			leader = &cluster.server[i];
	jsStreamInfo_Destroy(info);
	ck_assert_ptr_nonnull(leader);
	return leader;
}

START_TEST(a_clusters_leader_dies)
{
	static char endpoint[128];
	const char *const env[] = {endpoint, NULL};
	char folder[FOLDER_PATH_SIZE + 8];
	begin_in_cluster(endpoint, env, 3);
	snprintf(folder, sizeof folder, "%s/state", scenario.folder);
	ck_assert_uint_eq(loss_replicas_read(folder), 3);
	struct nats_fixture *leader = leader_of(STREAM);
	ck_assert(nats_fixture_kill(leader));
	storage_bytes_received(&scenario, "new", "/none", 3);
	records_await(&scenario, "new", "phase", "waiting");
	/* The whole cluster goes away and catches up. */
	for (unsigned i = 0; i < CLUSTER_SERVERS; i++)
		ck_assert(&cluster.server[i] == leader || nats_fixture_kill(&cluster.server[i]));
	scenario_await_fault(&scenario, "broker", "");
	for (unsigned i = 0; i < CLUSTER_SERVERS; i++)
		ck_assert(nats_fixture_restart(&cluster.server[i]));
	end_in_cluster();
}
END_TEST

static bool is_not_ready(void *closure)
{
	(void)closure;
	return scenario_http(&scenario, "/readyz") == 503;
}

/* The others know the stream, and that it is away. */
START_TEST(a_clusters_only_copy_is_away)
{
	static char endpoint[128];
	const char *const env[] = {endpoint, NULL};
	begin_in_cluster(endpoint, env, 1);
	struct nats_fixture *of_stream = leader_of(STREAM), *of_bucket = leader_of(BUCKET);
	ck_assert(nats_fixture_kill(of_stream));
	ck_assert(of_bucket == of_stream || nats_fixture_kill(of_bucket));
	ck_assert_msg(wait_until(is_not_ready, NULL, 2 * TEST_LIMIT), "it is not missed");
	nanos until = clock_monotonic() + 2 * GRACE;
	ck_assert(wait_until(has_passed, &until, TEST_LIMIT));
	ck_assert(nats_fixture_restart(of_stream));
	ck_assert(of_bucket == of_stream || nats_fixture_restart(of_bucket));
	end_in_cluster();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {the_broker_is_made_anew,
	                              an_old_state_folder_meets_a_new_broker,
	                              somebody_else_has_made_the_stream,
	                              it_waits_on_request,
	                              it_waits_where_there_were_copies,
	                              the_disk_comes_late,
	                              the_broker_of_the_store_is_made_anew,
	                              only_one_of_them_is_missing,
	                              a_clusters_leader_dies,
	                              a_clusters_only_copy_is_away};
	return scenario_run("scenario: anew", tests, sizeof tests / sizeof tests[0]);
}
