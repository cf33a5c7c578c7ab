/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/text.h"
#include "core/content/copy.h"
#include "core/steps/step_health.h"

struct trial {
	struct worker_process process;
	struct channel_buffer buffer;
	struct error_lines errors;
	bool closed; /* its standard error */
	unsigned lines;
	struct report report;
	const struct log *log;
	char step[80];
	char path[512];
	char missing[64];
	int64_t memory_limit;
	bool cancelled;
	struct copy *copy; /* of the run's bytes; NULL: none was asked for */
	bool copied;       /* it is complete */
	bool watched;      /* its memory is looked at: */
	int64_t peak;
};

/* How often its memory is looked at while nothing arrives. */
#define LOOK_INTERVAL (50 * MILLISECOND)
/* A trial has one run. */
#define RUN_NUMBER 1

/* The kernel keeps the most, up to the end of the process. */
static void look_at_memory(struct trial *trial)
{
	char path[48], line[256];
	long long kilobytes;
	snprintf(path, sizeof path, "/proc/%d/status", (int)trial->process.pid);
	FILE *status = fopen(path, "re");
	if (status == NULL)
		return;
	while (fgets(line, sizeof line, status) != NULL)
		if (sscanf(line, "VmHWM: %lld kB", &kilobytes) == 1 && kilobytes * 1024 > trial->peak)
			trial->peak = kilobytes * 1024;
	fclose(status);
}

static void log_line(void *closure, const char *line)
{
	const struct trial *trial = closure;
	if (trial->log != NULL && trial->step[0] != '\0')
		log_warning(trial->log, "step %s: standard error: %s", trial->step, line);
}

/* The process is gone, or has to go: says what it was. */
static enum trial_result broken(struct trial *trial, const char *doing, bool late, nanos limit, char *why, size_t size)
{
	char how[80], duration[DURATION_TEXT_SIZE];
	/* A process that has closed its socket is about to end: by its own status, if it can. */
	struct pollfd ended = {.fd = trial->process.ended, .events = POLLIN};
	if (!late)
		poll(&ended, 1, 200);
	error_lines_read(&trial->errors, trial->process.errors, true, log_line, trial);
	bool over = ended.revents != 0;
	bool ran_out;
	int status = worker_process_end(&trial->process, &ran_out);
	worker_status_explain(status, how, sizeof how);
	if (ran_out)
		worker_memory_explain(trial->memory_limit, false, how, sizeof how);
	if (late)
		snprintf(why, size, "%s: %s did not finish within %s", trial->path, doing, duration_format(limit, duration));
	else if (over)
		snprintf(why, size, "%s: %s %s%s%.200s", trial->path, doing, how, trial->errors.last[0] != '\0' ? ": " : "",
		         trial->errors.last);
	else
		snprintf(why, size, "%s: %s broke its connection to the service", trial->path, doing);
	return TRIAL_BROKEN;
}

/* Waits for a packet, and reads standard error meanwhile. */
static enum received receive(struct trial *trial, nanos until, struct packet *packet, bool *late)
{
	for (;;) {
		int descriptor;
		nanos left = until - clock_monotonic();
		*late = left <= 0;
		if (*late)
			return RECEIVED_BROKEN;
		enum received received = channel_receive(trial->process.control, &trial->buffer, packet, &descriptor, false);
		if (descriptor >= 0)
			close(descriptor);
		if (received != RECEIVED_NOTHING)
			return received;
		struct pollfd wait[3] = {{.fd = trial->process.control, .events = POLLIN},
		                         {.fd = trial->process.ended, .events = POLLIN},
		                         {.fd = trial->closed ? -1 : trial->process.errors, .events = POLLIN}};
		if (trial->watched) {
			look_at_memory(trial);
			left = left < LOOK_INTERVAL ? left : LOOK_INTERVAL;
		}
		poll(wait, 3, (int)(left / MILLISECOND) + 1);
		if (wait[2].revents != 0)
			trial->closed = !error_lines_read(&trial->errors, trial->process.errors, false, log_line, trial);
		/* What it sent before its end is here by now. */
		if (wait[1].revents != 0 && (wait[0].revents & POLLIN) == 0)
			return RECEIVED_CLOSED;
	}
}

static struct trial *start_trial(const struct worker_launch *launch, int module, const struct start_message *start,
                                 const struct log *log, char *why, size_t size)
{
	struct trial *trial = alloc_zeroed(1, sizeof *trial);
	trial->log = log;
	text_copy(trial->step, sizeof trial->step, start->step);
	text_copy(trial->path, sizeof trial->path, start->path);
	trial->memory_limit = start->memory_limit;
	channel_buffer_init(&trial->buffer);
	trial->buffer.small = true;
	if (worker_process_start(&trial->process, launch, module, start, why, size))
		return trial;
	trial->process = WORKER_PROCESS_NONE;
	trial_end(trial, 0);
	return NULL;
}

enum trial_result trial_describe(const struct worker_launch *launch, int module, const char *path, const char *name,
                                 nanos limit, struct module_description **description, char *why, size_t size)
{
	static const char doing[] = "loading it";
	const struct start_message start = {.name = name,
	                                    .path = path,
	                                    .step = "",
	                                    .describe = true,
	                                    .own_user = launch->own_user,
	                                    .uid = launch->uid,
	                                    .gid = launch->gid,
	                                    .level = LOG_ERROR,
	                                    .memory_limit = INT64_C(256) << 20};
	struct trial *trial = start_trial(launch, module, &start, NULL, why, size);
	struct packet packet;
	const char *refused;
	bool late;
	if (trial == NULL)
		return TRIAL_FAILED;
	enum trial_result result = TRIAL_REFUSED;
	enum received received = receive(trial, clock_monotonic() + limit, &packet, &late);
	if (received != RECEIVED_PACKET) {
		result = broken(trial, doing, late, limit, why, size);
	} else if (packet.kind == MESSAGE_REFUSED && text_decode(&packet, &refused)) {
		snprintf(why, size, "%s", refused);
	} else if (packet.kind == MESSAGE_DESCRIBED && (*description = description_decode(&packet)) != NULL) {
		result = TRIAL_GOOD;
	} else {
		snprintf(why, size, "%s: the module's description is broken", path);
	}
	trial_end(trial, 0);
	return result;
}

/* Lines of one create() or check() that are logged. */
#define LINES_LIMIT 1000
/* Values that one create() can reject. */
#define REJECTED_LIMIT 1000

static void take_log(struct trial *trial, enum log_level level, const char *text)
{
	if (trial->log != NULL && trial->lines++ < LINES_LIMIT)
		log_write(trial->log, level, "step %s: %s", trial->step, text);
}

static bool take_report(struct trial *trial, struct packet *packet)
{
	struct report report;
	bool good = report_decode(packet, &report);
	if (good)
		report_merge(&trial->report, &report);
	return good;
}

/* Takes what create() says, up to its end. */
static enum trial_result await_created(struct trial *trial, const struct pp_setup *setup, nanos limit, char *why,
                                       size_t size)
{
	static const char doing[] = "create()";
	nanos until = clock_monotonic() + limit;
	struct packet packet;
	const char *key, *text = "";
	enum log_level level;
	unsigned rejected = 0;
	bool late;
	while (receive(trial, until, &packet, &late) == RECEIVED_PACKET) {
		bool good = true;
		if (packet.kind == MESSAGE_LOG && (good = log_decode(&packet, &level, &text))) {
			take_log(trial, level, text);
		} else if (packet.kind == MESSAGE_REJECTED && (good = rejected_decode(&packet, &key, &text))) {
			if (rejected++ < REJECTED_LIMIT)
				setup->reject(setup->closure, key, text);
		} else if (packet.kind == MESSAGE_CREATED && (good = text_decode(&packet, &text))) {
			text_copy(trial->missing, sizeof trial->missing, text);
			return TRIAL_GOOD;
		} else if ((packet.kind == MESSAGE_REFUSED || packet.kind == MESSAGE_FAILED) &&
		           (good = text_decode(&packet, &text))) {
			snprintf(why, size, "%s", text);
			return TRIAL_REFUSED;
		}
		if (!good)
			break;
	}
	return broken(trial, doing, late, limit, why, size);
}

enum trial_result trial_create(const struct worker_launch *launch, int module, const struct start_message *start,
                               const struct pp_setup *setup, nanos limit, const struct log *log, struct trial **trial,
                               char *why, size_t size)
{
	struct text packet = {0};
	*trial = start_trial(launch, module, start, log, why, size);
	if (*trial == NULL)
		return TRIAL_FAILED;
	setup_encode(&packet, setup);
	enum trial_result result;
	if (!channel_send((*trial)->process.control, &packet, NULL, 0, -1, false) && errno != EPIPE &&
	    errno != ECONNRESET) {
		snprintf(why, size, "its configuration cannot be passed: %s", strerror(errno));
		result = TRIAL_FAILED;
	} else {
		result = await_created(*trial, setup, limit, why, size);
	}
	text_free(&packet);
	if (result != TRIAL_GOOD) {
		trial_end(*trial, 0);
		*trial = NULL;
	}
	return result;
}

void trial_set_log(struct trial *trial, const struct log *log)
{
	trial->log = log;
}

static bool send_check(struct trial *trial, nanos limit)
{
	struct text request = {0};
	check_encode(&request, clock_now() + limit);
	bool sent = channel_send(trial->process.control, &request, NULL, 0, -1, false);
	text_free(&request);
	return sent;
}

enum trial_result trial_check(struct trial *trial, nanos limit, char *why, size_t size)
{
	static const char doing[] = "check()";
	nanos margin = limit > 2 * CHECK_MARGIN ? CHECK_MARGIN : limit / 2;
	nanos until = clock_monotonic() + limit - margin;
	struct packet packet;
	const char *text;
	bool passed, late = false;
	trial->lines = 0;
	for (bool good = send_check(trial, limit - margin); good;) {
		enum log_level level;
		enum received received = receive(trial, until, &packet, &late);
		if (late && !trial->cancelled) {
			trial->cancelled = true;
			until += margin;
			worker_process_cancel(&trial->process);
		} else if (received == RECEIVED_PACKET && packet.kind == MESSAGE_LOG && log_decode(&packet, &level, &text)) {
			take_log(trial, level, text);
		} else if (received == RECEIVED_PACKET && packet.kind == MESSAGE_REPORT && take_report(trial, &packet)) {
			continue;
		} else if (received == RECEIVED_PACKET && packet.kind == MESSAGE_CHECKED &&
		           checked_decode(&packet, &passed, &text)) {
			snprintf(why, size, "%s", text);
			return passed ? TRIAL_GOOD : TRIAL_REFUSED;
		} else {
			good = false;
		}
	}
	return broken(trial, doing, late, limit, why, size);
}

/* The file itself takes the place of the pipe that the service would send. */
static bool send_stream(struct trial *trial, unsigned request, int bytes)
{
	struct text packet = {0};
	char path[32];
	/* Each time from its beginning. */
	snprintf(path, sizeof path, "/proc/self/fd/%d", bytes);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	bytes_encode(&packet, RUN_NUMBER, request);
	bool sent = file >= 0 && channel_send(trial->process.control, &packet, NULL, 0, file, false);
	end_encode(&packet, RUN_NUMBER, request, NULL);
	sent = sent && channel_send(trial->process.control, &packet, NULL, 0, -1, false);
	text_free(&packet);
	if (file >= 0)
		close(file);
	return sent;
}

char *trial_folder(void)
{
	return copy_default_folder();
}

/* Makes the copy at the first request. NULL: failed. */
static struct copy *copy_bytes(struct trial *trial, const struct trial_run *run, char error[COPY_ERROR_SIZE])
{
	char *folder = trial_folder();
	int64_t size = run->facts->filesize;
	if (trial->copy == NULL)
		trial->copy = copy_create(size > COPY_MEMORY ? COPY_ON_DISK : COPY_IN_MEMORY, folder, size, error);
	if (trial->copy != NULL && !trial->copied)
		trial->copied = copy_fill(trial->copy, run->bytes, error) && copy_complete(trial->copy, error);
	free(folder);
	return trial->copied ? trial->copy : NULL;
}

static bool send_copied(struct trial *trial, const struct request_message *request, const struct trial_run *run)
{
	struct text packet = {0};
	char digest[COPY_DIGEST_SIZE], error[COPY_ERROR_SIZE] = "the copy of the file cannot be opened";
	const struct copy *copy = copy_bytes(trial, run, error);
	int file = copy != NULL ? copy_open(copy) : -1;
	if (file >= 0 && (!request->digest || copy_digest(copy, run->facts->deadline, -1, digest, error))) {
		const struct copied_message copied = {request->number, copy_size(copy), request->digest ? digest : NULL};
		copied_encode(&packet, RUN_NUMBER, &copied);
	} else {
		end_encode(&packet, RUN_NUMBER, request->number, error);
	}
	/* The worker closes a descriptor that it did not expect. */
	bool sent = channel_send(trial->process.control, &packet, NULL, 0, file, false);
	text_free(&packet);
	if (file >= 0)
		close(file);
	return sent;
}

/* The module goes on as if it had happened. */
static bool answer_quarantine(struct trial *trial, unsigned request)
{
	struct text packet = {0};
	take_log(trial, LOG_INFO, "the service would put the upload into its quarantine");
	end_encode(&packet, RUN_NUMBER, request, NULL);
	bool sent = channel_send(trial->process.control, &packet, NULL, 0, -1, false);
	text_free(&packet);
	return sent;
}

static bool send_bytes(struct trial *trial, struct packet *packet, const struct trial_run *run)
{
	struct request_message request;
	if (!request_decode(packet, &request))
		return false;
	if (request.quarantine)
		return answer_quarantine(trial, request.number);
	return request.copy ? send_copied(trial, &request, run) : send_stream(trial, request.number, run->bytes);
}

/* There is no cache. */
static bool answer_cache(struct trial *trial, struct packet *packet)
{
	struct cache_message message;
	bool get = packet->kind == MESSAGE_CACHE_GET;
	if (!cache_decode(packet, &message))
		return false;
	struct text answer = {0};
	cache_encode(&answer, MESSAGE_CACHED, RUN_NUMBER, &(struct cache_message){.number = message.number});
	bool sent = !get || channel_send(trial->process.control, &answer, NULL, 0, -1, false);
	text_free(&answer);
	return sent;
}

/* Takes what the module says during the run. False: it has ended, or what it says is broken: !*good. */
static bool take_from_run(struct trial *trial, struct packet *packet, struct trial_run *run, bool *good)
{
	enum log_level level;
	const char *text;
	switch (packet->run == RUN_NUMBER ? packet->kind : 0) {
	case MESSAGE_LOG:
		*good = log_decode(packet, &level, &text);
		if (*good)
			take_log(trial, level, text);
		return *good;
	case MESSAGE_REPORT:
		return *good = take_report(trial, packet);
	case MESSAGE_READ:
	case MESSAGE_COPY:
	case MESSAGE_QUARANTINE:
		*good = send_bytes(trial, packet, run);
		return *good;
	case MESSAGE_CACHE_GET:
	case MESSAGE_CACHE_PUT:
		*good = answer_cache(trial, packet);
		return *good;
	case MESSAGE_DONE:
		*good = done_decode(packet, &run->done);
		if (*good)
			report_merge(&trial->report, &run->done.report);
		return false;
	default:
		return *good = false;
	}
}

/* True: DONE has come. */
static bool await_done(struct trial *trial, struct trial_run *run, nanos until, bool *killed)
{
	struct packet packet;
	bool good = true;
	for (;;) {
		enum received received = receive(trial, until, &packet, killed);
		if (*killed && !run->late) {
			run->late = true;
			until += KILL_DELAY;
			worker_process_cancel(&trial->process);
		} else if (received != RECEIVED_PACKET || !take_from_run(trial, &packet, run, &good)) {
			return received == RECEIVED_PACKET && good;
		}
	}
}

enum trial_result trial_run(struct trial *trial, struct trial_run *run, char *why, size_t size)
{
	static const char doing[] = "run()";
	nanos start = clock_monotonic();
	struct text packet = {0};
	bool killed = false;
	run->late = false;
	/* The reason of an upload's end names no files. */
	text_copy(trial->path, sizeof trial->path, "the module");
	run_encode(&packet, RUN_NUMBER, run->facts, false);
	bool good = channel_send(trial->process.control, &packet, NULL, 0, -1, false);
	text_free(&packet);
	trial->watched = true;
	trial->lines = 0;
	good = good && await_done(trial, run, start + run->limit, &killed);
	run->took = clock_monotonic() - start;
	trial->watched = false;
	look_at_memory(trial);
	error_lines_read(&trial->errors, trial->process.errors, false, log_line, trial);
	return good ? TRIAL_GOOD : broken(trial, doing, killed, run->limit, why, size);
}

bool trial_is_cancelled(const struct trial *trial)
{
	return trial->cancelled;
}

struct report *trial_report(struct trial *trial)
{
	return &trial->report;
}

int64_t trial_peak(const struct trial *trial)
{
	return trial->peak;
}

const char *trial_missing(const struct trial *trial)
{
	return trial->missing;
}

void trial_end(struct trial *trial, nanos limit)
{
	if (trial == NULL)
		return;
	if (trial->process.pid > 0) {
		struct pollfd ended = {.fd = trial->process.ended, .events = POLLIN};
		close(trial->process.control);
		trial->process.control = -1;
		if (limit > 0)
			poll(&ended, 1, (int)(limit / MILLISECOND));
		error_lines_read(&trial->errors, trial->process.errors, true, log_line, trial);
		worker_process_end(&trial->process, NULL);
	}
	channel_buffer_free(&trial->buffer);
	copy_free(trial->copy);
	free(trial);
}
