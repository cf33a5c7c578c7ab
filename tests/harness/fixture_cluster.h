/* SPDX-License-Identifier: Apache-2.0
 * Three nats-servers that form a cluster, on free ports of the loopback. Each can be killed, paused and brought back as
 * any fixture_nats can. */
#ifndef TESTS_HARNESS_FIXTURE_CLUSTER_H
#define TESTS_HARNESS_FIXTURE_CLUSTER_H

#include "tests/harness/fixture_nats.h"

#define CLUSTER_SERVERS 3

struct nats_cluster {
	struct nats_fixture server[CLUSTER_SERVERS];
	char name[CLUSTER_SERVERS][16];
	char lines[CLUSTER_SERVERS][512];
};

/* Starts them; they find each other soon, so what is asked of JetStream first may have to be asked again. If they do
 * not `advertise` they name no other address to their clients than the one that these know. */
bool nats_cluster_start(struct nats_cluster *cluster, bool advertise);

/* Ends them and removes their folders. For one that was never started, too, if it is all zero. */
void nats_cluster_end(struct nats_cluster *cluster);

#endif
