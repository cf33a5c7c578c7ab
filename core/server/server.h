/* SPDX-License-Identifier: Apache-2.0
 * The service: connects the coordinator with the bus, the store, the workers and the HTTP, and runs it.
 *
 * Threads: the caller's thread runs the coordinator. Each bus has a thread that connects, besides those of the client
 * library. Each step has its workers, and one thread for its checks, if any. One thread reads the bucket at startup and
 * for a resume by step. HTTP has one thread. All of them send mails to the coordinator. */
#ifndef CORE_SERVER_SERVER_H
#define CORE_SERVER_SERVER_H

#include "core/steps/preflight.h"

struct server;

/* Borrows its arguments. first: the configuration, without problems; its steps are taken over. path: where it is read
 * again, see preflight_make(). NULL: failed; why[size] has the reason, and *passing says whether a later attempt may
 * succeed. Starts the embedded broker if it is configured. An external broker may become reachable later. */
struct server *server_create(const struct preflight *first, const char *path, struct log *log, char *why, size_t size,
                             bool *passing);

/* Runs until server_stop(). */
void server_run(struct server *server);

/* Before the process ends because it is out of memory (alloc.h): logs that, and notes it for the next start, which then
 * does not count the runs that were under way as failed. A process that was itself started after such an end notes
 * nothing: a step that uses up the memory each time is found out by every second end. Does not allocate. From any
 * thread. closure: the server. */
void server_out_of_memory(void *closure);

/* Ends server_run(): no more events are accepted, and running steps get the configured grace period. Any thread may
 * call this, once. */
void server_stop(struct server *server);

/* Reads the configuration again, also if that is under way already. Any thread may call this, at any time. */
void server_reload(struct server *server);

/* False: runs or checks are stuck in their modules. The memory that they use was not freed, and the process should exit
 * at once. */
bool server_destroy(struct server *server);

#endif
