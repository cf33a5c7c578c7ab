/* SPDX-License-Identifier: Apache-2.0
 * The service: connects the coordinator with the bus, the store, the workers and the HTTP, and runs it.
 *
 * Threads: the caller's runs the coordinator; each bus has one that connects, beside the client library's own; each
 * step has its workers, and one thread for its checks if it has any; one reads the bucket at start and for a resume by step; HTTP has one. They all
 * speak to the coordinator by mail. */
#ifndef CORE_SERVER_SERVER_H
#define CORE_SERVER_SERVER_H

#include "core/config/config.h"
#include "core/steps/steps.h"

struct server;

/* Borrows all. NULL: with the reason in why[size], and `passing` says whether a later start may have more luck. Starts the
 * embedded broker if that is configured; a broker that is elsewhere may come later. */
struct server *server_create(const struct config *config, const struct steps *steps, const struct log *log, char *why, size_t size,
                             bool *passing);

/* Runs until server_stop(). */
void server_run(struct server *server);

/* Before the process ends because it is out of memory (alloc.h): logs that, and notes it for the next start, which then does not
 * count the runs that were under way as failed. A process that was itself started after such an end notes nothing: a step that uses
 * up the memory each time is found out by every second end. Does not allocate. From any thread. */
void server_out_of_memory(void *server);

/* Ends server_run(): no more events are taken, running steps have the configured grace. From any thread, once. */
void server_stop(struct server *server);

/* False: runs or checks are stuck in their modules: what they use was not freed, and the process should end at once. */
bool server_destroy(struct server *server);

#endif
