/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nats/bus_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"
#include "core/nats/bus_connect.h"
#include "core/nats/bus_loop.h"
#include "core/nats/bus_probe.h"
#include "core/nats/bus_servers.h"

#define PAUSE_FIRST (100 * MILLISECOND)
#define PAUSE_LIMIT SECOND
/* How long to wait for the last callbacks of a closed connection. */
#define FAREWELL_TIMEOUT (5 * SECOND)

/* The time between two tests of the permissions: while only an optional one is missing, and while a required one is or
 * may be missing. */
#define PROBE_INTERVAL (10 * SECOND)
#define PROBE_INTERVAL_SHORT (2 * SECOND)

enum link_event {
	LINK_BACK = 1 << 0,
	LINK_CLOSED = 1 << 1,
	LINK_PREPARE = 1 << 2,
	LINK_STOP = 1 << 3,
	LINK_REFUSED = 1 << 4, /* the broker has denied a permission */
	LINK_DEAF = 1 << 5     /* the permission was for a subscription, which therefore does not exist */
};
#define LINK_PERMISSIONS (LINK_REFUSED | LINK_DEAF)
#define LINK_ALL (~0u)

struct bus_link {
	struct bus_link_options options;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned events;   /* link_event, under the lock */
	unsigned attached; /* connections and subscriptions whose callbacks may still be called, under the lock */
	const natsConnection *current; /* the connection whose loss matters, under the lock; only compared */
	natsConnection *waits_on;      /* the connection on which the thread waits for answers, under the lock; or NULL */
	bool ending;                   /* the stopping thread is closing `waits_on`, under the lock */
	/* The thread's: */
	struct bus_wire wire;
	bool given;         /* the receiver has the connection */
	char *others;       /* an endpoint of the servers that the broker advertised on the last connection; NULL: none */
	bool roams;         /* the connection is to one of `others` */
	enum probed probed; /* the result of the last test of the permissions */
	nanos probed_at;    /* monotonic; 0: never */
	bool deaf;          /* a subscription of the connection was denied */
	struct bus_probe probe[BUS_PROBES_LIMIT + 1]; /* an empty list: permissions are not tested */
};

static void post(struct bus_link *link, unsigned event)
{
	pthread_mutex_lock(&link->lock);
	link->events |= event;
	pthread_cond_signal(&link->changed);
	pthread_mutex_unlock(&link->lock);
}

static bool is_stopped(struct bus_link *link)
{
	pthread_mutex_lock(&link->lock);
	bool stopped = link->events & LINK_STOP;
	pthread_mutex_unlock(&link->lock);
	return stopped;
}

/* Waits for the events of `mask`, at most `timeout` (0: without a limit), and takes them. */
static unsigned await(struct bus_link *link, nanos timeout, unsigned mask)
{
	nanos until = clock_monotonic() + timeout;
	pthread_mutex_lock(&link->lock);
	while ((link->events & mask) == 0) {
		if (timeout == 0)
			pthread_cond_wait(&link->changed, &link->lock);
		else if (!condition_wait_until(&link->changed, &link->lock, until))
			break;
	}
	unsigned events = link->events & mask;
	link->events &= ~mask | LINK_STOP; /* a stop is never removed */
	pthread_mutex_unlock(&link->lock);
	return events;
}

static void report_unknown(const struct bus_facts *facts, const char *why)
{
	for (size_t i = 0; i < BUS_PREPARED_FACTS; i++)
		fact_set(facts->prepared[i], false, why);
}

static void report_away(const struct bus_facts *facts, const char *why)
{
	fact_set(facts->broker, false, why);
	report_unknown(facts, "unknown while the broker is unreachable");
}

/* If the connection is lost meanwhile, that is reported before or after this, and takes effect in both cases. */
static void report_connected(const struct bus_facts *facts, natsConnection *connection)
{
	fact_set(facts->broker, true, "");
	if (natsConnection_Status(connection) != NATS_CONN_STATUS_CONNECTED)
		report_away(facts, "the connection was lost");
}

static void on_lost(natsConnection *connection, void *closure)
{
	struct bus_link *link = closure;
	pthread_mutex_lock(&link->lock);
	bool current = link->current == connection;
	pthread_mutex_unlock(&link->lock);
	/* A connection that was replaced by another one is closed later. */
	if (!current)
		return;
	report_away(&link->options.bus->facts, "the connection was lost");
	link->options.on_down(link->options.closure);
}

static void on_back(natsConnection *connection, void *closure)
{
	(void)connection;
	post(closure, LINK_BACK);
}

/* On the client library's thread. */
static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status, void *closure)
{
	(void)subscription;
	struct bus_link *link = closure;
	const char *error = NULL;
	if (status != NATS_NOT_PERMITTED || natsConnection_GetLastError(connection, &error) != NATS_NOT_PERMITTED ||
	    error == NULL)
		return;
	permissions_refused(&link->options.bus->permissions, error);
	post(link, strstr(error, " for Subscription to ") != NULL ? LINK_REFUSED | LINK_DEAF : LINK_REFUSED);
}

static void attach(struct bus_link *link)
{
	pthread_mutex_lock(&link->lock);
	link->attached++;
	pthread_mutex_unlock(&link->lock);
}

/* The last callback of a connection or subscription. */
static void detach(struct bus_link *link, unsigned event)
{
	pthread_mutex_lock(&link->lock);
	link->attached--;
	link->events |= event;
	pthread_cond_signal(&link->changed);
	pthread_mutex_unlock(&link->lock);
}

static void on_closed(natsConnection *connection, void *closure)
{
	(void)connection;
	detach(closure, LINK_CLOSED);
}

static void on_complete(void *closure)
{
	detach(closure, 0);
}

/* On the client library's thread, without a loop. */
static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	(void)connection;
	(void)subscription;
	const struct bus_link *link = closure;
	struct mail *mail = link->options.make_mail(link->options.closure, message);
	if (mail != NULL)
		mailbox_send(link->options.bus->mailbox, mail);
}

static natsStatus subscribe(struct bus_link *link, natsSubscription **subscription, const char *subject,
                            natsMsgHandler handler, void *closure)
{
	natsStatus status = natsConnection_Subscribe(subscription, link->wire.connection, subject, handler, closure);
	if (status == NATS_OK && natsSubscription_SetOnCompleteCB(*subscription, on_complete, link) == NATS_OK)
		attach(link);
	/* The number of messages is bounded by the requests. */
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(*subscription, -1, -1);
	return status;
}

static natsStatus subscribe_inbox(struct bus_link *link)
{
	struct bus_wire *wire = &link->wire;
	if (wire->loop == NULL)
		return subscribe(link, &wire->inbox, link->options.inbox, on_message, link);
	natsStatus status = natsConnection_SubscribeSync(&wire->inbox, wire->connection, link->options.inbox);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(wire->inbox, -1, -1);
	if (status == NATS_OK)
		bus_loop_read(wire->loop, &(struct bus_reader){.subscription = wire->inbox,
		                                               .make_mail = link->options.make_mail,
		                                               .closure = link->options.closure,
		                                               .mailbox = link->options.bus->mailbox});
	return status;
}

static natsStatus connect_to(struct bus_link *link, const char *others)
{
	struct bus_loop *loop = link->wire.loop;
	natsOptions *options;
	natsStatus status = bus_options_for(&options, link->options.bus->address, others, link->options.bus->name);
	if (status == NATS_OK && loop != NULL)
		status = bus_loop_set(loop, options);
	/* With a loop, the library (3.4.1 and later) takes the first bytes of the next connection for the rest of a message
	 * that was being received when the last one was lost. Therefore each connection gets an object of its own. */
	if (status == NATS_OK && loop != NULL)
		status = natsOptions_SetAllowReconnect(options, false);
	if (status == NATS_OK)
		status = natsOptions_SetErrorHandler(options, on_error, link);
	if (status == NATS_OK)
		status = natsOptions_SetDisconnectedCB(options, on_lost, link);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectedCB(options, on_back, link);
	if (status == NATS_OK)
		status = natsOptions_SetClosedCB(options, on_closed, link);
	if (status == NATS_OK)
		status = natsConnection_Connect(&link->wire.connection, options);
	natsOptions_Destroy(options);
	return status;
}

/* Connects to one of the configured servers, or, if none is reachable, to one that they have advertised. */
static natsStatus connect_somewhere(struct bus_link *link)
{
	natsStatus status = connect_to(link, NULL);
	link->roams =
		status != NATS_OK && link->others != NULL && !is_stopped(link) && connect_to(link, link->others) == NATS_OK;
	return link->roams ? NATS_OK : status;
}

static natsStatus connect_and_subscribe(struct bus_link *link)
{
	struct bus_wire *wire = &link->wire;
	if (!bus_uses_tls(link->options.bus->address) && (wire->loop = bus_loop_create()) == NULL)
		return NATS_NO_MEMORY;
	attach(link);
	natsStatus status = connect_somewhere(link);
	if (status != NATS_OK) {
		detach(link, 0);
		return status;
	}
	status = subscribe_inbox(link);
	if (status == NATS_OK && link->options.bus->listen != NULL)
		status =
			subscribe(link, &wire->listening, link->options.bus->listen, link->options.on_word, link->options.closure);
	return status;
}

static bool prepare(struct bus_link *link, char *why, size_t size)
{
	jsCtx *js = NULL;
	jsOptions options;
	jsOptions_Init(&options);
	natsStatus status = natsConnection_JetStream(&js, link->wire.connection, &options);
	if (status != NATS_OK) {
		snprintf(why, size, "JetStream: %s", bus_advice(status));
		return false;
	}
	bool good = link->options.bus->prepare(link->options.bus->closure, link->wire.connection, js, why, size);
	jsCtx_Destroy(js);
	return good;
}

void bus_wire_close(struct bus_wire *wire)
{
	/* The order matters: the loop uses the connection, which calls the loop while it is closed, and destroying a
	 * subscription of an open connection has crashed. */
	bus_loop_stop(wire->loop);
	natsConnection_Close(wire->connection);
	bus_loop_destroy(wire->loop);
	natsConnection_Destroy(wire->connection);
	natsSubscription_Destroy(wire->inbox);
	natsSubscription_Destroy(wire->listening);
	*wire = (struct bus_wire){0};
}

static void set_current(struct bus_link *link, const natsConnection *connection)
{
	pthread_mutex_lock(&link->lock);
	link->current = connection;
	pthread_mutex_unlock(&link->lock);
}

/* The thread is about to wait for answers on a connection; NULL: no longer, and the connection can be destroyed. False:
 * the link is being stopped, and the thread must not begin to wait. */
static bool wait_on(void *closure, natsConnection *connection)
{
	struct bus_link *link = closure;
	pthread_mutex_lock(&link->lock);
	while (link->ending)
		pthread_cond_wait(&link->changed, &link->lock);
	link->waits_on = connection;
	bool stopped = link->events & LINK_STOP;
	pthread_mutex_unlock(&link->lock);
	return !stopped;
}

/* Closes the connection on which the thread waits, which ends the wait. The lock is not held meanwhile, because the
 * client library may call the link's callbacks. The thread cannot destroy the connection before wait_on() returns. */
static void end_wait(struct bus_link *link)
{
	pthread_mutex_lock(&link->lock);
	natsConnection *connection = link->waits_on;
	/* The thread does not change its wire while it waits. */
	struct bus_loop *loop = connection != NULL && connection == link->wire.connection ? link->wire.loop : NULL;
	link->ending = connection != NULL;
	if (link->ending)
		link->current = NULL; /* this is no loss of the connection */
	pthread_mutex_unlock(&link->lock);
	if (connection == NULL)
		return;
	bus_loop_stop(loop);
	natsConnection_Close(connection);
	pthread_mutex_lock(&link->lock);
	link->ending = false;
	pthread_cond_signal(&link->changed);
	pthread_mutex_unlock(&link->lock);
}

/* Without a loop, the library does this itself. */
static void remember_others(struct bus_link *link)
{
	if (link->wire.connection == NULL || link->wire.loop == NULL)
		return;
	char *others = bus_servers_named(link->wire.connection, link->roams ? link->others : NULL);
	if (others == NULL)
		return;
	free(link->others);
	link->others = others;
}

/* Abandons the connection. If the receiver has it, the receiver closes it when it gets the next one. */
static void abandon(struct bus_link *link)
{
	remember_others(link);
	set_current(link, NULL);
	if (!link->given)
		bus_wire_close(&link->wire);
	link->wire = (struct bus_wire){0};
	link->given = false;
}

/* The probes of the options, after those for the subscriptions of the link itself. */
static void list_probes(struct bus_link *link)
{
	const struct bus_options *bus = link->options.bus;
	struct bus_probe *next = link->probe;
	if (bus->probe == NULL)
		return;
	snprintf(next->subject, sizeof next->subject, "%s", link->options.inbox);
	next++->needed = true;
	if (bus->listen != NULL)
		snprintf(next++->subject, sizeof next->subject, "%s", bus->listen);
	for (const struct bus_probe *probe = bus->probe; probe->subject[0] != '\0'; probe++)
		if (next < link->probe + BUS_PROBES_LIMIT)
			*next++ = *probe;
}

static bool lacks_permissions(const struct bus_link *link)
{
	return link->probe[0].subject[0] != '\0' && (link->probed_at == 0 || link->probed != PROBED_GOOD);
}

/* Tests the permissions. False: a required one is missing; `why` names it. */
static bool probe(struct bus_link *link, char *why, size_t size)
{
	const struct bus_probe_wait wait = {wait_on, link};
	link->probed =
		bus_probe(link->probe, link->options.bus->address, &link->options.bus->permissions, &wait, why, size);
	link->probed_at = clock_monotonic();
	if (link->probed != PROBED_NOTHING)
		return true;
	report_unknown(&link->options.bus->facts, "unknown while the permission is missing");
	return false;
}

/* One attempt to come up. False: failed; `why` has the reason. */
static bool come_up(struct bus_link *link, char *why, size_t size)
{
	if (link->wire.connection == NULL) {
		link->deaf = false;
		(void)await(link, 1, LINK_PERMISSIONS); /* discards events of the last connection */
		natsStatus status = connect_and_subscribe(link);
		if (status != NATS_OK) {
			snprintf(why, size, "%s", bus_advice(status));
			report_away(&link->options.bus->facts, why);
			abandon(link);
			return false;
		}
	}
	set_current(link, link->wire.connection);
	report_connected(&link->options.bus->facts, link->wire.connection);
	/* Permissions rarely change, and a denial is reported by the broker. */
	if (lacks_permissions(link) && !probe(link, why, size)) {
		abandon(link);
		return false;
	}
	bool prepared = wait_on(link, link->wire.connection) && prepare(link, why, size);
	(void)wait_on(link, NULL);
	if (!prepared)
		return false;
	permissions_worked(&link->options.bus->permissions);
	link->given = true;
	link->options.on_up(link->options.closure, &link->wire);
	return true;
}

/* Waits for an event that requires coming up again, and returns it. While a permission is missing, it is tested at
 * intervals; 0 means that the connection must be abandoned because of it. */
static unsigned stay_up(struct bus_link *link, char *why, size_t size)
{
	for (;;) {
		nanos interval = link->probed == PROBED_LESS ? PROBE_INTERVAL : PROBE_INTERVAL_SHORT;
		nanos left = link->probed_at + interval - clock_monotonic();
		bool lacks = lacks_permissions(link);
		unsigned events = lacks && left <= 0 ? 0 : await(link, lacks ? left : 0, LINK_ALL);
		link->deaf = link->deaf || (events & LINK_DEAF);
		if ((events & LINK_REFUSED) && link->probed == PROBED_GOOD)
			link->probed = PROBED_UNKNOWN;
		events &= ~(unsigned)LINK_PERMISSIONS;
		if (events != 0)
			return events;
		if (!lacks || left > 0)
			continue;
		if (!probe(link, why, size))
			return 0;
		if (link->deaf && link->probed == PROBED_GOOD) {
			snprintf(why, size, "a missing permission was granted");
			return 0;
		}
	}
}

static void *run_link(void *closure)
{
	struct bus_link *link = closure;
	const char *endpoint =
		link->options.bus->broker != NULL ? link->options.bus->broker : link->options.bus->address->endpoint;
	char said[256] = "", why[256];
	nanos pause = PAUSE_FIRST;
	unsigned events = LINK_BACK;
	bool up = false;
	while (!(events & LINK_STOP)) {
		/* The end of an earlier connection, which this thread or the receiver closed, may be reported late. */
		if ((events & LINK_CLOSED) && natsConnection_IsClosed(link->wire.connection))
			abandon(link);
		if (come_up(link, why, sizeof why)) {
			if (said[0] != '\0')
				log_info(link->options.bus->log, "broker %s: connected", endpoint);
			said[0] = '\0';
			up = true;
			pause = PAUSE_FIRST;
			events = stay_up(link, why, sizeof why);
			if (events != 0)
				continue;
			abandon(link);
		}
		if (is_stopped(link))
			break;
		/* A broker that cannot be prepared counts as unreachable. */
		if (up)
			link->options.on_down(link->options.closure);
		up = false;
		/* Each reason is logged once and not at every attempt. */
		if (strcmp(said, why) != 0)
			log_warning(link->options.bus->log, "broker %s: %s; retrying", endpoint, why);
		snprintf(said, sizeof said, "%s", why);
		bool refused = link->probed_at != 0 && link->probed == PROBED_NOTHING;
		events = await(link, refused ? PROBE_INTERVAL_SHORT : pause, ~(unsigned)LINK_PERMISSIONS);
		pause = pause * 2 < PAUSE_LIMIT ? pause * 2 : PAUSE_LIMIT;
	}
	return NULL;
}

struct bus_link *bus_link_create(const struct bus_link_options *options)
{
	struct bus_link *link = alloc_zeroed(1, sizeof *link);
	lock_init(&link->lock);
	condition_init(&link->changed);
	link->options = *options;
	list_probes(link);
	if (pthread_create(&link->thread, NULL, run_link, link) == 0)
		return link;
	pthread_cond_destroy(&link->changed);
	pthread_mutex_destroy(&link->lock);
	free(link);
	return NULL;
}

void bus_link_stop(struct bus_link *link, const natsConnection *taken)
{
	post(link, LINK_STOP);
	end_wait(link);
	pthread_join(link->thread, NULL);
	/* A connection that the receiver has not taken yet is closed here. */
	if (link->wire.connection != taken)
		bus_wire_close(&link->wire);
}

void bus_link_destroy(struct bus_link *link)
{
	nanos until = clock_monotonic() + FAREWELL_TIMEOUT;
	pthread_mutex_lock(&link->lock);
	while (link->attached > 0 && condition_wait_until(&link->changed, &link->lock, until))
		;
	bool silent = link->attached == 0;
	pthread_mutex_unlock(&link->lock);
	if (!silent) /* leaking memory is better than a callback into freed memory */
		return;
	pthread_cond_destroy(&link->changed);
	pthread_mutex_destroy(&link->lock);
	free(link->others);
	free(link);
}

void bus_link_prepare_again(struct bus_link *link)
{
	post(link, LINK_PREPARE);
}
