/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/plugins/fake_clamd.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct peer {
	struct fake_clamd *clamd;
	int fd;
	unsigned number; /* of the command */
	bool eicar;      /* the stream begins as EICAR does */
};

/* Receives 1..length bytes; 0: the session has ended. */
static size_t receive(const struct peer *peer, void *bytes, size_t length)
{
	struct pollfd wait[2] = {{.fd = peer->fd, .events = POLLIN}, {.fd = peer->clamd->stop[0], .events = POLLIN}};
	if (poll(wait, 2, -1) < 0 || wait[1].revents != 0)
		return 0;
	ssize_t got = recv(peer->fd, bytes, length, 0);
	return got > 0 ? (size_t)got : 0;
}

static bool receive_all(const struct peer *peer, void *bytes, size_t length)
{
	for (size_t used = 0, got; used < length; used += got) {
		got = receive(peer, (char *)bytes + used, length - used);
		if (got == 0)
			return false;
	}
	return true;
}

static void say(const struct peer *peer, const char *answer, bool numbered)
{
	char text[4096];
	size_t size = peer->clamd->answer_size;
	if (numbered) {
		size = (size_t)snprintf(text, sizeof text, "%u: %s", peer->number, answer) + 1;
		answer = text;
	}
	ssize_t sent = send(peer->fd, answer, size, MSG_NOSIGNAL);
	(void)sent; /* the test notices if the peer is gone */
}

/* Reads a stream's chunks to their end; false: the session has ended. */
static bool take_stream(struct peer *peer)
{
	struct fake_clamd *clamd = peer->clamd;
	char bytes[16384];
	uint32_t size;
	bool breaks = clamd->manner == MANNER_BREAK || clamd->manner == MANNER_ANSWER_BREAK;
	peer->eicar = false;
	for (size_t taken = 0; receive_all(peer, &size, sizeof size);) {
		size_t left = ntohl(size);
		if (left == 0)
			return true;
		while (left > 0) {
			size_t got = receive(peer, bytes, left < sizeof bytes ? left : sizeof bytes);
			if (got == 0)
				return false;
			if (taken == 0 && got > 4 && memcmp(bytes, "X5O!", 4) == 0)
				peer->eicar = true;
			left -= got;
			taken += got;
			atomic_fetch_add(&clamd->bytes, got);
			if (breaks && taken >= clamd->after) {
				if (clamd->manner == MANNER_ANSWER_BREAK)
					say(peer, clamd->answer, true);
				return false;
			}
		}
	}
	return false;
}

static const char *scanner_answer(const struct peer *peer, const char *command)
{
	const struct fake_clamd *clamd = peer->clamd;
	if (strcmp(command, "zVERSION") == 0)
		return clamd->version;
	if (clamd->strict || (peer->eicar && !clamd->blind))
		return peer->eicar ? "stream: Eicar FOUND" : "stream: Bad FOUND";
	return clamd->answer != NULL ? clamd->answer : "stream: OK";
}

/* False: the session has ended. */
static bool take_command(struct peer *peer)
{
	char command[32];
	size_t used = 0;
	do
		if (used == sizeof command || receive(peer, command + used, 1) == 0)
			return false;
	while (command[used++] != '\0');
	if (strcmp(command, "zIDSESSION") == 0)
		return true;
	peer->number++;
	if (strcmp(command, "zINSTREAM") == 0) {
		if (!take_stream(peer))
			return false;
		atomic_fetch_add(&peer->clamd->streams, 1);
		if (peer->clamd->mute)
			return true;
	}
	if (peer->clamd->manner == MANNER_BREAK)
		return false;
	if (peer->clamd->manner == MANNER_SCANNER)
		say(peer, scanner_answer(peer, command), true);
	else if (peer->clamd->manner != MANNER_SILENT)
		say(peer, peer->clamd->answer, peer->clamd->manner != MANNER_RAW);
	return peer->clamd->manner != MANNER_ANSWER_CLOSE;
}

static void *serve(void *context)
{
	struct fake_clamd *clamd = context;
	for (;;) {
		struct pollfd wait[2] = {{.fd = clamd->listener, .events = POLLIN}, {.fd = clamd->stop[0], .events = POLLIN}};
		if (poll(wait, 2, -1) < 0 || wait[1].revents != 0)
			return NULL;
		struct peer peer = {.clamd = clamd, .fd = accept(clamd->listener, NULL, NULL)};
		if (peer.fd < 0)
			return NULL;
		atomic_fetch_add(&clamd->sessions, 1);
		while (take_command(&peer))
			;
		close(peer.fd);
		if (write(clamd->closed[1], "", 1) != 1)
			return NULL;
	}
}

static void prepare(struct fake_clamd *clamd, enum manner manner, const char *answer)
{
	memset(clamd, 0, sizeof *clamd);
	clamd->manner = manner;
	clamd->answer = answer;
	clamd->answer_size = answer == NULL ? 0 : strlen(answer) + 1;
	snprintf(clamd->folder, sizeof clamd->folder, "/tmp/pp-fake-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(clamd->folder));
	ck_assert_int_eq(chmod(clamd->folder, 0711), 0);
	snprintf(clamd->socket, sizeof clamd->socket, "%s/socket", clamd->folder);
}

static void begin(struct fake_clamd *clamd, const struct sockaddr *address, socklen_t size)
{
	clamd->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(clamd->listener, 0);
	ck_assert_int_eq(bind(clamd->listener, address, size), 0);
	ck_assert_int_eq(listen(clamd->listener, 8), 0);
	ck_assert_int_eq(pipe(clamd->stop), 0);
	ck_assert_int_eq(pipe(clamd->closed), 0);
	ck_assert_int_eq(pthread_create(&clamd->thread, NULL, serve, clamd), 0);
}

void fake_clamd_start(struct fake_clamd *clamd, enum manner manner, const char *answer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	prepare(clamd, manner, answer);
	memcpy(address.sun_path, clamd->socket, sizeof address.sun_path);
	begin(clamd, (const struct sockaddr *)&address, sizeof address);
}

void fake_clamd_start_tcp(struct fake_clamd *clamd, enum manner manner, const char *answer)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	prepare(clamd, manner, answer);
	begin(clamd, (const struct sockaddr *)&address, size);
	ck_assert_int_eq(getsockname(clamd->listener, (struct sockaddr *)&address, &size), 0);
	snprintf(clamd->socket, sizeof clamd->socket, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
}

void fake_clamd_await_close(struct fake_clamd *clamd)
{
	struct pollfd wait = {.fd = clamd->closed[0], .events = POLLIN};
	char byte;
	ck_assert_int_eq(poll(&wait, 1, 10000), 1);
	ck_assert_int_eq(read(clamd->closed[0], &byte, 1), 1);
}

void fake_clamd_stop(struct fake_clamd *clamd)
{
	ck_assert_int_eq(write(clamd->stop[1], "", 1), 1);
	ck_assert_int_eq(pthread_join(clamd->thread, NULL), 0);
	close(clamd->listener);
	for (int i = 0; i < 2; i++) {
		close(clamd->stop[i]);
		close(clamd->closed[i]);
	}
	unlink(clamd->socket);
	rmdir(clamd->folder);
}
