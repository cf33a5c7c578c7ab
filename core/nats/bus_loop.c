/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nats/bus_loop.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"

struct bus_loop {
	pthread_t thread;
	int wake; /* an eventfd */
	/* Held while sending, so that no thread finds the buffer empty because another one has sent it: the library treats
	 * that as an error. */
	pthread_mutex_t sending;
	pthread_mutex_t lock;
	/* Under the lock: */
	natsConnection *connection; /* NULL: none is attached */
	int fd;
	struct bus_reader reader; /* subscription NULL: not set yet */
	bool reading, writing;    /* what the library waits for */
	bool urgent;              /* the loop's thread has to write, because no flush will follow */
	bool gathering;
	pthread_t gatherer;
	bool stop;
	bool ended; /* the thread has been joined; of the thread that stops the loop */
};

static void wake(struct bus_loop *loop)
{
	/* This fails only if the counter is full, and then the thread wakes up anyway. */
	ssize_t written = write(loop->wake, &(uint64_t){1}, sizeof(uint64_t));
	(void)written;
}

/* Functions that the library calls, on any thread. */
static natsStatus on_attach(void **data, void *closure, natsConnection *connection, natsSock fd)
{
	struct bus_loop *loop = closure;
	/* The library does not set this: programs started by a module must not inherit the socket. */
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	pthread_mutex_lock(&loop->lock);
	loop->connection = connection;
	loop->fd = fd;
	loop->reading = true;
	loop->writing = loop->urgent = false;
	pthread_mutex_unlock(&loop->lock);
	*data = loop;
	wake(loop);
	return NATS_OK;
}

static natsStatus on_read(void *data, bool add)
{
	struct bus_loop *loop = data;
	pthread_mutex_lock(&loop->lock);
	loop->reading = add;
	pthread_mutex_unlock(&loop->lock);
	wake(loop);
	return NATS_OK;
}

static natsStatus on_write(void *data, bool add)
{
	struct bus_loop *loop = data;
	pthread_mutex_lock(&loop->lock);
	loop->writing = add;
	loop->urgent = add && !(loop->gathering && pthread_equal(loop->gatherer, pthread_self()));
	bool urgent = loop->urgent;
	pthread_mutex_unlock(&loop->lock);
	if (urgent)
		wake(loop);
	return NATS_OK;
}

static natsStatus on_detach(void *data)
{
	struct bus_loop *loop = data;
	pthread_mutex_lock(&loop->lock);
	loop->connection = NULL;
	pthread_mutex_unlock(&loop->lock);
	wake(loop);
	return NATS_OK;
}

/* Sends the buffered messages. */
static void send_waiting(struct bus_loop *loop, natsConnection *connection)
{
	pthread_mutex_lock(&loop->sending);
	pthread_mutex_lock(&loop->lock);
	bool waiting = loop->writing && loop->connection == connection;
	pthread_mutex_unlock(&loop->lock);
	if (waiting)
		natsConnection_ProcessWriteEvent(connection);
	pthread_mutex_unlock(&loop->sending);
}

/* Waits until the socket is ready for the operations that the library wants, and returns those that are possible. */
static short await_socket(struct bus_loop *loop, natsConnection **connection)
{
	pthread_mutex_lock(&loop->lock);
	short events = (short)((loop->reading ? POLLIN : 0) | (loop->urgent ? POLLOUT : 0));
	struct pollfd ready[] = {{.fd = loop->wake, .events = POLLIN},
	                         {.fd = loop->connection != NULL ? loop->fd : -1, .events = events}};
	pthread_mutex_unlock(&loop->lock);
	if (events == 0)
		ready[1].fd = -1;
	uint64_t count;
	if (poll(ready, 2, -1) <= 0 || (ready[0].revents != 0 && read(loop->wake, &count, sizeof count) < 0))
		return 0;
	pthread_mutex_lock(&loop->lock);
	/* The connection may have been detached. */
	*connection = loop->connection;
	pthread_mutex_unlock(&loop->lock);
	return ready[1].revents;
}

static bool is_stopped(struct bus_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	bool stop = loop->stop;
	pthread_mutex_unlock(&loop->lock);
	return stop;
}

/* Passes all received messages on in one batch. */
static void read_messages(struct bus_loop *loop)
{
	uint64_t count = 0;
	struct mail *first = NULL, *last = NULL;
	pthread_mutex_lock(&loop->lock);
	struct bus_reader reader = loop->reader;
	pthread_mutex_unlock(&loop->lock);
	if (reader.subscription == NULL || natsSubscription_QueuedMsgs(reader.subscription, &count) != NATS_OK ||
	    count == 0)
		return;
	for (; count > 0; count--) {
		natsMsg *message = NULL;
		natsStatus status = natsSubscription_NextMsg(&message, reader.subscription, 0);
		struct mail *mail =
			status == NATS_OK || status == NATS_NO_RESPONDERS ? reader.make_mail(reader.closure, message) : NULL;
		if (mail == NULL)
			continue;
		*(last != NULL ? &last->next : &first) = mail;
		last = mail;
	}
	if (last != NULL)
		mailbox_send_all(reader.mailbox, first, last);
}

static void *run_loop(void *closure)
{
	struct bus_loop *loop = closure;
	while (!is_stopped(loop)) {
		natsConnection *connection = NULL;
		short events = await_socket(loop, &connection);
		if (connection != NULL && (events & (POLLIN | POLLERR | POLLHUP))) {
			natsConnection_ProcessReadEvent(connection);
			read_messages(loop);
		}
		if (connection != NULL && (events & POLLOUT))
			send_waiting(loop, connection);
	}
	return NULL;
}

struct bus_loop *bus_loop_create(void)
{
	struct bus_loop *loop = alloc_zeroed(1, sizeof *loop);
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	lock_init(&loop->sending);
	lock_init(&loop->lock);
	if (loop->wake >= 0 && pthread_create(&loop->thread, NULL, run_loop, loop) == 0)
		return loop;
	pthread_mutex_destroy(&loop->lock);
	pthread_mutex_destroy(&loop->sending);
	if (loop->wake >= 0)
		close(loop->wake);
	free(loop);
	return NULL;
}

natsStatus bus_loop_set(struct bus_loop *loop, natsOptions *options)
{
	return natsOptions_SetEventLoop(options, loop, on_attach, on_read, on_write, on_detach);
}

void bus_loop_read(struct bus_loop *loop, const struct bus_reader *reader)
{
	pthread_mutex_lock(&loop->lock);
	loop->reader = *reader;
	pthread_mutex_unlock(&loop->lock);
}

void bus_loop_stop(struct bus_loop *loop)
{
	if (loop == NULL || loop->ended)
		return;
	pthread_mutex_lock(&loop->lock);
	loop->stop = true;
	pthread_mutex_unlock(&loop->lock);
	wake(loop);
	pthread_join(loop->thread, NULL);
	loop->ended = true;
}

void bus_loop_destroy(struct bus_loop *loop)
{
	if (loop == NULL)
		return;
	pthread_mutex_destroy(&loop->lock);
	pthread_mutex_destroy(&loop->sending);
	close(loop->wake);
	free(loop);
}

void bus_loop_gather(struct bus_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->gathering = true;
	loop->gatherer = pthread_self();
	pthread_mutex_unlock(&loop->lock);
}

void bus_loop_flush(struct bus_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	natsConnection *connection = loop->writing ? loop->connection : NULL;
	pthread_mutex_unlock(&loop->lock);
	if (connection == NULL)
		return;
	/* The descriptor belongs to us until we close it, even if the connection has been detached. */
	send_waiting(loop, connection);
	pthread_mutex_lock(&loop->lock);
	bool rest = loop->writing;
	loop->urgent = rest;
	pthread_mutex_unlock(&loop->lock);
	if (rest)
		wake(loop);
}
