/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/text.h"
#include "core/base/thread.h"

static const char *or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

char *audit_line(const struct audit_act *act)
{
	struct text text = {0};
	char time[TIME_TEXT_SIZE], host[256] = "";
	if (gethostname(host, sizeof host - 1) != 0)
		host[0] = '\0';
	text_string(&text, "{\"time\":", time_format(act->time, time));
	text_string(&text, ",\"act\":", act->act);
	text_string(&text, ",\"upload\":", or_null(act->upload));
	text_string(&text, ",\"step\":", or_null(act->step));
	text_string(&text, ",\"user\":", or_null(act->user));
	text_string(&text, ",\"outcome\":", or_null(act->outcome));
	text_string(&text, ",\"reason\":", or_null(act->reason));
	if (act->event != 0)
		text_format(&text, ",\"event\":%" PRIu64, act->event);
	else
		text_add(&text, ",\"event\":null");
	text_string(&text, ",\"instance\":", or_null(act->instance));
	text_string(&text, ",\"host\":", or_null(host));
	text_add(&text, "}\n");
	return text_take(&text);
}

/* A file that root has created in another user's folder belongs to that user, or the service could not write to it. */
static bool give_to_owner(const char *path, int file)
{
	char *copy = alloc_text(path);
	struct stat folder;
	bool good =
		geteuid() != 0 || (stat(dirname(copy), &folder) == 0 && fchown(file, folder.st_uid, folder.st_gid) == 0);
	int reason = errno;
	free(copy);
	errno = reason;
	return good;
}

/* Non-blocking, so that a FIFO is refused instead of waited for. */
#define OPEN_FLAGS (O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* It is read, too, where this user may: see is_cut(). */
static int open_existing(const char *path)
{
	int file = open(path, O_RDWR | O_APPEND | OPEN_FLAGS);
	return file < 0 && errno == EACCES ? open(path, O_WRONLY | O_APPEND | OPEN_FLAGS) : file;
}

/* -1: failed (errno). */
static int open_file(const char *path)
{
	struct stat info;
	int file = open_existing(path);
	if (file < 0 && errno == ENOENT) {
		file = open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | OPEN_FLAGS, 0600);
		if (file < 0 && errno == EEXIST) /* another process was faster */
			file = open_existing(path);
		else if (file >= 0 && !give_to_owner(path, file)) {
			int reason = errno;
			close(file);
			errno = reason;
			return -1;
		}
	}
	if (file >= 0 && (fstat(file, &info) != 0 || !S_ISREG(info.st_mode))) {
		close(file);
		errno = EINVAL;
		return -1;
	}
	return file;
}

static void describe_error(const char *path, char error[AUDIT_ERROR_SIZE])
{
	bool other = errno == EINVAL || errno == EISDIR || errno == ELOOP;
	snprintf(error, AUDIT_ERROR_SIZE, "%.256s: %s", path, other ? "not a regular file" : strerror(errno));
}

/* Whether the last line was cut, by a full disk or a crash. What is written next must not become a part of it. */
static bool is_cut(int file)
{
	struct stat info;
	char last;
	return fstat(file, &info) == 0 && info.st_size > 0 && pread(file, &last, 1, info.st_size - 1) == 1 && last != '\n';
}

/* With one write. The lock is for is_cut(), which must not see half of a write. False: failed; `cut`: a part of it was
 * written. Otherwise, errno has the reason. */
static bool write_whole(int file, const char *line, bool *cut)
{
	while (flock(file, LOCK_EX) != 0 && errno == EINTR)
		;
	const char *before = is_cut(file) ? "\n" : "";
	const struct iovec parts[] = {{(void *)(uintptr_t)before, strlen(before)}, {(void *)(uintptr_t)line, strlen(line)}};
	ssize_t written = writev(file, parts, 2), whole = (ssize_t)(parts[0].iov_len + parts[1].iov_len);
	int reason = errno;
	*cut = written >= 0 && written < whole;
	flock(file, LOCK_UN);
	errno = reason;
	return written == whole;
}

static bool append(const char *path, const char *line, bool *opened, char error[AUDIT_ERROR_SIZE])
{
	bool cut = false;
	int file = open_file(path);
	*opened = file >= 0;
	if (file < 0) {
		describe_error(path, error);
		return false;
	}
	bool good = write_whole(file, line, &cut) && fdatasync(file) == 0;
	if (!good)
		snprintf(error, AUDIT_ERROR_SIZE, "%.256s: %s", path,
		         cut ? "the disk is full, and the line was cut" : strerror(errno));
	close(file);
	return good;
}

bool audit_append(const char *path, const char *line, char error[AUDIT_ERROR_SIZE])
{
	bool opened;
	return append(path, line, &opened, error);
}

struct waiting_line {
	struct waiting_line *next;
	char *path; /* of the audit log when the act was noted */
	char *text;
	char *same; /* NULL, or: it is left out if the file has a line with these parts */
};

struct audit {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	const struct log *log;
	struct counter *failed;
	struct fact *writable;
	/* Under the lock: */
	char *path;
	struct waiting_line *first, **last;
	bool stop;
	bool to_try;    /* the file is to be opened */
	bool unopened;  /* it could not be, when that was last tried */
	bool unwritten; /* the last line could not be written */
};

/* Whether the file has a line with both parts of `same`, which are separated by a line feed. */
static bool is_there(const char *path, const char *same)
{
	int opened = open(path, O_RDONLY | OPEN_FLAGS);
	FILE *file = opened >= 0 ? fdopen(opened, "r") : NULL;
	const char *second = strchr(same, '\n') + 1;
	char *first = alloc_text_part(same, (size_t)(second - same) - 1), *line = NULL;
	size_t size = 0;
	bool found = false;
	while (file != NULL && !found && getline(&line, &size, file) > 0)
		found = strstr(line, first) != NULL && strstr(line, second) != NULL;
	free(line);
	free(first);
	if (file != NULL)
		fclose(file);
	else if (opened >= 0)
		close(opened);
	return found;
}

#define ADVICE \
	"its lines are written to this log instead. Create its folder, let the user of the service write there, or set " \
	"another [audit] file and reload"

/* Notes what has become of the file of this path, if it is still the audit log. */
static void note_state(struct audit *audit, const char *path, bool opened, bool written, const char *error)
{
	bool good = opened && written;
	pthread_mutex_lock(&audit->lock);
	bool current = text_same(audit->path, path), changed = false;
	if (current) {
		audit->unopened = !opened;
		audit->unwritten = !written;
		changed = fact_set(audit->writable, good, good ? "" : error);
	}
	pthread_mutex_unlock(&audit->lock);
	if (changed && !good)
		log_error(audit->log, "audit log: cannot write: %s; " ADVICE, error);
	else if (changed)
		log_info(audit->log, "audit log: %s can be written", path);
}

static void write_line(struct audit *audit, const char *path, char *line)
{
	char error[AUDIT_ERROR_SIZE];
	bool opened, good = append(path, line, &opened, error);
	note_state(audit, path, opened, good, error);
	if (good)
		return;
	line[strcspn(line, "\n")] = '\0';
	counter_add(audit->failed, 1);
	log_error(audit->log, "audit log: cannot write: %s; the line is: %s", error, line);
}

/* Under the lock, which is released meanwhile. */
static void try_to_open(struct audit *audit)
{
	char error[AUDIT_ERROR_SIZE];
	char *path = audit->path != NULL ? alloc_text(audit->path) : NULL;
	bool written = !audit->unwritten;
	audit->to_try = false;
	if (path == NULL)
		return;
	pthread_mutex_unlock(&audit->lock);
	int file = open_file(path);
	if (file < 0)
		describe_error(path, error);
	else
		close(file);
	/* That it can be opened does not mean that the disk has room again. */
	if (file < 0 || written)
		note_state(audit, path, file >= 0, written, error);
	free(path);
	pthread_mutex_lock(&audit->lock);
}

/* Under the lock. A file that could not be opened is tried again from time to time. */
static void wait_for_work(struct audit *audit)
{
	nanos again = clock_monotonic() + AUDIT_RETRY_INTERVAL;
	while (audit->first == NULL && !audit->stop && !audit->to_try) {
		if (!audit->unopened)
			pthread_cond_wait(&audit->changed, &audit->lock);
		else if (!condition_wait_until(&audit->changed, &audit->lock, again))
			audit->to_try = true;
	}
}

static void free_line(struct waiting_line *line)
{
	free(line->path);
	free(line->text);
	free(line->same);
	free(line);
}

static void *work(void *closure)
{
	struct audit *audit = closure;
	pthread_mutex_lock(&audit->lock);
	for (;;) {
		wait_for_work(audit);
		if (audit->to_try)
			try_to_open(audit);
		struct waiting_line *line = audit->first;
		if (line == NULL && !audit->stop)
			continue;
		if (line == NULL)
			break;
		audit->first = line->next;
		if (audit->first == NULL)
			audit->last = &audit->first;
		pthread_mutex_unlock(&audit->lock);
		if (line->same == NULL || !is_there(line->path, line->same))
			write_line(audit, line->path, line->text);
		free_line(line);
		pthread_mutex_lock(&audit->lock);
	}
	pthread_mutex_unlock(&audit->lock);
	return NULL;
}

/* A service without an audit log does not report on it. */
static void show_fact(struct audit *audit)
{
	if (audit->writable != NULL)
		fact_show(audit->writable, audit->path != NULL);
}

struct audit *audit_create(const char *path, const struct log *log, struct counter *failed, struct fact *writable)
{
	struct audit *audit = alloc_zeroed(1, sizeof *audit);
	audit->path = path != NULL ? alloc_text(path) : NULL;
	audit->log = log;
	audit->failed = failed;
	audit->writable = writable;
	audit->to_try = path != NULL;
	audit->last = &audit->first;
	show_fact(audit);
	lock_init(&audit->lock);
	condition_init(&audit->changed);
	if (pthread_create(&audit->thread, NULL, work, audit) == 0)
		return audit;
	audit->stop = true; /* there is no thread to join */
	audit_destroy(audit);
	return NULL;
}

void audit_destroy(struct audit *audit)
{
	if (audit == NULL)
		return;
	if (!audit->stop) {
		pthread_mutex_lock(&audit->lock);
		audit->stop = true;
		pthread_cond_signal(&audit->changed);
		pthread_mutex_unlock(&audit->lock);
		pthread_join(audit->thread, NULL);
	}
	pthread_cond_destroy(&audit->changed);
	pthread_mutex_destroy(&audit->lock);
	free(audit->path);
	free(audit);
}

void audit_set_path(struct audit *audit, const char *path)
{
	pthread_mutex_lock(&audit->lock);
	if (!text_same(audit->path, path))
		audit->unopened = audit->unwritten = false;
	free(audit->path);
	audit->path = path != NULL ? alloc_text(path) : NULL;
	audit->to_try = path != NULL;
	show_fact(audit);
	pthread_cond_signal(&audit->changed);
	pthread_mutex_unlock(&audit->lock);
}

/* What the line of an act has that no other line has. */
static char *same_parts(const struct audit_act *act)
{
	struct text text = {0};
	text_string(&text, "\"upload\":", act->upload);
	text_format(&text, "\n,\"event\":%" PRIu64 ",", act->event);
	return alloc_checked(text_take(&text));
}

void audit_note(struct audit *audit, const struct audit_act *act)
{
	struct waiting_line *line = alloc_zeroed(1, sizeof *line);
	line->text = alloc_checked(audit_line(act));
	line->same = act->again ? same_parts(act) : NULL;
	pthread_mutex_lock(&audit->lock);
	line->path = audit->path != NULL ? alloc_text(audit->path) : NULL;
	bool wanted = line->path != NULL;
	if (wanted) {
		*audit->last = line;
		audit->last = &line->next;
		pthread_cond_signal(&audit->changed);
	}
	pthread_mutex_unlock(&audit->lock);
	if (!wanted)
		free_line(line);
}
