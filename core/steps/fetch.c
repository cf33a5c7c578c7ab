/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"

/* Of a pipe: enough that neither side waits for the other at each chunk. */
#define PIPE_SIZE (256 * 1024)

struct fetch {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool ordered, stop;
	struct fetch_order order;
	struct content *content;
	int cancel; /* an eventfd */
	char *few;  /* FETCH_PACKET_LIMIT */
	struct text packet;
	fetch_done *done;
	void *closure;
};

/* Reads until the end, or until `few` is full and there is more: *more. -1: an error. */
static ssize_t read_few(struct fetch *fetch, const void **more, size_t *more_length)
{
	size_t length = 0;
	*more_length = 0;
	for (;;) {
		ssize_t count = content_read(fetch->content, more);
		if (count <= 0)
			return count < 0 ? -1 : (ssize_t)length;
		if ((size_t)count > FETCH_PACKET_LIMIT - length) {
			*more_length = (size_t)count;
			return (ssize_t)length;
		}
		memcpy(fetch->few + length, *more, (size_t)count);
		length += (size_t)count;
	}
}

static bool write_pipe(const struct fetch *fetch, int pipe, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t count = write(pipe, bytes, length);
		if (count < 0 && errno == EAGAIN) {
			struct pollfd wait[2] = {{.fd = pipe, .events = POLLOUT}, {.fd = fetch->cancel, .events = POLLIN}};
			if (poll(wait, 2, -1) > 0 && wait[1].revents != 0)
				return false;
		} else if (count < 0 && errno != EINTR) {
			return false; /* the module reads no more */
		}
		bytes += count > 0 ? count : 0;
		length -= count > 0 ? (size_t)count : 0;
	}
	return true;
}

/* What was read already, and all that follows. False: the other side reads no more, or an error. */
static bool pump(struct fetch *fetch, int pipe, size_t length, const void *more, size_t more_length, bool *error)
{
	bool good = write_pipe(fetch, pipe, fetch->few, length) && write_pipe(fetch, pipe, more, more_length);
	while (good) {
		ssize_t count = content_read(fetch->content, &more);
		if (count <= 0) {
			*error = count < 0;
			return true;
		}
		good = write_pipe(fetch, pipe, more, (size_t)count);
	}
	return false;
}

/* Sends the packet, with bytes and a descriptor. Waits for room, but not beyond the cancellation: somebody else may
 * hold the worker's end of the socket and read nothing. */
static bool send_packet(const struct fetch *fetch, size_t length, int descriptor)
{
	int control = fetch->order.control;
	struct pollfd wait[2] = {{.fd = control, .events = POLLOUT}, {.fd = fetch->cancel, .events = POLLIN}};
	while (!channel_send(control, &fetch->packet, fetch->few, length, descriptor, false)) {
		if (errno != EAGAIN || (poll(wait, 2, -1) > 0 && wait[1].revents != 0))
			return false;
	}
	return true;
}

static void send_end(struct fetch *fetch, const char *error)
{
	end_encode(&fetch->packet, fetch->order.number, error);
	send_packet(fetch, 0, -1);
}

static void send_by_pipe(struct fetch *fetch, size_t length, const void *more, size_t more_length)
{
	int ends[2];
	bool error = false;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		send_end(fetch, "the service has no pipe for the bytes");
		return;
	}
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
	plain_encode(&fetch->packet, MESSAGE_BYTES, fetch->order.number);
	bool sent = send_packet(fetch, 0, ends[0]);
	close(ends[0]);
	bool read = sent && pump(fetch, ends[1], length, more, more_length, &error);
	close(ends[1]);
	if (read)
		send_end(fetch, error ? content_error(fetch->content) : NULL);
}

static bool send_run(struct fetch *fetch, bool with_bytes, size_t length)
{
	struct run_description description;
	run_describe(fetch->order.run, fetch->order.deadline, &description);
	run_encode(&fetch->packet, fetch->order.number, &description.facts, with_bytes);
	return send_packet(fetch, with_bytes ? length : 0, -1);
}

static void carry_out(struct fetch *fetch)
{
	const struct fetch_order *order = &fetch->order;
	const struct upload *upload = order->run->upload;
	const void *more = NULL;
	size_t more_length = 0;
	int unsent = 0;
	content_open(fetch->content, upload->url, upload->filesize, order->deadline, fetch->cancel);
	ssize_t length = read_few(fetch, &more, &more_length);
	if (order->send_run) {
		errno = 0;
		if (!send_run(fetch, length >= 0 && more_length == 0, length > 0 ? (size_t)length : 0))
			unsent = errno != 0 ? errno : ECANCELED;
	} else if (length < 0) {
		send_end(fetch, content_error(fetch->content));
	} else if (more_length > 0) {
		send_by_pipe(fetch, (size_t)length, more, more_length);
	} else {
		plain_encode(&fetch->packet, MESSAGE_BYTES, order->number);
		send_packet(fetch, (size_t)length, -1);
	}
	bool gone = content_gone(fetch->content);
	content_close(fetch->content);
	fetch->done(fetch->closure, unsent, gone);
}

static void *work(void *closure)
{
	struct fetch *fetch = closure;
	for (;;) {
		pthread_mutex_lock(&fetch->lock);
		while (!fetch->ordered && !fetch->stop)
			pthread_cond_wait(&fetch->changed, &fetch->lock);
		bool stop = fetch->stop;
		fetch->ordered = false;
		pthread_mutex_unlock(&fetch->lock);
		if (stop)
			return NULL;
		carry_out(fetch);
	}
}

struct fetch *fetch_create(const struct content_options *options, fetch_done *done, void *closure)
{
	struct fetch *fetch = alloc_zeroed(1, sizeof *fetch);
	fetch->done = done;
	fetch->closure = closure;
	fetch->few = alloc_bytes(FETCH_PACKET_LIMIT);
	fetch->content = content_create(options);
	fetch->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	lock_init(&fetch->lock);
	condition_init(&fetch->changed);
	if (fetch->content != NULL && fetch->cancel >= 0 && pthread_create(&fetch->thread, NULL, work, fetch) == 0)
		return fetch;
	fetch->stop = true; /* there is no thread to join */
	fetch_destroy(fetch);
	return NULL;
}

void fetch_destroy(struct fetch *fetch)
{
	if (fetch == NULL)
		return;
	if (!fetch->stop) {
		pthread_mutex_lock(&fetch->lock);
		fetch->stop = true;
		pthread_cond_signal(&fetch->changed);
		pthread_mutex_unlock(&fetch->lock);
		pthread_join(fetch->thread, NULL);
	}
	content_destroy(fetch->content);
	if (fetch->cancel >= 0)
		close(fetch->cancel);
	text_free(&fetch->packet);
	free(fetch->few);
	pthread_cond_destroy(&fetch->changed);
	pthread_mutex_destroy(&fetch->lock);
	free(fetch);
}

void fetch_begin(struct fetch *fetch, const struct fetch_order *order)
{
	uint64_t count;
	while (read(fetch->cancel, &count, sizeof count) > 0)
		;
	pthread_mutex_lock(&fetch->lock);
	fetch->order = *order;
	fetch->ordered = true;
	pthread_cond_signal(&fetch->changed);
	pthread_mutex_unlock(&fetch->lock);
}

void fetch_cancel(struct fetch *fetch)
{
	const uint64_t one = 1;
	ssize_t written = write(fetch->cancel, &one, sizeof one);
	(void)written; /* a full eventfd is readable too */
}
