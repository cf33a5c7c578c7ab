/* SPDX-License-Identifier: Apache-2.0
 * The attack of test_torture.c on a cluster of three brokers with three replicas of stream and bucket: the broker
 * that dies is a leader. The same variables; TORTURE_STOP applies to the instances only. */
#include <stdlib.h>

#include "tests/harness/fixture_cluster.h"
#include "tests/torture/torture.h"

static struct torture torture;
static struct nats_cluster cluster;

static void connect_to_all(struct scenario *scenario)
{
	const char *url[CLUSTER_SERVERS];
	natsOptions *options = NULL;
	for (unsigned i = 0; i < CLUSTER_SERVERS; i++)
		url[i] = cluster.server[i].url;
	ck_assert_int_eq(natsOptions_Create(&options), NATS_OK);
	ck_assert_int_eq(natsOptions_SetServers(options, url, CLUSTER_SERVERS), NATS_OK);
	ck_assert_int_eq(natsOptions_SetMaxReconnect(options, -1), NATS_OK);
	ck_assert_int_eq(natsOptions_SetReconnectWait(options, 50), NATS_OK);
	ck_assert_int_eq(natsOptions_SetReconnectBufSize(options, 0), NATS_OK);
	ck_assert_int_eq(natsConnection_Connect(&scenario->connection, options), NATS_OK);
	natsOptions_Destroy(options);
	ck_assert_int_eq(natsConnection_JetStream(&scenario->js, scenario->connection, NULL), NATS_OK);
	scenario->recorder.js = scenario->js;
}

/* An administrator creates both: the service would create them with one replica. */
static bool made(void *closure)
{
	struct scenario *scenario = closure;
	jsStreamConfig stream;
	kvConfig config;
	kvStore *bucket = NULL;
	jsStreamConfig_Init(&stream);
	stream.Name = "main-queue";
	stream.Subjects = (const char *[]){"main-queue"};
	stream.SubjectsLen = 1;
	stream.Replicas = CLUSTER_SERVERS;
	kvConfig_Init(&config);
	config.Bucket = "postprocessing";
	config.History = 1;
	config.Replicas = CLUSTER_SERVERS;
	config.StorageType = js_FileStorage;
	if (js_AddStream(NULL, scenario->js, &stream, NULL, NULL) != NATS_OK)
		return false;
	bool good = js_CreateKeyValue(&bucket, scenario->js, &config) == NATS_OK;
	kvStore_Destroy(bucket);
	return good;
}

START_TEST(ends_once_on_a_cluster)
{
	uint64_t seconds = torture_variable("TORTURE_SECONDS", 0);
	torture.options = (struct torture_options){.seed = torture_variable("TORTURE_SEED", 7),
	                                           .duration = 8 * SECOND,
	                                           .uploads = 160,
	                                           .pause = 500 * MILLISECOND,
	                                           .mix = torture_brokers,
	                                           .stop_limit = 3 * SECOND,
	                                           .end_limit = 3 * MINUTE,
	                                           .timeout = 5 * SECOND};
	if (seconds != 0)
		torture.options =
			(struct torture_options){.seed = torture_variable("TORTURE_SEED", 1),
		                             .duration = (nanos)seconds * SECOND,
		                             .uploads = torture_variable("TORTURE_UPLOADS", seconds * 10),
		                             .pause = (nanos)torture_variable("TORTURE_PAUSE", 2000) * MILLISECOND,
		                             .mix = torture_brokers,
		                             .stop_limit = (nanos)torture_variable("TORTURE_STOP", 45) * SECOND,
		                             .end_limit = 5 * MINUTE};
	scenario_open(&torture.scenario,
	              &(struct scenario_options){.steps = TORTURE_STEPS, .ini = TORTURE_INI, .embedded = true});
	ck_assert(nats_cluster_start(&cluster, false));
	connect_to_all(&torture.scenario);
	ck_assert_msg(wait_until(made, &torture.scenario, TEST_LIMIT), "the cluster does not create stream and bucket");
	torture_run(&torture, cluster.server, CLUSTER_SERVERS);
	nats_cluster_end(&cluster);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {ends_once_on_a_cluster};
	return torture_set_limit() ? scenario_run("torture on a cluster", tests, sizeof tests / sizeof tests[0])
	                           : EXIT_FAILURE;
}
