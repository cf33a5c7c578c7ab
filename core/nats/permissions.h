/* SPDX-License-Identifier: Apache-2.0
 * The permissions that the broker has denied to the service.
 *
 * A broker does not answer a request that it denies. It only reports an error with the subject on the connection. These
 * errors are collected here, logged, and shown in /readyz until the permission is known to be granted. */
#ifndef CORE_NATS_PERMISSIONS_H
#define CORE_NATS_PERMISSIONS_H

#include "core/base/log.h"
#include "core/base/readiness.h"

struct permissions;

#define PERMISSION_SIZE 192
/* The permission that an error of the broker is about, as 'publish to "$KV.postprocessing.>"'. The parts of the subject
 * that differ from message to message are omitted. Returns text. */
char *permission_name(const char *error, char text[PERMISSION_SIZE]);

/* `broker`: the broker's name for messages. All arguments are borrowed; `fact` may be NULL. */
struct permissions *permissions_create(const struct log *log, const char *broker, struct fact *fact);
void permissions_destroy(struct permissions *permissions); /* NULL is fine */

/* A connection that reports its denied permissions. permissions NULL: nothing is reported. */
struct permission_scope {
	struct permissions *permissions;
	const char *who; /* the purpose of the connection; compared as a string, borrowed */
};

/* Reports an error of the broker, as 'Permissions Violation for Publish to "a"'. It is logged, but each kind at most
 * every ten minutes. Any thread may call this. */
void permissions_refused(const struct permission_scope *scope, const char *error);
/* Operations on connections of this scope have succeeded: forgets denied permissions, except those that are tested
 * explicitly. */
void permissions_worked(const struct permission_scope *scope);
/* The result of an explicit test. Any thread may report it. */
struct tested {
	char permission[PERMISSION_SIZE];
	bool refused;
};
void permissions_tested(const struct permission_scope *scope, const struct tested *tested, size_t count);
/* The permissions could not be tested because of `why`. */
void permissions_not_tested(const struct permission_scope *scope, const char *why);
/* Forgets permissions that were denied long ago and not tried since. Call it at intervals. */
void permissions_expire(struct permissions *permissions);
#endif
