/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/thread_run.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/text.h"
#include "core/base/thread.h"
#include "core/steps/cache_question.h"
#include "core/steps/reports.h"
#include "core/steps/seclusion.h"

#define CHUNK ((size_t)256 << 10)
/* So often the bytes are fetched as a stream. If the module begins once more, a copy is made. */
#define STREAMS_LIMIT 2

struct thread_run {
	const struct step *step;
	struct run *run;
	struct content *content;
	struct copies *copies;
	const struct log *log;
	struct mailbox *mailbox; /* of the server */
	struct reports *reports;
	struct quarantine *quarantine;
	nanos deadline;
	int cancel_fd;
	bool opened;      /* `content` is at `position` */
	unsigned streams; /* how often it was opened */
	bool failed;      /* until rewind() */
	bool gone;
	struct shared_copy *shared; /* NULL: none is used */
	int file;                   /* of the copy, the module's, too; -1: none */
	int64_t position;           /* of read() */
	const void *first;          /* the last bytes of `content`; if they are also the first ones: */
	ssize_t first_length;
	bool whole;
	char *chunk;
	char error[COPY_ERROR_SIZE];
};

static struct copy_source source_of(const struct thread_run *own)
{
	const struct upload *upload = own->run->upload;
	return (struct copy_source){.id = upload->id,
	                            .url = upload->url,
	                            .size = upload->filesize,
	                            .deadline = own->deadline,
	                            .cancel_fd = own->cancel_fd};
}

static bool fail(struct thread_run *own, const char *why)
{
	if (why != own->error)
		text_copy(own->error, sizeof own->error, why);
	own->failed = true;
	return false;
}

/* Has the copy made if there is none, and its digest computed. read() goes on in it. */
static bool need_copy(struct thread_run *own, bool digest)
{
	const struct copy_source source = source_of(own);
	bool gone = false;
	if (own->opened)
		content_close(own->content);
	own->opened = own->whole = false;
	struct shared_copy *shared = copies_obtain(own->copies, &source, own->content, digest, &gone, own->error);
	own->gone = own->gone || gone;
	if (shared == NULL)
		return fail(own, own->error);
	if (own->shared != NULL)
		copies_put_back(own->copies, own->shared);
	own->shared = shared;
	return true;
}

/* Before the first byte is read: from a copy, or from storage. */
static bool begin(struct thread_run *own)
{
	const struct copy_source source = source_of(own);
	own->shared = copies_find(own->copies, &source);
	if (own->shared != NULL)
		return true;
	if (own->streams == STREAMS_LIMIT)
		return need_copy(own, false);
	own->streams++;
	content_open(own->content, source.url, source.size, source.deadline, source.cancel_fd);
	return own->opened = true;
}

static ssize_t read_copy(struct thread_run *own, const void **bytes)
{
	const struct copy *copy = shared_copy_get(own->shared);
	if (own->chunk == NULL)
		own->chunk = alloc_bytes(CHUNK);
	*bytes = own->chunk;
	ssize_t count = copy_read(copy, own->chunk, CHUNK, own->position);
	if (count < 0)
		fail(own, strerror(errno));
	else if (count == 0 && own->position < copy_size(copy))
		fail(own, "the copy of the upload is cut short");
	return own->failed ? -1 : count;
}

static ssize_t read_stream(struct thread_run *own, const void **bytes)
{
	if (own->whole && own->position == 0) {
		*bytes = own->first;
		return own->first_length;
	}
	ssize_t count = content_read(own->content, bytes);
	if (count < 0) {
		own->gone = content_gone(own->content);
		fail(own, content_error(own->content));
	} else if (count > 0) {
		own->first = *bytes;
		own->first_length = own->position == 0 ? count : -1;
	} else {
		own->whole = own->position > 0 && own->first_length == own->position;
	}
	return count;
}

static ssize_t read_content(void *closure, const void **bytes)
{
	struct thread_run *own = closure;
	if (own->failed || (!own->opened && own->shared == NULL && !begin(own)))
		return -1;
	ssize_t count = own->shared != NULL ? read_copy(own, bytes) : read_stream(own, bytes);
	own->position += count > 0 ? count : 0;
	return count;
}

static const char *read_error(void *closure)
{
	const struct thread_run *own = closure;
	return own->error;
}

static int rewind_content(void *closure)
{
	struct thread_run *own = closure;
	/* What was read in one piece is still there. */
	bool kept = own->opened && own->whole;
	if (own->opened && !kept)
		content_close(own->content);
	own->opened = kept;
	own->failed = false;
	own->position = 0;
	return 0;
}

static int content_fd(void *closure)
{
	struct thread_run *own = closure;
	if (own->file >= 0)
		return own->file;
	if (own->shared == NULL && !need_copy(own, false))
		return -1;
	own->file = copy_open(shared_copy_get(own->shared));
	if (own->file < 0)
		fail(own, "the copy of the upload cannot be opened");
	return own->file;
}

static const char *content_sha256(void *closure)
{
	struct thread_run *own = closure;
	const char *digest = own->shared != NULL ? shared_copy_digest(own->shared) : NULL;
	if (digest == NULL && need_copy(own, true))
		digest = shared_copy_digest(own->shared);
	return digest;
}

static int put_away(void *closure, const char *verdict, const char *details, const char *reason)
{
	struct thread_run *own = closure;
	struct run_words words;
	run_words_set(&words, verdict, details, reason);
	if (content_sha256(own) == NULL)
		return -1;
	own->failed = false; /* as the copy is there, read() goes on in it */
	const struct seclusion seclusion = {.quarantine = own->quarantine,
	                                    .run = own->run,
	                                    .step = own->step->config->name,
	                                    .words = &words,
	                                    .copy = own->shared,
	                                    .deadline = own->deadline,
	                                    .cancel_fd = own->cancel_fd};
	return seclude(&seclusion, own->error) || fail(own, own->error) ? 0 : -1;
}

/* How often a run that waits for the cache looks whether it was cancelled. */
#define CANCEL_INTERVAL (50 * MILLISECOND)

/* Between a run and the server, which answers it. Whoever is last frees it. */
struct cache_wait {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool answered, given_up;
	char *answer;
};

static void free_wait(struct cache_wait *wait)
{
	pthread_cond_destroy(&wait->changed);
	pthread_mutex_destroy(&wait->lock);
	free(wait->answer);
	free(wait);
}

/* On the server's thread: the run need not wait any longer. */
static void end_wait(struct cache_question *question)
{
	struct cache_wait *wait = question->asker;
	question->dropped = NULL;
	pthread_mutex_lock(&wait->lock);
	bool given_up = wait->given_up;
	wait->answered = true;
	wait->answer = question->answer;
	question->answer = NULL;
	pthread_cond_signal(&wait->changed);
	pthread_mutex_unlock(&wait->lock);
	if (given_up)
		free_wait(wait);
}

static void note_cached(struct cache_question *question)
{
	end_wait(question);
	cache_question_free(question);
}

static char *cache_get(void *closure, unsigned number, const char *key)
{
	const struct thread_run *own = closure;
	struct cache_question *question = cache_question_create(own->run, own->step->module->name, key, NULL);
	nanos until = clock_monotonic() + CACHE_TIMEOUT;
	char *answer = NULL;
	(void)number;
	if (question == NULL)
		return NULL;
	struct cache_wait *wait = alloc_zeroed(1, sizeof *wait);
	lock_init(&wait->lock);
	condition_init(&wait->changed);
	question->answered = note_cached;
	question->dropped = end_wait;
	question->asker = wait;
	mailbox_send(own->mailbox, &question->mail);
	pthread_mutex_lock(&wait->lock);
	while (!wait->answered && !atomic_load(&own->run->cancelled) && clock_monotonic() < until)
		condition_wait_until(&wait->changed, &wait->lock, clock_monotonic() + CANCEL_INTERVAL);
	bool answered = wait->answered;
	wait->given_up = !answered;
	answer = wait->answer;
	wait->answer = NULL;
	pthread_mutex_unlock(&wait->lock);
	if (answered)
		free_wait(wait);
	return answer;
}

static void cache_put(void *closure, unsigned number, const char *key, const char *text)
{
	const struct thread_run *own = closure;
	struct cache_question *question = cache_question_create(own->run, own->step->module->name, key, text);
	(void)number;
	if (question != NULL)
		mailbox_send(own->mailbox, &question->mail);
}

static void end(struct thread_run *own)
{
	if (own->opened)
		content_close(own->content);
	if (own->file >= 0)
		close(own->file);
	if (own->shared != NULL)
		copies_put_back(own->copies, own->shared);
	free(own->chunk);
	own->run->gone = own->gone;
}

static void write_log(void *closure, enum log_level level, const char *text)
{
	const struct thread_run *own = closure;
	log_write(own->log, level, "upload %s: %s: %s", own->run->upload->id, own->step->config->name, text);
}

static void report_done(void *closure, int64_t done, int64_t total)
{
	const struct thread_run *own = closure;
	reports_progress(own->reports, own->step->config->name, own->run, done, total);
}

static bool count_metric(void *closure, const char *name, uint64_t by)
{
	const struct thread_run *own = closure;
	struct report report = {.metrics = 0};
	report_count(&report, name, by);
	reports_metrics(own->reports, own->step->config->name, &report);
	return true;
}

static bool set_metric(void *closure, const char *name, double value)
{
	const struct thread_run *own = closure;
	struct report report = {.metrics = 0};
	report_gauge(&report, name, value);
	reports_metrics(own->reports, own->step->config->name, &report);
	return true;
}

static bool cancelled(void *closure)
{
	const struct thread_run *own = closure;
	return atomic_load(&own->run->cancelled);
}

void thread_run(const struct step *step, struct run *run, struct content *content, struct copies *copies, int cancel_fd,
                const struct log *log, struct mailbox *mailbox, struct reports *reports, struct quarantine *quarantine)
{
	nanos now = clock_now();
	struct thread_run own = {.step = step,
	                         .run = run,
	                         .content = content,
	                         .copies = copies,
	                         .file = -1,
	                         .log = log,
	                         .mailbox = mailbox,
	                         .reports = reports,
	                         .quarantine = quarantine,
	                         .deadline = now + run->allowed,
	                         .cancel_fd = cancel_fd};
	struct run_description description;
	const struct run_services services = {.closure = &own,
	                                      .read = read_content,
	                                      .read_error = read_error,
	                                      .rewind = rewind_content,
	                                      .content_fd = content_fd,
	                                      .content_sha256 = content_sha256,
	                                      .quarantine = put_away,
	                                      .cache_get = cache_get,
	                                      .cache_put = cache_put,
	                                      .log = write_log,
	                                      .progress = report_done,
	                                      .count = count_metric,
	                                      .gauge = set_metric,
	                                      .cancelled = cancelled,
	                                      .cancel_fd = cancel_fd};
	struct run_answer answer;
	run_describe(run, copies, own.deadline, &description);
	description.facts.step = step->config->name;
	atomic_store(&run->started, now);
	host_run(&step->module->table, step->instance, &description.facts, &services, &answer);
	end(&own);
	run_answer_take(run, &answer);
	if (run_is_last(run, step->config->name))
		copies_forget(copies, run->upload->id);
	reports_end(reports, run);
	run_description_free(&description);
}
