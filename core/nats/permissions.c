/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nats/permissions.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"

/* The maximum number of denied permissions that are remembered. */
#define REFUSALS_LIMIT 16
#define SAY_INTERVAL (10 * MINUTE)
/* The service performs its rarest operation every ten minutes. */
#define MEMORY (15 * MINUTE)

struct refusal {
	char permission[PERMISSION_SIZE];
	const char *who;
	nanos last, said; /* monotonic */
	bool stands;      /* false: it was granted, and is remembered only to limit how often it is logged */
	bool tested;      /* there is a test that shows when it is granted */
};

struct permissions {
	pthread_mutex_t lock;
	const struct log *log;
	const char *broker;
	struct fact *fact;
	struct refusal refusal[REFUSALS_LIMIT];
	size_t count;
	bool tested;
};

struct permissions *permissions_create(const struct log *log, const char *broker, struct fact *fact)
{
	struct permissions *permissions = alloc_zeroed(1, sizeof *permissions);
	lock_init(&permissions->lock);
	permissions->log = log;
	permissions->broker = broker;
	permissions->fact = fact;
	return permissions;
}

void permissions_destroy(struct permissions *permissions)
{
	if (permissions == NULL)
		return;
	pthread_mutex_destroy(&permissions->lock);
	free(permissions);
}

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The number of leading tokens of a subject that are the same in all messages of its kind; 0: all. */
static unsigned tokens_to_keep(const char *subject)
{
	static const struct {
		const char *prefix;
		unsigned tokens;
	} kinds[] = {
		{"_INBOX.", 1},
		{"$KV.", 2},
		{"$JS.FC.", 2},
		{"$JS.ACK.", 3},
		{"$JS.API.CONSUMER.MSG.NEXT.", 6},
		{"$JS.API.CONSUMER.DURABLE.CREATE.", 6},
		{"$JS.API.CONSUMER.", 5},
	};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (begins(subject, kinds[i].prefix))
			return kinds[i].tokens;
	return 0;
}

char *permission_name(const char *error, char text[PERMISSION_SIZE])
{
	static const char to_publish[] = "Permissions Violation for Publish",
					  to_subscribe[] = "Permissions Violation for Subscription";
	const char *start = strchr(error, '"'), *verb = begins(error, to_publish)     ? "publish"
	                                                : begins(error, to_subscribe) ? "subscribe"
	                                                                              : NULL;
	if (verb == NULL || start == NULL) {
		text_copy(text, PERMISSION_SIZE, error);
		return text;
	}
	start++;
	size_t length = strcspn(start, "\"");
	unsigned keep = tokens_to_keep(start), dots = 0;
	for (size_t i = 0; i < length && keep > 0; i++) {
		dots += start[i] == '.';
		if (dots < keep)
			continue;
		snprintf(text, PERMISSION_SIZE, "%s to \"%.*s.>\"", verb, (int)(i < 120 ? i : 120), start);
		return text;
	}
	snprintf(text, PERMISSION_SIZE, "%s to \"%.*s\"", verb, (int)(length < 120 ? length : 120), start);
	return text;
}

/* With the lock held: updates the fact shown in /readyz. */
static void tell(struct permissions *permissions)
{
	char reason[FACT_REASON_SIZE];
	const struct refusal *first = NULL;
	size_t more = 0;
	for (size_t i = 0; i < permissions->count; i++) {
		if (!permissions->refusal[i].stands)
			continue;
		more += first != NULL;
		first = first == NULL ? &permissions->refusal[i] : first;
	}
	if (first == NULL)
		reason[0] = '\0';
	else if (more == 0)
		snprintf(reason, sizeof reason, "the user may not %s", first->permission);
	else
		snprintf(reason, sizeof reason, "the user may not %.150s (and %zu more, see the log)", first->permission, more);
	fact_set(permissions->fact, first == NULL, reason);
}

/* With the lock held: finds the entry of a permission, or adds one. If the table is full, it replaces the oldest
 * entry. */
static struct refusal *find(struct permissions *permissions, const char *permission, const char *who)
{
	struct refusal *oldest = permissions->refusal;
	for (size_t i = 0; i < permissions->count; i++) {
		struct refusal *refusal = &permissions->refusal[i];
		if (strcmp(refusal->permission, permission) == 0 && strcmp(refusal->who, who) == 0)
			return refusal;
		if (refusal->last < oldest->last)
			oldest = refusal;
	}
	struct refusal *refusal =
		permissions->count < REFUSALS_LIMIT ? &permissions->refusal[permissions->count++] : oldest;
	*refusal = (struct refusal){.who = who};
	text_copy(refusal->permission, sizeof refusal->permission, permission);
	return refusal;
}

/* With the lock held. True: log it. */
static bool note(struct permissions *permissions, const char *permission, const char *who)
{
	nanos now = clock_monotonic();
	struct refusal *refusal = find(permissions, permission, who);
	bool say = refusal->said == 0 || now - refusal->said >= SAY_INTERVAL;
	refusal->last = now;
	refusal->said = say ? now : refusal->said;
	refusal->stands = true;
	return say;
}

static void say(const struct permissions *permissions, const char *permission)
{
	log_error(permissions->log,
	          "broker %s: the user may not %s: grant this permission; postprocessing(1) lists all "
	          "that are needed",
	          permissions->broker, permission);
}

void permissions_refused(const struct permission_scope *scope, const char *error)
{
	struct permissions *permissions = scope->permissions;
	char permission[PERMISSION_SIZE];
	if (permissions == NULL)
		return;
	permission_name(error, permission);
	pthread_mutex_lock(&permissions->lock);
	bool new = note(permissions, permission, scope->who);
	tell(permissions);
	pthread_mutex_unlock(&permissions->lock);
	if (new)
		say(permissions, permission);
}

/* Forgets the refusals of one connection that are not tested, or, with NULL, those that are old. */
static void forget(struct permissions *permissions, const char *who)
{
	bool changed = false;
	nanos now = clock_monotonic();
	pthread_mutex_lock(&permissions->lock);
	for (size_t i = 0; i < permissions->count; i++) {
		struct refusal *refusal = &permissions->refusal[i];
		bool over = who != NULL ? !refusal->tested && strcmp(refusal->who, who) == 0 : now - refusal->last > MEMORY;
		changed = changed || (refusal->stands && over);
		refusal->stands = refusal->stands && !over;
	}
	if (changed)
		tell(permissions);
	pthread_mutex_unlock(&permissions->lock);
}

void permissions_worked(const struct permission_scope *scope)
{
	if (scope->permissions != NULL)
		forget(scope->permissions, scope->who);
}

void permissions_expire(struct permissions *permissions)
{
	forget(permissions, NULL);
}

/* With the lock held. */
static void note_tested(struct permissions *permissions, const struct tested *tested, const char *who, bool *new)
{
	*new = tested->refused &&note(permissions, tested->permission, who);
	for (size_t i = 0; i < permissions->count; i++) {
		struct refusal *refusal = &permissions->refusal[i];
		if (strcmp(refusal->permission, tested->permission) != 0 || strcmp(refusal->who, who) != 0)
			continue;
		refusal->tested = true;
		refusal->stands = tested->refused;
	}
}

void permissions_tested(const struct permission_scope *scope, const struct tested *tested, size_t count)
{
	struct permissions *permissions = scope->permissions;
	if (permissions == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		bool new;
		pthread_mutex_lock(&permissions->lock);
		permissions->tested = true;
		note_tested(permissions, &tested[i], scope->who, &new);
		if (i == count - 1)
			tell(permissions);
		pthread_mutex_unlock(&permissions->lock);
		if (new)
			say(permissions, tested[i].permission);
	}
}

void permissions_not_tested(const struct permission_scope *scope, const char *why)
{
	struct permissions *permissions = scope->permissions;
	char reason[FACT_REASON_SIZE];
	if (permissions == NULL)
		return;
	snprintf(reason, sizeof reason, "cannot be tested: %s", why);
	pthread_mutex_lock(&permissions->lock);
	/* A result remains valid until a permission is denied. */
	if (!permissions->tested && permissions->count == 0)
		fact_set(permissions->fact, false, reason);
	pthread_mutex_unlock(&permissions->lock);
}
