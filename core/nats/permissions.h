/* SPDX-License-Identifier: Apache-2.0
 * What the broker does not permit its user, this service, to do.
 *
 * A broker refuses without an answer to what was refused: the request it was simply gets none. All that comes is an error on
 * the connection, with the subject. Here these are gathered, logged, and told in /readyz, until it is known that the user
 * may again. */
#ifndef CORE_NATS_PERMISSIONS_H
#define CORE_NATS_PERMISSIONS_H

#include "core/base/log.h"
#include "core/base/readiness.h"

struct permissions;

#define PERMISSION_SIZE 192
/* The permission that an error of the broker is about, as 'publish to "$KV.postprocessing.>"': what is different in each
 * message is left out of the subject. Returns text. */
char *permission_name(const char *error, char text[PERMISSION_SIZE]);

/* `broker`: its name, for people. All is borrowed; fact may be NULL. NULL: out of memory. */
struct permissions *permissions_create(const struct log *log, const char *broker, struct fact *fact);
void permissions_destroy(struct permissions *permissions); /* NULL is fine */

/* A connection that belongs to it. permissions NULL: nobody is told. */
struct permission_scope {
	struct permissions *permissions;
	const char *who; /* what the connection is for; compared by its text, borrowed */
};

/* `error` is the broker's, as 'Permissions Violation for Publish to "a"'. It is logged, but each kind no more often than every
 * ten minutes. From any thread. */
void permissions_refused(const struct permission_scope *scope, const char *error);
/* What was done on such connections has worked, so it is permitted: forgets what was refused, but for what is tested. */
void permissions_worked(const struct permission_scope *scope);
/* What was tried for its own sake. From any thread. */
struct tested {
	char permission[PERMISSION_SIZE];
	bool refused;
};
void permissions_tested(const struct permission_scope *scope, const struct tested *tested, size_t count);
/* They could not be tested, because of `why`. */
void permissions_not_tested(const struct permission_scope *scope, const char *why);
/* Forgets what was refused long ago and has not been tried since. To be called now and then. */
void permissions_expire(struct permissions *permissions);
#endif
