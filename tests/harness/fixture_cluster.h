/* SPDX-License-Identifier: Apache-2.0
 * Three nats-servers that form a cluster, on free ports of the loopback. Each can be killed, paused and restarted
 * like any fixture_nats. */
#ifndef TESTS_HARNESS_FIXTURE_CLUSTER_H
#define TESTS_HARNESS_FIXTURE_CLUSTER_H

#include "tests/harness/fixture_nats.h"

#define CLUSTER_SERVERS 3

struct nats_cluster {
	struct nats_fixture server[CLUSTER_SERVERS];
	char name[CLUSTER_SERVERS][16];
	char lines[CLUSTER_SERVERS][512];
};

/* Starts them. They find each other soon, so the first JetStream requests may have to be repeated. If they do not
 * `advertise`, they tell their clients no other address than the one that these know. */
bool nats_cluster_start(struct nats_cluster *cluster, bool advertise);

/* Ends them and removes their folders. A cluster that was never started is allowed if it is all zero. */
void nats_cluster_end(struct nats_cluster *cluster);

#endif
