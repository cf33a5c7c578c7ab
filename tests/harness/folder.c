/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/harness/folder.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

bool folder_create(char path[FOLDER_PATH_SIZE])
{
	/* Another user, as whom root's worker processes run, may pass through it. */
	const char *parent = getenv("TMPDIR");
	int length = snprintf(path, FOLDER_PATH_SIZE, "%s/pp-test-XXXXXX", parent != NULL ? parent : "/tmp");
	return length > 0 && length < FOLDER_PATH_SIZE && mkdtemp(path) != NULL && chmod(path, 0711) == 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

bool folder_remove(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0;
}

static FILE *folder_open(const char *path, const char *name, const char *mode)
{
	char file[FOLDER_PATH_SIZE + 256];
	int length = snprintf(file, sizeof file, "%s/%s", path, name);
	return length > 0 && (size_t)length < sizeof file ? fopen(file, mode) : NULL;
}

bool folder_write(const char *path, const char *name, const void *bytes, size_t length)
{
	FILE *file = folder_open(path, name, "we");
	if (file == NULL)
		return false;
	bool written = fwrite(bytes, 1, length, file) == length;
	return fclose(file) == 0 && written;
}

bool folder_read(const char *path, const char *name, char *text, size_t size)
{
	FILE *file = folder_open(path, name, "re");
	if (file == NULL)
		return false;
	size_t length = fread(text, 1, size - 1, file);
	text[length] = '\0';
	bool sound = ferror(file) == 0;
	return fclose(file) == 0 && sound;
}

/* Below those that Linux gives to connections, which could take a port before its server listens there. */
#define PORT_FIRST 20000
#define PORT_END 32768

static int loopback_socket(unsigned port, struct sockaddr_in *address)
{
	*address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* A socket that keeps a port without listening stops others from binding to it, except those that reuse addresses, as
 * servers do. It stays open until the process ends. */
static bool reserve(unsigned port)
{
	struct sockaddr_in address;
	int fd = loopback_socket(port, &address), on = 1;
	bool good = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
	if (fd >= 0 && !good)
		close(fd);
	return good;
}

unsigned port_reserve(void)
{
	for (unsigned tries = 0; tries < 1000; tries++) {
		uint16_t number;
		if (getrandom(&number, sizeof number, 0) != sizeof number)
			return 0;
		unsigned port = PORT_FIRST + number % (PORT_END - PORT_FIRST);
		if (reserve(port))
			return port;
	}
	return 0;
}

bool port_taken(unsigned port)
{
	struct sockaddr_in address;
	int fd = loopback_socket(port, &address);
	if (fd < 0)
		return false;
	bool taken = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	close(fd);
	return taken;
}
