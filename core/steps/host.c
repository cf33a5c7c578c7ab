/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/text.h"
#include "core/upload/event.h"

#define RUN_MAGIC 0x50505255u

_Static_assert(REASON_SIZE == PP_REASON_LIMIT + 1, "what the header says of a reason's length");
/* A Result is stored in the record and published in an event, so it must leave enough room in both. */
_Static_assert(PP_RESULT_LIMIT <= EVENT_LIMIT / 8, "a Result's event is well within the limit for events");
_Static_assert(PP_RESULT_DEPTH <= JSON_DEPTH_LIMIT / 2, "a Result's event and record are not nested too deeply");

/* What a module sees of a run. */
struct pp_run {
	uint32_t magic;
	struct run *run;
	const struct step *step;
	struct content *content;
	const struct log *log;
	int cancel_fd;
	nanos deadline;
	bool opened;
	bool wait_set, await_set;
	nanos until;
};

/* A module that passes anything but its run is broken; continuing would be unsafe. */
static struct pp_run *valid(const struct pp_run *run)
{
	if (run == NULL || run->magic != RUN_MAGIC)
		abort();
	return (struct pp_run *)(uintptr_t)run;
}

static void format_within(char *text, size_t size, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));
static void format_within(char *text, size_t size, const char *format, va_list arguments)
{
	int length = vsnprintf(text, size, format, arguments);
	if (length >= 0 && (size_t)length >= size)
		text_mark_cut(text, size);
}

static void host_log(struct pp_run *run, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void host_log(struct pp_run *run, int level, const char *format, ...)
{
	char message[PP_LOG_LIMIT + 1];
	va_list arguments;
	va_start(arguments, format);
	format_within(message, sizeof message, format, arguments);
	va_end(arguments);
	enum log_level known = level <= PP_LOG_ERROR     ? LOG_ERROR
	                       : level == PP_LOG_WARNING ? LOG_WARNING
	                       : level == PP_LOG_INFO    ? LOG_INFO
	                                                 : LOG_DEBUG;
	log_write(valid(run)->log, known, "upload %s: %s: %s", run->run->upload->id, run->step->config->name, message);
}

static const char *host_upload_id(const struct pp_run *run)
{
	return valid(run)->run->upload->id;
}

static const char *host_filename(const struct pp_run *run)
{
	return valid(run)->run->upload->filename;
}

static int64_t host_filesize(const struct pp_run *run)
{
	return valid(run)->run->upload->filesize;
}

static const char *host_resource_id(const struct pp_run *run)
{
	return valid(run)->run->upload->resource_id_json;
}

static uint32_t host_attempt(const struct pp_run *run)
{
	return valid(run)->run->attempt;
}

static ssize_t host_read(struct pp_run *run, const void **bytes)
{
	struct upload *upload = valid(run)->run->upload;
	if (!run->opened) {
		content_open(run->content, upload->url, upload->filesize, run->deadline, run->cancel_fd);
		run->opened = true;
	}
	return content_read(run->content, bytes);
}

static const char *host_read_error(const struct pp_run *run)
{
	return valid(run)->opened ? content_error(run->content) : "";
}

static int host_set_result(struct pp_run *run, const char *json)
{
	if (json == NULL)
		json = "";
	size_t length = strlen(json);
	char *text = NULL;
	if (length > PP_RESULT_LIMIT)
		host_log(run, PP_LOG_WARNING, "Result rejected: %zu bytes, the limit is %u", length, PP_RESULT_LIMIT);
	else if (!json_is_value(json, length, PP_RESULT_DEPTH))
		host_log(run, PP_LOG_WARNING, "Result rejected: not JSON, or nested deeper than %u levels", PP_RESULT_DEPTH);
	else if ((text = malloc(length + 1)) == NULL)
		host_log(run, PP_LOG_WARNING, "Result rejected: out of memory");
	if (text == NULL)
		return -1;
	*json_compact(text, json, length) = '\0';
	free(valid(run)->run->result);
	run->run->result = text;
	return 0;
}

static void host_set_reason(struct pp_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void host_set_reason(struct pp_run *run, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	format_within(valid(run)->run->reason, REASON_SIZE, format, arguments);
	va_end(arguments);
}

static void host_wait_until(struct pp_run *run, int64_t time)
{
	valid(run)->wait_set = true;
	run->until = time;
}

static void host_await_event(struct pp_run *run, int64_t until)
{
	valid(run)->await_set = true;
	run->until = until;
}

static int64_t host_woken_at(const struct pp_run *run)
{
	return valid(run)->run->woken_at;
}

static int64_t host_now(const struct pp_run *run)
{
	(void)run;
	return clock_now();
}

static int64_t host_deadline(const struct pp_run *run)
{
	return valid(run)->deadline;
}

static int host_cancelled(const struct pp_run *run)
{
	return atomic_load(&valid(run)->run->cancelled) || clock_now() > run->deadline;
}

static int host_cancel_fd(const struct pp_run *run)
{
	return valid(run)->cancel_fd;
}

const struct pp_host host_services = {
	.size = sizeof(struct pp_host),
	.abi_major = PP_STEP_ABI_MAJOR,
	.abi_minor = PP_STEP_ABI_MINOR,
	.string = step_setup_string,
	.number = step_setup_number,
	.reject = step_setup_reject,
	.step_name = step_setup_name,
	.log = host_log,
	.upload_id = host_upload_id,
	.filename = host_filename,
	.filesize = host_filesize,
	.resource_id = host_resource_id,
	.attempt = host_attempt,
	.read = host_read,
	.read_error = host_read_error,
	.set_result = host_set_result,
	.set_reason = host_set_reason,
	.wait_until = host_wait_until,
	.await_event = host_await_event,
	.woken_at = host_woken_at,
	.now = host_now,
	.deadline = host_deadline,
	.cancelled = host_cancelled,
	.cancel_fd = host_cancel_fd,
};

/* Only the documented return values are verdicts. */
static void note_ending(const struct pp_run *view, struct run *run, uint32_t value)
{
	bool allowed = true;
	run->returned = RETURNED_VERDICT;
	run->outcome = OUTCOME_RETRY;
	switch (value) {
	case PP_RETRY:
		break;
	case PP_CONTINUE:
		run->outcome = OUTCOME_CONTINUE;
		break;
	case PP_ABORT:
		run->outcome = OUTCOME_ABORT;
		break;
	case PP_DELETE:
		run->outcome = OUTCOME_DELETE;
		break;
	case PP_WAIT:
		allowed = view->wait_set;
		run->returned = allowed ? RETURNED_WAIT : RETURNED_VERDICT;
		break;
	case PP_AWAIT:
		allowed = view->await_set;
		run->returned = allowed ? RETURNED_AWAIT : RETURNED_VERDICT;
		break;
	default:
		allowed = false;
	}
	if (!allowed && run->reason[0] == '\0')
		snprintf(run->reason, REASON_SIZE, "module %s returned %u, which is not a valid result",
		         view->step->module->name, (unsigned)value);
	run->until = view->until;
}

void host_run(const struct step *step, struct run *run, struct content *content, int cancel_fd, const struct log *log)
{
	nanos now = clock_now();
	struct pp_run view = {
		.magic = RUN_MAGIC,
		.run = run,
		.step = step,
		.content = content,
		.log = log,
		.cancel_fd = cancel_fd,
		.deadline = now + run->allowed,
	};
	atomic_store(&run->started, now);
	uint32_t value = step->module->vtable.run(step->instance, &view);
	run->gone = view.opened && content_gone(content);
	if (view.opened)
		content_close(content);
	note_ending(&view, run, value);
}
