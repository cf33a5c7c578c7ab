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
#include "core/steps/seclusion.h"

/* Of a pipe: enough that neither side waits for the other at each chunk. */
#define PIPE_SIZE (256 * 1024)

struct fetch {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool ordered, stop;
	struct fetch_order order;
	struct content *content;
	struct copies *copies;
	struct shared_copy *held; /* the worker has a descriptor of it; NULL: of none */
	bool gone;                /* the order found that the bytes no longer exist */
	int cancel;               /* an eventfd */
	char *few;                /* FETCH_PACKET_LIMIT */
	uint64_t whole;           /* the run whose bytes are all in `few`; 0: none */
	size_t length;            /* of them */
	struct text packet;
	fetch_done *done;
	void *closure;
};

/* What the order is about. */
static struct copy_source source_of(const struct fetch *fetch)
{
	const struct upload *upload = fetch->order.run->upload;
	return (struct copy_source){.id = upload->id,
	                            .url = upload->url,
	                            .size = upload->filesize,
	                            .deadline = fetch->order.deadline,
	                            .cancel_fd = fetch->cancel};
}

/* Reads until the end, or until `few` is full and there is more: *more. -1: an error. */
static ssize_t read_few(struct fetch *fetch, const void **more, size_t *more_length)
{
	const struct copy_source source = source_of(fetch);
	size_t length = 0;
	*more_length = 0;
	content_open(fetch->content, source.url, source.size, source.deadline, source.cancel_fd);
	fetch->whole = 0;
	for (;;) {
		ssize_t count = content_read(fetch->content, more);
		fetch->gone = count < 0 && content_gone(fetch->content);
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
			fetch->gone = count < 0 && content_gone(fetch->content);
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

/* All bytes of the run's upload are in `few`. */
static void note_whole(struct fetch *fetch, size_t length)
{
	fetch->whole = fetch->order.number;
	fetch->length = length;
}

static void send_end(struct fetch *fetch, const char *error)
{
	end_encode(&fetch->packet, fetch->order.number, fetch->order.request.number, error);
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
	bytes_encode(&fetch->packet, fetch->order.number, fetch->order.request.number);
	bool sent = send_packet(fetch, 0, ends[0]);
	close(ends[0]);
	bool read = sent && pump(fetch, ends[1], length, more, more_length, &error);
	close(ends[1]);
	if (read)
		send_end(fetch, error ? content_error(fetch->content) : NULL);
}

/* Takes the copy over, until the run ends. */
static const struct copy *hold(struct fetch *fetch, struct shared_copy *shared)
{
	fetch_release(fetch);
	fetch->held = shared;
	return shared_copy_get(shared);
}

/* The copy takes the place of the pipe. */
static void send_copy_as_stream(struct fetch *fetch, const struct copy *copy)
{
	int file = copy_open(copy);
	if (file < 0) {
		send_end(fetch, "the copy of the upload cannot be opened");
		return;
	}
	bytes_encode(&fetch->packet, fetch->order.number, fetch->order.request.number);
	bool sent = send_packet(fetch, 0, file);
	close(file);
	if (sent)
		send_end(fetch, NULL);
}

static void send_stream(struct fetch *fetch)
{
	const struct copy_source source = source_of(fetch);
	struct shared_copy *shared = copies_find(fetch->copies, &source);
	const void *more = NULL;
	size_t more_length = 0;
	if (shared != NULL) {
		send_copy_as_stream(fetch, hold(fetch, shared));
		return;
	}
	ssize_t length = read_few(fetch, &more, &more_length);
	if (length < 0) {
		send_end(fetch, content_error(fetch->content));
	} else if (more_length > 0) {
		send_by_pipe(fetch, (size_t)length, more, more_length);
	} else {
		note_whole(fetch, (size_t)length);
		bytes_encode(&fetch->packet, fetch->order.number, fetch->order.request.number);
		send_packet(fetch, (size_t)length, -1);
	}
}

/* The copy, which is made if there is none. NULL: failed. */
static struct shared_copy *obtain(struct fetch *fetch, bool digest, char error[COPY_ERROR_SIZE])
{
	struct copy_source source = source_of(fetch);
	if (fetch->whole == fetch->order.number) {
		source.bytes = fetch->few;
		source.size = (int64_t)fetch->length;
	}
	return copies_obtain(fetch->copies, &source, fetch->content, digest, &fetch->gone, error);
}

/* Puts the upload into the quarantine, and says so. */
static void send_quarantined(struct fetch *fetch)
{
	const struct fetch_order *order = &fetch->order;
	char error[COPY_ERROR_SIZE];
	struct shared_copy *shared = obtain(fetch, true, error);
	if (shared == NULL) {
		send_end(fetch, error);
		return;
	}
	const struct seclusion seclusion = {.quarantine = order->quarantine,
	                                    .run = order->run,
	                                    .step = order->step,
	                                    .words = &order->request.words,
	                                    .copy = shared,
	                                    .deadline = order->deadline,
	                                    .cancel_fd = fetch->cancel};
	bool good = seclude(&seclusion, error);
	copies_put_back(fetch->copies, shared);
	send_end(fetch, good ? NULL : error);
}

static void send_copy(struct fetch *fetch)
{
	const struct fetch_order *order = &fetch->order;
	char error[COPY_ERROR_SIZE];
	struct shared_copy *shared = obtain(fetch, order->request.digest, error);
	if (shared == NULL) {
		send_end(fetch, error);
		return;
	}
	const struct copy *copy = hold(fetch, shared);
	int file = copy_open(copy);
	if (file < 0) {
		send_end(fetch, "the copy of the upload cannot be opened");
		return;
	}
	const struct copied_message copied = {order->request.number, copy_size(copy), shared_copy_digest(shared)};
	copied_encode(&fetch->packet, order->number, &copied);
	send_packet(fetch, 0, file);
	close(file);
}

/* Reads what few bytes the copy has. -1: they are more than few. */
static ssize_t read_copy(struct fetch *fetch, const struct copy *copy)
{
	int64_t size = copy_size(copy);
	fetch->whole = 0;
	return size <= (int64_t)FETCH_PACKET_LIMIT && copy_read(copy, fetch->few, (size_t)size, 0) == size ? (ssize_t)size
	                                                                                                   : -1;
}

/* Returns why the worker did not get it (errno); 0: it has it. */
static int send_run(struct fetch *fetch)
{
	const struct copy_source source = source_of(fetch);
	struct shared_copy *shared = copies_find(fetch->copies, &source);
	struct run_description description;
	const void *more;
	size_t more_length = 0;
	ssize_t length = shared != NULL ? read_copy(fetch, shared_copy_get(shared)) : read_few(fetch, &more, &more_length);
	bool whole = length >= 0 && more_length == 0;
	if (shared != NULL)
		copies_put_back(fetch->copies, shared);
	if (whole)
		note_whole(fetch, (size_t)length);
	run_describe(fetch->order.run, fetch->copies, fetch->order.deadline, &description);
	run_encode(&fetch->packet, fetch->order.number, &description.facts, whole);
	run_description_free(&description);
	errno = 0;
	if (send_packet(fetch, whole ? (size_t)length : 0, -1))
		return 0;
	return errno != 0 ? errno : ECANCELED;
}

static void carry_out(struct fetch *fetch)
{
	const struct fetch_order *order = &fetch->order;
	int unsent = 0;
	fetch->gone = false;
	if (fetch->whole != order->number)
		fetch->whole = 0;
	if (order->send_run)
		unsent = send_run(fetch);
	else if (order->request.quarantine)
		send_quarantined(fetch);
	else if (order->request.copy)
		send_copy(fetch);
	else
		send_stream(fetch);
	content_close(fetch->content);
	fetch->done(fetch->closure, unsent, fetch->gone);
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

struct fetch *fetch_create(const struct content_options *options, struct copies *copies, fetch_done *done,
                           void *closure)
{
	struct fetch *fetch = alloc_zeroed(1, sizeof *fetch);
	fetch->copies = copies;
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
	fetch_release(fetch);
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
	/* One read takes all that an eventfd has counted. */
	ssize_t length = read(fetch->cancel, &count, sizeof count);
	(void)length;
	pthread_mutex_lock(&fetch->lock);
	fetch->order = *order;
	fetch->ordered = true;
	pthread_cond_signal(&fetch->changed);
	pthread_mutex_unlock(&fetch->lock);
}

void fetch_release(struct fetch *fetch)
{
	if (fetch != NULL && fetch->held != NULL) {
		copies_put_back(fetch->copies, fetch->held);
		fetch->held = NULL;
	}
}

void fetch_cancel(struct fetch *fetch)
{
	const uint64_t one = 1;
	ssize_t written = write(fetch->cancel, &one, sizeof one);
	(void)written; /* a full eventfd is readable too */
}
