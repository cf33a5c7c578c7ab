/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/torture/torture.h"

/* Longer than the half minute after which an unacknowledged event is redelivered. */
#define LONG_STOP_LEAST (35 * SECOND)
#define LONG_STOP_MOST (45 * SECOND)
#define SHORT_STOP_LEAST (500 * MILLISECOND)
#define SHORT_STOP_MOST (8 * SECOND)
/* Before the instances have created it again, which takes them about a second. */
#define OTHER_CONSUMER_MOST (200 * MILLISECOND)

void brokers_begin(struct torture *torture, struct nats_fixture *server, unsigned count)
{
	struct brokers *brokers = &torture->faults.brokers;
	*brokers = (struct brokers){.count = count};
	for (unsigned i = 0; i < count; i++)
		brokers->server[i] = &server[i];
}

/* The leader of a stream; NULL: there is none, or nobody knows it. */
static struct nats_fixture *find_leader(struct torture *torture, const char *stream)
{
	struct brokers *brokers = &torture->faults.brokers;
	jsStreamInfo *info = NULL;
	struct nats_fixture *leader = NULL;
	if (js_GetStreamInfo(&info, torture->js, stream, NULL, NULL) != NATS_OK)
		return NULL;
	for (unsigned i = 0; info->Cluster != NULL && info->Cluster->Leader != NULL && i < brokers->count; i++)
		if (strcmp(brokers->server[i]->options.name, info->Cluster->Leader) == 0)
			leader = brokers->server[i];
	jsStreamInfo_Destroy(info);
	return leader;
}

static struct nats_fixture *choose(struct torture *torture)
{
	struct faults *faults = &torture->faults;
	if (faults->brokers.count == 1)
		return faults->brokers.server[0];
	return find_leader(torture, torture_random(&faults->random, 2) == 0 ? "main-queue" : "KV_postprocessing");
}

void brokers_hurt(struct torture *torture, enum fault fault, nanos now)
{
	struct faults *faults = &torture->faults;
	struct brokers *brokers = &faults->brokers;
	struct nats_fixture *server = brokers->hurt == NULL ? choose(torture) : NULL;
	if (server == NULL)
		return;
	brokers->hurt = server;
	brokers->stopped = fault != FAULT_BROKER_KILL;
	if (brokers->stopped)
		ck_assert(nats_fixture_pause(server));
	else
		ck_assert(nats_fixture_kill(server));
	nanos longest = torture->options.stop_limit;
	if (fault == FAULT_BROKER_KILL)
		brokers->back = now + faults_between(faults, 0, 2 * SECOND);
	else if (fault == FAULT_BROKER_STOP || longest < LONG_STOP_MOST)
		brokers->back =
			now + faults_between(faults, SHORT_STOP_LEAST, longest < SHORT_STOP_MOST ? longest : SHORT_STOP_MOST);
	else
		brokers->back = now + faults_between(faults, LONG_STOP_LEAST, LONG_STOP_MOST);
	faults_report(torture, fault, server->options.name != NULL ? server->options.name : "", brokers->back);
}

/* A broker that ends by itself is not the service's fault, and nothing can be learnt from what follows. */
static void check_alive(const struct brokers *brokers)
{
	for (unsigned i = 0; i < brokers->count; i++)
		if (brokers->server[i] != brokers->hurt)
			ck_assert_msg(!process_wait(&brokers->server[i]->process, 0), "broker %u has ended with status %d", i,
			              brokers->server[i]->process.status);
}

void brokers_turn(struct torture *torture, nanos now)
{
	struct brokers *brokers = &torture->faults.brokers;
	check_alive(brokers);
	if (brokers->hurt == NULL || brokers->back > now)
		return;
	ck_assert(brokers->stopped ? nats_fixture_resume(brokers->hurt) : nats_fixture_restart(brokers->hurt));
	brokers->hurt = NULL;
}

bool brokers_all_work(const struct faults *faults)
{
	return faults->brokers.hurt == NULL;
}

void brokers_lose_consumer(struct torture *torture, enum fault fault, nanos now)
{
	struct brokers *brokers = &torture->faults.brokers;
	if (brokers->hurt != NULL ||
	    js_DeleteConsumer(torture->js, "main-queue", "postprocessing-pull", NULL, NULL) != NATS_OK)
		return;
	brokers->patient = false;
	brokers->made = fault == FAULT_OTHER_CONSUMER ? now + faults_between(&torture->faults, 0, OTHER_CONSUMER_MOST) : 0;
	faults_report(torture, fault, "", 0);
}

/* As OpenCloud's service creates the consumer, unless an instance was faster. */
static void make_consumer(struct torture *torture)
{
	jsConsumerConfig config;
	torture->faults.brokers.made = 0;
	jsConsumerConfig_Init(&config);
	config.Durable = "postprocessing-pull";
	config.DeliverPolicy = js_DeliverNew;
	config.AckPolicy = js_AckExplicit;
	config.AckWait = MINUTE;
	config.MaxAckPending = 10000;
	js_AddConsumer(NULL, torture->js, "main-queue", &config, NULL, NULL);
}

void brokers_turn_consumer(struct torture *torture, nanos now)
{
	struct brokers *brokers = &torture->faults.brokers;
	jsConsumerInfo *info = NULL;
	if (brokers->made != 0 && brokers->made <= now && brokers->hurt == NULL)
		make_consumer(torture);
	if (brokers->patient || torture->options.timeout == 0 || brokers->hurt != NULL)
		return;
	if (js_GetConsumerInfo(&info, torture->js, "main-queue", "postprocessing-pull", NULL, NULL) == NATS_OK) {
		info->Config->AckWait = torture->options.timeout;
		brokers->patient = js_UpdateConsumer(NULL, torture->js, "main-queue", info->Config, NULL, NULL) == NATS_OK;
	}
	jsConsumerInfo_Destroy(info);
}
