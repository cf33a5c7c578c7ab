/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/fixture_cluster.h"

#include <stdio.h>

bool nats_cluster_start(struct nats_cluster *cluster, bool advertise)
{
	unsigned port[CLUSTER_SERVERS];
	char routes[256];
	size_t length = 0;
	for (unsigned i = 0; i < CLUSTER_SERVERS; i++) {
		port[i] = port_reserve();
		if (port[i] == 0)
			return false;
		length += (size_t)snprintf(routes + length, sizeof routes - length, "%s\"nats://127.0.0.1:%u\"",
		                           i > 0 ? ", " : "", port[i]);
	}
	for (unsigned i = 0; i < CLUSTER_SERVERS; i++) {
		snprintf(cluster->name[i], sizeof cluster->name[i], "broker%u", i);
		snprintf(cluster->lines[i], sizeof cluster->lines[i],
		         "cluster { name: torture, listen: \"127.0.0.1:%u\", no_advertise: %s, routes: [%s] }\n", port[i],
		         advertise ? "false" : "true", routes);
		if (!nats_fixture_start(&cluster->server[i],
		                        &(struct nats_options){.name = cluster->name[i], .lines = cluster->lines[i]}))
			return false;
	}
	return true;
}

void nats_cluster_end(struct nats_cluster *cluster)
{
	for (unsigned i = 0; i < CLUSTER_SERVERS; i++)
		nats_fixture_end(&cluster->server[i]);
}
