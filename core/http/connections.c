/* SPDX-License-Identifier: Apache-2.0 */
#include "core/http/connections.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"

/* How often late connections are searched for. */
#define LOOK_INTERVAL (SECOND / 4)

struct entry {
	struct entry *next;
	int fd;
	unsigned char address[16];
	nanos since; /* the time that the limits count from */
	bool answering;
	bool dropped; /* shut down, and soon closed by the daemon */
};

struct connections {
	struct connections_limits limits;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock: */
	struct entry *first;
	unsigned count; /* without those that were dropped */
	bool stop;
};

/* The daemon notices this and closes the connection. The descriptor is valid as long as the entry exists. */
static void drop(struct connections *connections, struct entry *entry)
{
	shutdown(entry->fd, SHUT_RDWR);
	entry->dropped = true;
	connections->count--;
}

static void drop_late(struct connections *connections, nanos now)
{
	const struct connections_limits *limits = &connections->limits;
	for (struct entry *entry = connections->first; entry != NULL; entry = entry->next) {
		nanos limit = entry->answering ? limits->reply : limits->request;
		if (!entry->dropped && limit != 0 && now - entry->since > limit)
			drop(connections, entry);
	}
}

static unsigned count_address(const struct connections *connections, const unsigned char address[16])
{
	unsigned count = 0;
	for (const struct entry *entry = connections->first; entry != NULL; entry = entry->next)
		count += !entry->dropped && memcmp(entry->address, address, sizeof entry->address) == 0;
	return count;
}

/* Finds a connection without a request; the newest is considered last. */
static void drop_one(struct connections *connections)
{
	struct entry *victim = NULL;
	unsigned most = 0;
	for (struct entry *entry = connections->first; entry != NULL; entry = entry->next) {
		if (entry->dropped || entry->answering)
			continue;
		unsigned count = count_address(connections, entry->address);
		if (victim == NULL || count > most || (count == most && entry->since < victim->since)) {
			victim = entry;
			most = count;
		}
	}
	if (victim != NULL)
		drop(connections, victim);
}

/* IPv4 addresses in their IPv6 form, so that both forms of an address are equal. */
static void read_address(struct MHD_Connection *connection, unsigned char address[16])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *found = info != NULL ? info->client_addr : NULL;
	memset(address, 0, 16);
	if (found != NULL && found->sa_family == AF_INET6) {
		memcpy(address, &((const struct sockaddr_in6 *)(const void *)found)->sin6_addr, 16);
	} else if (found != NULL && found->sa_family == AF_INET) {
		address[10] = address[11] = 0xff;
		memcpy(address + 12, &((const struct sockaddr_in *)(const void *)found)->sin_addr, 4);
	}
}

static struct entry *add(struct connections *connections, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct entry *entry = alloc_zeroed(1, sizeof *entry);
	entry->fd = info->connect_fd;
	entry->since = clock_monotonic();
	read_address(connection, entry->address);
	pthread_mutex_lock(&connections->lock);
	entry->next = connections->first;
	connections->first = entry;
	if (++connections->count > connections->limits.count)
		drop_one(connections);
	pthread_cond_signal(&connections->changed);
	pthread_mutex_unlock(&connections->lock);
	return entry;
}

static void forget(struct connections *connections, struct entry *entry)
{
	pthread_mutex_lock(&connections->lock);
	struct entry **place = &connections->first;
	while (*place != entry)
		place = &(*place)->next;
	*place = entry->next;
	connections->count -= !entry->dropped;
	pthread_mutex_unlock(&connections->lock);
	free(entry);
}

void connections_notify(void *closure, struct MHD_Connection *connection, void **context,
                        enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*context = add(closure, connection);
	else
		forget(closure, *context);
}

/* From now on, the other limit applies. */
static void turn_to(struct connections *connections, struct MHD_Connection *connection, bool answering)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct entry *entry = info != NULL ? info->socket_context : NULL;
	if (entry == NULL)
		return;
	pthread_mutex_lock(&connections->lock);
	entry->answering = answering;
	entry->since = clock_monotonic();
	pthread_mutex_unlock(&connections->lock);
}

void connections_completed(void *closure, struct MHD_Connection *connection, void **state,
                           enum MHD_RequestTerminationCode code)
{
	(void)state;
	(void)code;
	turn_to(closure, connection, false);
}

void connections_answering(struct connections *connections, struct MHD_Connection *connection)
{
	turn_to(connections, connection, true);
}

static void *watch(void *closure)
{
	struct connections *connections = closure;
	pthread_mutex_lock(&connections->lock);
	while (!connections->stop) {
		nanos now = clock_monotonic(), next = now + LOOK_INTERVAL;
		drop_late(connections, now);
		if (connections->first == NULL)
			pthread_cond_wait(&connections->changed, &connections->lock);
		else
			condition_wait_until(&connections->changed, &connections->lock, next);
	}
	pthread_mutex_unlock(&connections->lock);
	return NULL;
}

struct connections *connections_create(const struct connections_limits *limits)
{
	struct connections *connections = alloc_zeroed(1, sizeof *connections);
	connections->limits = *limits;
	lock_init(&connections->lock);
	condition_init(&connections->changed);
	if (pthread_create(&connections->thread, NULL, watch, connections) == 0)
		return connections;
	pthread_cond_destroy(&connections->changed);
	pthread_mutex_destroy(&connections->lock);
	free(connections);
	return NULL;
}

void connections_destroy(struct connections *connections)
{
	if (connections == NULL)
		return;
	pthread_mutex_lock(&connections->lock);
	connections->stop = true;
	pthread_cond_signal(&connections->changed);
	pthread_mutex_unlock(&connections->lock);
	pthread_join(connections->thread, NULL);
	while (connections->first != NULL) {
		struct entry *next = connections->first->next;
		free(connections->first);
		connections->first = next;
	}
	pthread_cond_destroy(&connections->changed);
	pthread_mutex_destroy(&connections->lock);
	free(connections);
}
