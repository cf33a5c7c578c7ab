/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/fixture_clamd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_LIMIT_MS 60000
#define LOOK_EVERY_MS 20

static const char *const program[] = {"/usr/sbin/clamd", "/usr/bin/clamd", "/usr/local/sbin/clamd"};

static const char *find_program(void)
{
	for (size_t i = 0; i < sizeof program / sizeof program[0]; i++)
		if (access(program[i], X_OK) == 0)
			return program[i];
	return NULL;
}

bool fixture_clamd_present(void)
{
	return find_program() != NULL;
}

void eicar_make(char text[EICAR_SIZE + 1])
{
	snprintf(text, EICAR_SIZE + 1, "%s%s%s%s", "X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-",
	         "ANTIVIRUS-TEST-FILE!", "$H+H*");
}

static FILE *create_file(const struct fixture_clamd *clamd, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", clamd->folder, name);
	return fopen(path, "we");
}

/* The signature applies only at the start of a file: a match inside an archive shows that it was unpacked. */
static bool write_signature(const struct fixture_clamd *clamd)
{
	char text[EICAR_SIZE + 1];
	eicar_make(text);
	FILE *file = create_file(clamd, "db/own.ndb");
	if (file == NULL)
		return false;
	fprintf(file, "Own-Eicar-Test:0:0:");
	for (size_t i = 0; i < EICAR_SIZE; i++)
		fprintf(file, "%02x", (unsigned)(unsigned char)text[i]);
	fprintf(file, "\n");
	return fclose(file) == 0;
}

static bool names_option(const char *lines, const char *option)
{
	return lines != NULL && strstr(lines, option) != NULL;
}

static bool write_configuration(const struct fixture_clamd *clamd, const char *lines)
{
	static const char *const size[] = {"StreamMaxLength", "MaxFileSize", "MaxScanSize"};
	FILE *file = create_file(clamd, "clamd.conf");
	if (file == NULL)
		return false;
	fprintf(file, "LocalSocket %s\nDatabaseDirectory %s/db\nTemporaryDirectory %s\n", clamd->socket, clamd->folder,
	        clamd->folder);
	fprintf(file, "Foreground yes\nLogFile %s/clamd.log\nAlertExceedsMax yes\n", clamd->folder);
	/* A second occurrence of an option would not replace the first. */
	for (size_t i = 0; i < sizeof size / sizeof size[0]; i++)
		if (!names_option(lines, size[i]))
			fprintf(file, "%s 1G\n", size[i]);
	if (geteuid() == 0)
		fprintf(file, "User root\n");
	if (lines != NULL)
		fprintf(file, "%s\n", lines);
	return fclose(file) == 0;
}

static void run_program(const struct fixture_clamd *clamd, pid_t parent)
{
	char option[128];
	snprintf(option, sizeof option, "--config-file=%s/clamd.conf", clamd->folder);
	/* clamd must not outlive a test that was killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int null = open("/dev/null", O_RDWR);
	if (getppid() != parent || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(127);
	const char *path = find_program();
	if (path != NULL)
		execl(path, path, option, (char *)NULL);
	_exit(127);
}

/* One command; false: no answer. */
static bool command(const struct fixture_clamd *clamd, const char *name, char answer[256])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, clamd->socket, sizeof address.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	ssize_t length = -1;
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
	    send(fd, name, strlen(name) + 1, MSG_NOSIGNAL) > 0 && poll(&wait, 1, 5000) == 1)
		length = recv(fd, answer, 255, 0);
	if (fd >= 0)
		close(fd);
	answer[length > 0 ? length : 0] = '\0';
	return length > 0;
}

static bool answers(const struct fixture_clamd *clamd)
{
	char answer[256];
	return command(clamd, "zPING", answer) && strcmp(answer, "PONG") == 0;
}

/* A file of a tar archive. */
static void put_file(FILE *archive, const char *name, const char *text)
{
	static const char zeros[512];
	char header[512] = "";
	unsigned sum = 0;
	snprintf(header, 100, "%s", name);
	snprintf(header + 100, 8, "%07o", 0644u);
	snprintf(header + 124, 12, "%011o", (unsigned)strlen(text));
	snprintf(header + 136, 12, "%011o", 0u);
	memset(header + 148, ' ', 8);
	header[156] = '0';
	memcpy(header + 257, "ustar", 6);
	memcpy(header + 263, "00", 2);
	for (size_t i = 0; i < sizeof header; i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
	fwrite(header, 1, sizeof header, archive);
	fwrite(text, 1, strlen(text), archive);
	fwrite(zeros, 1, (512 - strlen(text) % 512) % 512, archive);
}

/* An unsigned database in ClamAV's format: a header of 512 bytes and an archive, which begins with COPYING. */
static bool write_database(const struct fixture_clamd *clamd, unsigned number, time_t time)
{
	static const char signature[] = "Own-Daily-Test:0:0:6f6e6c7920666f7220746865207465737473\n", zeros[1024];
	/* With the length of the signature's file and its SHA-256. */
	static const char format[] = "ClamAV-VDB:28 Nov 2026 10-40 +0000:%u:1:90:X:X:tests:%lld\n"
								 "daily.ndb:56:"
								 "0c22710aa44492ef6230f2eb16a77c89289c3e3b29fbf185ce0d3bca7e83e8ab\n";
	char header[513], information[256], path[2][160];
	FILE *file = create_file(clamd, "db/new");
	if (file == NULL)
		return false;
	int used = snprintf(header, sizeof header, "ClamAV-VDB:28 Nov 2026 10-40 +0000:%u:1:90:%032d:X:tests:%lld", number,
	                    0, (long long)time);
	memset(header + used, ' ', sizeof header - (size_t)used);
	fwrite(header, 1, 512, file);
	put_file(file, "COPYING", "none\n");
	snprintf(information, sizeof information, format, number, (long long)time);
	put_file(file, "daily.info", information);
	put_file(file, "daily.ndb", signature);
	fwrite(zeros, 1, sizeof zeros, file);
	snprintf(path[0], sizeof path[0], "%s/db/new", clamd->folder);
	snprintf(path[1], sizeof path[1], "%s/db/daily.cud", clamd->folder);
	return fclose(file) == 0 && rename(path[0], path[1]) == 0;
}

bool fixture_clamd_update(struct fixture_clamd *clamd, unsigned number, time_t time)
{
	char answer[256], wanted[32];
	snprintf(wanted, sizeof wanted, "/%u/", number);
	bool well = write_database(clamd, number, time) && command(clamd, "zRELOAD", answer);
	for (int waited = 0; well && (!command(clamd, "zVERSION", answer) || strstr(answer, wanted) == NULL);
	     waited += LOOK_EVERY_MS) {
		well = waited < START_LIMIT_MS;
		poll(NULL, 0, LOOK_EVERY_MS);
	}
	if (!well)
		fprintf(stderr, "fixture_clamd: clamd does not load a database: %s\n", answer);
	return well;
}

bool fixture_clamd_start(struct fixture_clamd *clamd, const char *lines)
{
	char path[128];
	memset(clamd, 0, sizeof *clamd);
	const char *above = getenv("TMPDIR");
	/* The path of its socket must fit into an address. */
	if (above == NULL || strlen(above) > 40)
		above = "/tmp";
	snprintf(clamd->folder, sizeof clamd->folder, "%s/pp-clamd-XXXXXX", above);
	if (mkdtemp(clamd->folder) == NULL || chmod(clamd->folder, 0711) != 0) {
		fprintf(stderr, "fixture_clamd: no temporary folder: %s\n", strerror(errno));
		return false;
	}
	snprintf(clamd->socket, sizeof clamd->socket, "%s/socket", clamd->folder);
	snprintf(path, sizeof path, "%s/db", clamd->folder);
	bool well = mkdir(path, 0700) == 0 && write_signature(clamd) && write_configuration(clamd, lines);
	pid_t parent = getpid();
	if (well)
		clamd->pid = fork();
	if (well && clamd->pid == 0)
		run_program(clamd, parent);
	well = well && clamd->pid > 0;
	for (int waited = 0; well && !answers(clamd); waited += LOOK_EVERY_MS) {
		int status;
		if (waited > START_LIMIT_MS || waitpid(clamd->pid, &status, WNOHANG) != 0) {
			well = false;
			break;
		}
		poll(NULL, 0, LOOK_EVERY_MS);
	}
	if (!well) {
		fprintf(stderr, "fixture_clamd: clamd does not start in %s\n", clamd->folder);
		fixture_clamd_stop(clamd);
	}
	return well;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

void fixture_clamd_stop(struct fixture_clamd *clamd)
{
	if (clamd->pid > 0) {
		kill(clamd->pid, SIGKILL);
		waitpid(clamd->pid, NULL, 0);
	}
	clamd->pid = 0;
	nftw(clamd->folder, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
}

static uint32_t crc32_of(const char *bytes, size_t length)
{
	uint32_t crc = 0xffffffffu;
	for (size_t i = 0; i < length; i++) {
		crc ^= (unsigned char)bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
	}
	return ~crc;
}

static size_t put(unsigned char *zip, size_t at, uint32_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		zip[at + i] = (unsigned char)(value >> (8 * i));
	return at + bytes;
}

/* The fields that the local and the central header share. */
static size_t put_common(unsigned char *zip, size_t at, uint32_t crc)
{
	at = put(zip, at, 20, 2); /* version needed */
	at = put(zip, at, 0, 2);  /* flags */
	at = put(zip, at, 0, 2);  /* stored */
	at = put(zip, at, 0, 4);  /* time, date */
	at = put(zip, at, crc, 4);
	at = put(zip, at, EICAR_SIZE, 4);
	at = put(zip, at, EICAR_SIZE, 4);
	at = put(zip, at, 9, 2); /* length of the name */
	return put(zip, at, 0, 2);
}

size_t eicar_zip_make(unsigned char zip[EICAR_ZIP_SIZE])
{
	char text[EICAR_SIZE + 1];
	eicar_make(text);
	uint32_t crc = crc32_of(text, EICAR_SIZE);
	size_t at = put_common(zip, put(zip, 0, 0x04034b50, 4), crc);
	memcpy(zip + at, "eicar.com", 9);
	memcpy(zip + at + 9, text, EICAR_SIZE);
	size_t directory = at + 9 + EICAR_SIZE;
	at = put(zip, directory, 0x02014b50, 4);
	at = put_common(zip, put(zip, at, 20, 2), crc);
	at = put(zip, at, 0, 2); /* comment */
	at = put(zip, at, 0, 4); /* disk, internal attributes */
	at = put(zip, at, 0, 4); /* external attributes */
	at = put(zip, at, 0, 4); /* offset of the local header */
	memcpy(zip + at, "eicar.com", 9);
	at += 9;
	size_t end = at;
	at = put(zip, at, 0x06054b50, 4);
	at = put(zip, at, 0, 4);
	at = put(zip, at, 1, 2);
	at = put(zip, at, 1, 2);
	at = put(zip, at, (uint32_t)(end - directory), 4);
	at = put(zip, at, (uint32_t)directory, 4);
	return put(zip, at, 0, 2);
}
