/* SPDX-License-Identifier: Apache-2.0
 * Takes the upload's bytes in each way that there is. The key `do` lists what to do, in words; what came of it is the
 * Result, one phrase for each. With the word `must`, the step needs a quarantine. */
#define PP_STEP_NEEDS_MINOR 1u
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/modules/fixture.h"

struct reader {
	const struct pp_host *host;
	const char *words;
};

static const struct pp_key keys[] = {{.name = "do", .fallback = "read"}, {.name = NULL}};

struct work {
	const struct pp_host *host;
	struct pp_run *run;
	unsigned long long length, sum; /* of what read() has returned since the beginning */
	char said[4096];
};

static void say(struct work *work, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct work *work, const char *format, ...)
{
	size_t used = strlen(work->said);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(work->said + used, sizeof work->said - used, format, arguments);
	va_end(arguments);
}

/* A sum in which each byte and its place count. */
static unsigned long long add(unsigned long long sum, const unsigned char *bytes, size_t count, unsigned long long at)
{
	for (size_t i = 0; i < count; i++)
		sum += bytes[i] * (at + i + 1);
	return sum;
}

static bool do_read(struct work *work, bool all)
{
	const void *bytes;
	ssize_t count;
	while ((count = work->host->read(work->run, &bytes)) > 0) {
		work->sum = add(work->sum, bytes, (size_t)count, work->length);
		work->length += (unsigned long long)count;
		if (!all)
			break;
	}
	if (count >= 0)
		say(work, all ? "read %llu:%llx; " : "some; ", work->length, work->sum);
	return count >= 0;
}

static bool do_rewind(struct work *work)
{
	work->length = work->sum = 0;
	return work->host->rewind(work->run) == 0;
}

static const char *refused(bool refused)
{
	return refused ? "refused" : "allowed";
}

/* What may not be possible with it. */
static void attack(struct work *work, int file, off_t size)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	bool written = write(file, "x", 1) >= 0 || ftruncate(file, 0) == 0 || pwrite(file, "x", 1, 0) >= 0;
	void *map = size > 0 ? mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
	int again = open(path, O_RDWR), cut = open(path, O_RDONLY | O_TRUNC);
	struct stat status;
	say(work, "write %s, map %s, reopen %s; ", refused(!written && fstat(file, &status) == 0 && status.st_size == size),
	    refused(map == MAP_FAILED), refused(again < 0 && cut < 0));
}

static bool do_file(struct work *work, bool hostile)
{
	static unsigned char chunk[65536];
	unsigned long long sum = 0, length = 0;
	struct stat status;
	ssize_t count;
	int file = work->host->content_fd(work->run);
	if (file < 0)
		return false;
	off_t at = lseek(file, 0, SEEK_CUR), end = lseek(file, 0, SEEK_END);
	while ((count = pread(file, chunk, sizeof chunk, (off_t)length)) > 0) {
		sum = add(sum, chunk, (size_t)count, length);
		length += (unsigned long long)count;
	}
	int seals = fcntl(file, F_GET_SEALS), flags = fcntl(file, F_GETFL) & O_ACCMODE;
	void *map = end > 0 ? mmap(NULL, (size_t)end, PROT_READ, MAP_SHARED, file, 0) : NULL;
	bool good = map != MAP_FAILED && fstat(file, &status) == 0 && status.st_size == end &&
	            work->host->content_fd(work->run) == file && flags == O_RDONLY;
	/* For libraries that take nothing but a path. */
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	int again = open(path, O_RDONLY);
	good = good && again >= 0 && pread(again, chunk, 1, 0) == (end > 0);
	if (again >= 0)
		close(again);
	say(work, "file %llu:%llx at %lld %s%s; ", length, sum, (long long)at,
	    seals < 0                     ? "on disk"
	    : (seals & F_SEAL_WRITE) != 0 ? "sealed"
	                                  : "unsealed",
	    good ? "" : " WRONG");
	if (hostile)
		attack(work, file, end);
	lseek(file, 0, SEEK_SET);
	return true;
}

static bool do_digest(struct work *work)
{
	const char *digest = work->host->content_sha256(work->run);
	if (digest != NULL)
		say(work, "sha %s; ", digest);
	return digest != NULL;
}

static void say_known(struct work *work)
{
	const char *digest = work->host->known_sha256(work->run);
	if (digest != NULL)
		say(work, "known %s; ", digest);
	else
		say(work, "unknown; ");
}

static bool do_quarantine(struct work *work)
{
	work->host->set_verdict(work->run, "infected", "{\"n\":1}");
	work->host->set_reason(work->run, "Eicar");
	if (work->host->quarantine(work->run) != 0)
		return false;
	say(work, "hidden; ");
	return true;
}

static bool await_cancel(struct work *work)
{
	struct pollfd cancel = {.fd = work->host->cancel_fd(work->run), .events = POLLIN};
	poll(&cancel, 1, -1);
	return true;
}

static bool perform(struct work *work, const char *word, size_t length)
{
	char what[32];
	snprintf(what, sizeof what, "%.*s", (int)length, word);
	if (strcmp(what, "read") == 0 || strcmp(what, "some") == 0)
		return do_read(work, what[0] == 'r');
	if (strcmp(what, "file") == 0 || strcmp(what, "attack") == 0)
		return do_file(work, what[0] == 'a');
	if (strcmp(what, "sha") == 0)
		return do_digest(work);
	if (strcmp(what, "known") == 0 || strcmp(what, "unknown") == 0) {
		say_known(work);
		return true;
	}
	if (strcmp(what, "hide") == 0)
		return do_quarantine(work);
	if (strcmp(what, "rewind") == 0)
		return do_rewind(work);
	if (strcmp(what, "must") == 0)
		return true;
	if (strcmp(what, "try-file") == 0) {
		if (work->host->content_fd(work->run) < 0)
			say(work, "no file: %s; ", work->host->read_error(work->run));
		return true;
	}
	if (strcmp(what, "die") == 0 && work->host->attempt(work->run) > 1)
		return true;
	if (strcmp(what, "die") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(what, "wait") == 0)
		return await_cancel(work);
	abort();
}

static uint32_t run(void *instance, struct pp_run *run)
{
	const struct reader *reader = instance;
	struct work work = {.host = reader->host, .run = run};
	char json[8192];
	for (const char *word = reader->words; *word != '\0';) {
		size_t length = strcspn(word, " ");
		if (!perform(&work, word, length)) {
			work.host->set_reason(run, "%s", work.host->read_error(run));
			return PP_RETRY;
		}
		word += length + strspn(word + length, " ");
	}
	snprintf(json, sizeof json, "\"%s\"", work.said);
	work.host->set_result(run, json);
	return PP_CONTINUE;
}

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL || !PP_HOST_HAS(host, quarantine))
		return -1;
	reader->host = host;
	reader->words = host->string(setup, "do");
	if (strstr(reader->words, "must") != NULL && host->number(setup, "quarantine") != 1) {
		host->reject(setup, "do", "there is no quarantine");
		free(reader);
		return -1;
	}
	*instance = reader;
	return 0;
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD,     .name = "reader", .keys = keys,
                                                             .create = create, .run = run,       .destroy = free};
