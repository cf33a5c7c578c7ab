/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/proxy.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/text.h"
#include "tests/torture/torture.h"

/* How often the switches are checked (milliseconds). */
#define TURN 10
/* How much may wait for a side that does not read. */
#define WAITING_LIMIT ((size_t)4 << 20)
#define PIECE_LIMIT 48
#define BACKLOG 128

enum side { INSTANCE, BROKER };

struct connection {
	struct connection *next;
	unsigned instance;
	int fd[2];            /* of each side */
	struct text in[2];    /* read there, but not a whole frame yet */
	struct text out[2];   /* to be written there */
	bool ending;          /* one side has ended: what waits is still delivered */
	struct pollfd *ready; /* two of them, in this round; NULL: not polled */
	struct dialogue dialogue;
};

/* Where an instance connects in place of one of the brokers. */
struct door {
	int listener;
	unsigned port, instance, broker_port;
};

struct proxy {
	pthread_t thread;
	pthread_mutex_t lock;
	const char *host; /* borrowed */
	/* Under the lock: */
	bool stop;
	struct door door[TORTURE_INSTANCES * TORTURE_BROKERS];
	unsigned doors;
	struct gate gate[TORTURE_INSTANCES];
	struct connection *first;
	struct ledger *ledger;
	uint64_t random;
	/* Used by the thread only: */
	struct pollfd *ready;
	size_t size;
};

static struct sockaddr_in address_of(const char *host, unsigned port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = inet_addr(host)};
}

static void close_side(struct connection *connection, enum side side)
{
	if (connection->fd[side] >= 0)
		close(connection->fd[side]);
	connection->fd[side] = -1;
}

static void hang_up(struct connection *connection)
{
	close_side(connection, INSTANCE);
	close_side(connection, BROKER);
}

static void hang_up_all(struct proxy *proxy, unsigned instance)
{
	for (struct connection *connection = proxy->first; connection != NULL; connection = connection->next)
		if (connection->instance == instance)
			hang_up(connection);
}

static void take_off(struct text *text, size_t length)
{
	memmove(text->data, text->data + length, text->length - length);
	text->length -= length;
}

/* Writes what waits for a side. */
static void deliver(struct proxy *proxy, struct connection *connection, enum side side)
{
	struct text *out = &connection->out[side];
	bool pieces = proxy->gate[connection->instance].pieces;
	while (out->length > 0 && connection->fd[side] >= 0) {
		size_t length = out->length;
		if (pieces && length > PIECE_LIMIT)
			length = 1 + (size_t)torture_random(&proxy->random, PIECE_LIMIT);
		ssize_t sent = send(connection->fd[side], out->data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN && errno != EINTR && errno != ENOTCONN)
			hang_up(connection);
		if (sent <= 0)
			return;
		take_off(out, (size_t)sent);
		if (pieces)
			return;
	}
}

static void pass(struct connection *connection, enum side to, const char *bytes, size_t length)
{
	text_add_bytes(&connection->out[to], bytes, length);
	ck_assert(!connection->out[to].failed);
}

static void strike(struct proxy *proxy, struct connection *connection)
{
	struct gate *gate = &proxy->gate[connection->instance];
	/* What passed before must arrive; what comes after was never sent. */
	gate->pieces = false;
	deliver(proxy, connection, BROKER);
	deliver(proxy, connection, INSTANCE);
	kill(gate->pid, SIGKILL);
	gate->pid = 0;
	gate->sprung = true;
	gate->trap.set = false;
	hang_up_all(proxy, connection->instance);
}

static bool matches(const struct trap *trap, enum point point)
{
	return point == trap->point || (trap->point == POINT_WRITE && point == POINT_TAKE_OVER);
}

static bool is_lost(struct proxy *proxy, struct gate *gate, enum point point)
{
	unsigned percent = point_is_answer(point) ? gate->answers_lost : point == POINT_ACKNOWLEDGE ? gate->acks_lost : 0;
	if (percent == 0 || torture_random(&proxy->random, 100) >= percent)
		return false;
	++*(point == POINT_ACKNOWLEDGE ? &gate->lost_acks : &gate->lost_answers);
	return true;
}

/* A frame has come from one side. */
static void judge(struct proxy *proxy, struct connection *connection, enum side from, const char *bytes,
                  const struct frame *frame)
{
	struct gate *gate = &proxy->gate[connection->instance];
	enum side to = from == BROKER ? INSTANCE : BROKER;
	enum point point = dialogue_name(&connection->dialogue, frame, from == BROKER);
	bool trapped = gate->trap.set && gate->pid != 0 && matches(&gate->trap, point) && gate->trap.skip-- == 0;
	if (gate->cut && frame->carries) {
		gate->cut = false;
		gate->cuts++;
		pass(connection, to, bytes, frame->size / 2);
		deliver(proxy, connection, to);
		hang_up(connection);
		return;
	}
	if (!(trapped && gate->trap.withhold) && !is_lost(proxy, gate, point))
		pass(connection, to, bytes, frame->size);
	if (trapped)
		strike(proxy, connection);
}

static void take_apart(struct proxy *proxy, struct connection *connection, enum side from)
{
	struct text *in = &connection->in[from];
	size_t used = 0;
	while (used < in->length && connection->fd[from] >= 0) {
		struct frame frame;
		enum framing framing = frame_read(in->data + used, in->length - used, &frame);
		ck_assert_msg(framing != FRAMING_WRONG, "the proxy does not understand: %.200s", in->data + used);
		if (framing == FRAMING_PART)
			break;
		judge(proxy, connection, from, in->data + used, &frame);
		used += frame.size;
	}
	if (used > 0)
		take_off(in, used);
}

static void read_side(struct proxy *proxy, struct connection *connection, enum side side)
{
	char block[65536];
	ssize_t got = recv(connection->fd[side], block, sizeof block, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		connection->ending = true;
		close_side(connection, side);
		return;
	}
	text_add_bytes(&connection->in[side], block, (size_t)got);
	ck_assert(!connection->in[side].failed);
	take_apart(proxy, connection, side);
}

static void serve(struct proxy *proxy, struct connection *connection)
{
	for (enum side side = INSTANCE; side <= BROKER; side++) {
		if (connection->ready == NULL || connection->fd[side] < 0 || connection->fd[side] != connection->ready[side].fd)
			continue;
		if (connection->ready[side].revents & (POLLIN | POLLHUP | POLLERR))
			read_side(proxy, connection, side);
	}
	deliver(proxy, connection, INSTANCE);
	deliver(proxy, connection, BROKER);
	bool waits = (connection->fd[INSTANCE] >= 0 && connection->out[INSTANCE].length > 0) ||
	             (connection->fd[BROKER] >= 0 && connection->out[BROKER].length > 0);
	if (connection->ending && !waits)
		hang_up(connection);
}

static int connect_broker(unsigned port)
{
	struct sockaddr_in address = address_of(PROXY_LOOPBACK, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(fd, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

static void welcome(struct proxy *proxy, const struct door *door)
{
	int fd = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	int broker = connect_broker(door->broker_port);
	if (broker < 0) {
		close(fd);
		return;
	}
	int yes = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* only slower without */
	setsockopt(broker, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	struct connection *connection = calloc(1, sizeof *connection);
	ck_assert_ptr_nonnull(connection);
	*connection = (struct connection){
		.next = proxy->first,
		.instance = door->instance,
		.fd = {fd, broker},
		.dialogue = {.ledger = proxy->ledger, .instance = door->instance},
	};
	proxy->first = connection;
}

static void forget(struct connection *connection)
{
	hang_up(connection);
	for (enum side side = INSTANCE; side <= BROKER; side++) {
		text_free(&connection->in[side]);
		text_free(&connection->out[side]);
	}
	dialogue_end(&connection->dialogue);
	free(connection);
}

/* Frees those that have no side left. */
static void sweep(struct proxy *proxy)
{
	for (struct connection **link = &proxy->first; *link != NULL;) {
		struct connection *connection = *link;
		if (connection->fd[INSTANCE] >= 0 || connection->fd[BROKER] >= 0) {
			link = &connection->next;
			continue;
		}
		*link = connection->next;
		forget(connection);
	}
}

static short wanted(const struct connection *connection, enum side side)
{
	enum side other = side == BROKER ? INSTANCE : BROKER;
	bool room = connection->out[other].length < WAITING_LIMIT && !connection->ending;
	return (short)((room ? POLLIN : 0) | (connection->out[side].length > 0 ? POLLOUT : 0));
}

/* What to poll. During a partition nothing is read. */
static size_t gather(struct proxy *proxy)
{
	size_t count = proxy->doors;
	for (struct connection *connection = proxy->first; connection != NULL; connection = connection->next)
		count += 2;
	if (count > proxy->size) {
		proxy->ready = realloc(proxy->ready, count * sizeof *proxy->ready);
		ck_assert_ptr_nonnull(proxy->ready);
		proxy->size = count;
	}
	struct pollfd *ready = proxy->ready;
	for (const struct door *door = proxy->door; door < proxy->door + proxy->doors; door++)
		*ready++ = (struct pollfd){.fd = proxy->gate[door->instance].hole ? -1 : door->listener, .events = POLLIN};
	for (struct connection *connection = proxy->first; connection != NULL; connection = connection->next) {
		connection->ready = ready;
		for (enum side side = INSTANCE; side <= BROKER; side++)
			*ready++ = (struct pollfd){.fd = proxy->gate[connection->instance].hole ? -1 : connection->fd[side],
			                           .events = wanted(connection, side)};
	}
	return count;
}

static void turn(struct proxy *proxy)
{
	for (struct connection *connection = proxy->first; connection != NULL; connection = connection->next)
		if (!proxy->gate[connection->instance].hole)
			serve(proxy, connection);
	sweep(proxy);
	for (unsigned i = 0; i < proxy->doors; i++)
		if (proxy->ready[i].revents != 0 && !proxy->gate[proxy->door[i].instance].hole)
			welcome(proxy, &proxy->door[i]);
}

static void *run(void *closure)
{
	struct proxy *proxy = closure;
	for (;;) {
		pthread_mutex_lock(&proxy->lock);
		bool stop = proxy->stop;
		size_t count = stop ? 0 : gather(proxy);
		pthread_mutex_unlock(&proxy->lock);
		if (stop)
			return NULL;
		if (poll(proxy->ready, count, TURN) < 0)
			continue;
		pthread_mutex_lock(&proxy->lock);
		turn(proxy);
		pthread_mutex_unlock(&proxy->lock);
	}
}

static void open_door(struct proxy *proxy, unsigned instance, unsigned broker_port)
{
	struct sockaddr_in address = address_of(proxy->host, 0);
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(fd, BACKLOG), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	proxy->door[proxy->doors++] = (struct door){
		.listener = fd, .port = ntohs(address.sin_port), .instance = instance, .broker_port = broker_port};
}

struct proxy *proxy_create(const char *host, const unsigned *broker_port, unsigned brokers, struct ledger *ledger,
                           uint64_t seed)
{
	struct proxy *proxy = calloc(1, sizeof *proxy);
	ck_assert_ptr_nonnull(proxy);
	ck_assert_uint_le(brokers, TORTURE_BROKERS);
	proxy->host = host;
	proxy->ledger = ledger;
	proxy->random = seed;
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++)
		for (unsigned j = 0; j < brokers; j++)
			open_door(proxy, i, broker_port[j]);
	ck_assert_int_eq(pthread_mutex_init(&proxy->lock, NULL), 0);
	ck_assert_int_eq(pthread_create(&proxy->thread, NULL, run, proxy), 0);
	return proxy;
}

void proxy_destroy(struct proxy *proxy)
{
	if (proxy == NULL)
		return;
	pthread_mutex_lock(&proxy->lock);
	proxy->stop = true;
	pthread_mutex_unlock(&proxy->lock);
	pthread_join(proxy->thread, NULL);
	for (unsigned i = 0; i < TORTURE_INSTANCES; i++)
		hang_up_all(proxy, i);
	for (unsigned i = 0; i < proxy->doors; i++)
		close(proxy->door[i].listener);
	sweep(proxy);
	pthread_mutex_destroy(&proxy->lock);
	free(proxy->ready);
	free(proxy);
}

void proxy_endpoint(const struct proxy *proxy, unsigned instance, char endpoint[PROXY_ENDPOINT_SIZE])
{
	size_t length = 0;
	for (const struct door *door = proxy->door; door < proxy->door + proxy->doors; door++)
		if (door->instance == instance)
			length += (size_t)snprintf(endpoint + length, PROXY_ENDPOINT_SIZE - length, "%s%s:%u",
			                           length > 0 ? "," : "", proxy->host, door->port);
}

struct gate *proxy_take(struct proxy *proxy, unsigned instance)
{
	pthread_mutex_lock(&proxy->lock);
	return &proxy->gate[instance];
}

void proxy_give_back(struct proxy *proxy)
{
	pthread_mutex_unlock(&proxy->lock);
}

void proxy_drop(struct proxy *proxy, unsigned instance)
{
	pthread_mutex_lock(&proxy->lock);
	hang_up_all(proxy, instance);
	pthread_mutex_unlock(&proxy->lock);
}
