/* SPDX-License-Identifier: Apache-2.0
 * The copies of uploads (content/copies.h): their metrics, and their end. */
#include "core/server/server_private.h"

void server_add_copies(struct server *server)
{
	static const char *const places[] = {[COPY_IN_MEMORY] = "memory", [COPY_ON_DISK] = "disk"};
	for (size_t i = 0; i < 2; i++) {
		const char *const labels[] = {"place", places[i], NULL};
		server->copied[i] =
			metrics_gauge(server->metrics, "postprocessing_copies_bytes",
		                  "Bytes of uploads that are kept as copies for steps that need a file or a digest.", labels);
	}
	server->copies = metrics_counter(server->metrics, "postprocessing_copies_total",
	                                 "Copies of uploads that were made for steps.", NULL);
}

void server_tidy_copies(struct server *server)
{
	struct copies *copies = workers_copies(server->workers);
	struct copies_usage usage;
	copies_tidy(copies, clock_monotonic());
	copies_usage(copies, &usage);
	for (size_t i = 0; i < 2; i++)
		gauge_set(server->copied[i], usage.bytes[i]);
	counter_add(server->copies, usage.made - server->copies_counted);
	server->copies_counted = usage.made;
}
