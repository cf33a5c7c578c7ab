/* SPDX-License-Identifier: Apache-2.0 */
#include "core/abi/host.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi/report.h"
#include "core/base/json.h"
#include "core/base/text.h"

#define RUN_MAGIC 0x50505255u

/* What a module sees of a run. */
struct pp_run {
	uint32_t magic;
	const struct run_facts *facts;
	const struct run_services *services;
	struct run_answer *answer;
	bool checking; /* check_run(): there is no upload */
	bool reading;  /* the module has asked for the upload's bytes */
	bool wait_set, await_set;
	const char *digest;   /* that content_sha256() has returned */
	unsigned cache_turns; /* calls of cache_get() and cache_put() */
	char *cached;         /* what the last cache_get() returned */
	bool complained;      /* about a metric */
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

static enum log_level known_level(int level)
{
	return level <= PP_LOG_ERROR     ? LOG_ERROR
	       : level == PP_LOG_WARNING ? LOG_WARNING
	       : level == PP_LOG_INFO    ? LOG_INFO
	                                 : LOG_DEBUG;
}

static void host_log(struct pp_run *run, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void host_log(struct pp_run *run, int level, const char *format, ...)
{
	char message[PP_LOG_LIMIT + 1];
	va_list arguments;
	va_start(arguments, format);
	format_within(message, sizeof message, format, arguments);
	va_end(arguments);
	valid(run)->services->log(run->services->closure, known_level(level), message);
}

static void host_log_setup(struct pp_setup *setup, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void host_log_setup(struct pp_setup *setup, int level, const char *format, ...)
{
	char message[PP_LOG_LIMIT + 1];
	va_list arguments;
	va_start(arguments, format);
	format_within(message, sizeof message, format, arguments);
	va_end(arguments);
	if (setup->log != NULL)
		setup->log(setup->log_closure, known_level(level), message);
}

static const char *host_upload_id(const struct pp_run *run)
{
	return valid(run)->facts->id;
}

static const char *host_filename(const struct pp_run *run)
{
	return valid(run)->facts->filename;
}

static int64_t host_filesize(const struct pp_run *run)
{
	return valid(run)->facts->filesize;
}

static const char *host_resource_id(const struct pp_run *run)
{
	return valid(run)->facts->resource_id_json;
}

static uint32_t host_attempt(const struct pp_run *run)
{
	return valid(run)->facts->attempt;
}

static const char *host_step(const struct pp_run *run)
{
	return valid(run)->facts->step;
}

static const char *host_user_id(const struct pp_run *run)
{
	return valid(run)->facts->user_id;
}

static const char *host_space_id(const struct pp_run *run)
{
	return valid(run)->facts->space_id;
}

/* NULL: the step has not ended on this upload. */
static const struct earlier_step *find_earlier(const struct pp_run *run, const char *step)
{
	const struct run_facts *facts = valid(run)->facts;
	for (size_t i = 0; step != NULL && i < facts->earlier_count; i++)
		if (strcmp(facts->earlier[i].name, step) == 0)
			return &facts->earlier[i];
	return NULL;
}

static uint32_t host_step_outcome(const struct pp_run *run, const char *step)
{
	const struct earlier_step *earlier = find_earlier(run, step);
	return earlier != NULL ? earlier->outcome : 0;
}

static const char *host_step_result(const struct pp_run *run, const char *step)
{
	const struct earlier_step *earlier = find_earlier(run, step);
	return earlier != NULL ? earlier->result : NULL;
}

static const char *host_step_verdict(const struct pp_run *run, const char *step)
{
	const struct earlier_step *earlier = find_earlier(run, step);
	return earlier != NULL ? earlier->verdict : NULL;
}

static ssize_t host_read(struct pp_run *run, const void **bytes)
{
	valid(run)->reading = true;
	return run->checking ? -1 : run->services->read(run->services->closure, bytes);
}

static const char *host_read_error(const struct pp_run *run)
{
	if (!valid(run)->reading)
		return "";
	return run->checking ? "a check has no upload" : run->services->read_error(run->services->closure);
}

static int host_rewind(struct pp_run *run)
{
	valid(run)->reading = true;
	return run->checking ? -1 : run->services->rewind(run->services->closure);
}

static int host_content_fd(struct pp_run *run)
{
	valid(run)->reading = true;
	return run->checking ? -1 : run->services->content_fd(run->services->closure);
}

static const char *host_content_sha256(struct pp_run *run)
{
	valid(run)->reading = true;
	if (run->checking)
		return NULL;
	const char *digest = run->services->content_sha256(run->services->closure);
	run->digest = digest != NULL ? digest : run->digest;
	return digest;
}

static const char *host_known_sha256(struct pp_run *run)
{
	return valid(run)->digest != NULL ? run->digest : run->facts->digest;
}

static int host_quarantine(struct pp_run *run)
{
	valid(run)->reading = true;
	const struct run_answer *answer = run->answer;
	return run->checking
	           ? -1
	           : run->services->quarantine(run->services->closure, answer->verdict, answer->details, answer->reason);
}

static int host_set_result(struct pp_run *run, const char *json)
{
	if (json == NULL)
		json = "";
	size_t length = strlen(json);
	char *text = NULL;
	if (valid(run)->checking)
		host_log(run, PP_LOG_WARNING, "Result rejected: a check has no upload");
	else if (length > PP_RESULT_LIMIT)
		host_log(run, PP_LOG_WARNING, "Result rejected: %zu bytes, the limit is %u", length, PP_RESULT_LIMIT);
	else if (!json_is_value(json, length, PP_RESULT_DEPTH))
		host_log(run, PP_LOG_WARNING, "Result rejected: not JSON, or nested deeper than %u levels", PP_RESULT_DEPTH);
	else if ((text = malloc(length + 1)) == NULL)
		host_log(run, PP_LOG_WARNING, "Result rejected: out of memory");
	if (text == NULL)
		return -1;
	*json_compact(text, json, length) = '\0';
	free(run->answer->result);
	run->answer->result = text;
	return 0;
}

bool verdict_is_word(const char *word)
{
	size_t length = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return word[length] == '\0' && length > 0 && length <= PP_VERDICT_LIMIT;
}

bool verdict_is_details(const char *json)
{
	size_t length = strlen(json);
	const char *first = json;
	while (json_is_space(*first))
		first++;
	return *first == '{' && length <= PP_DETAILS_LIMIT && json_is_value(json, length, PP_RESULT_DEPTH);
}

static int host_set_verdict(struct pp_run *run, const char *word, const char *details_json)
{
	const char *details = details_json != NULL ? details_json : "";
	size_t length = strlen(details);
	char *text = NULL;
	if (valid(run)->checking)
		host_log(run, PP_LOG_WARNING, "verdict rejected: a check has no upload");
	else if (word == NULL || !verdict_is_word(word))
		host_log(run, PP_LOG_WARNING, "verdict rejected: its word is not 1 to %u of a-z, 0-9 and -", PP_VERDICT_LIMIT);
	else if (details_json != NULL && !verdict_is_details(details))
		host_log(run, PP_LOG_WARNING,
		         "verdict \"%s\" rejected: its details are not a JSON object of up to %u bytes and %u levels", word,
		         PP_DETAILS_LIMIT, PP_RESULT_DEPTH);
	else if ((text = malloc(length + 1)) == NULL)
		host_log(run, PP_LOG_WARNING, "verdict \"%s\" rejected: out of memory", word);
	if (text == NULL)
		return -1;
	*json_compact(text, details, length) = '\0';
	free(run->answer->details);
	run->answer->details = text;
	if (details_json == NULL) {
		free(text);
		run->answer->details = NULL;
	}
	text_copy(run->answer->verdict, sizeof run->answer->verdict, word);
	return 0;
}

void run_answer_clear(struct run_answer *answer)
{
	free(answer->result);
	free(answer->details);
	answer->result = answer->details = NULL;
}

static void host_set_reason(struct pp_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void host_set_reason(struct pp_run *run, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	format_within(valid(run)->answer->reason, sizeof run->answer->reason, format, arguments);
	va_end(arguments);
}

static void host_wait_until(struct pp_run *run, int64_t time)
{
	valid(run)->wait_set = true;
	run->answer->until = time;
}

static void host_await_event(struct pp_run *run, int64_t until)
{
	valid(run)->await_set = true;
	run->answer->until = until;
}

static int64_t host_woken_at(const struct pp_run *run)
{
	return valid(run)->facts->woken_at;
}

static int64_t host_now(const struct pp_run *run)
{
	(void)run;
	return clock_now();
}

static int64_t host_deadline(const struct pp_run *run)
{
	return valid(run)->facts->deadline;
}

static int host_cancelled(const struct pp_run *run)
{
	return valid(run)->services->cancelled(run->services->closure) || clock_now() > run->facts->deadline;
}

static int host_cancel_fd(const struct pp_run *run)
{
	return valid(run)->services->cancel_fd;
}

static const char *host_string(const struct pp_setup *setup, const char *key)
{
	const struct setup_value *value = setup_find(setup, key);
	return value == NULL ? NULL : value->text;
}

static int64_t host_number(const struct pp_setup *setup, const char *key)
{
	const struct setup_value *value = setup_find(setup, key);
	return value == NULL ? 0 : value->number;
}

static const char *host_item(const struct pp_setup *setup, const char *key, size_t number)
{
	const struct setup_value *value = setup_find(setup, key);
	return value == NULL || value->item == NULL || number >= (size_t)value->number ? NULL : value->item[number];
}

static void host_reject(struct pp_setup *setup, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void host_reject(struct pp_setup *setup, const char *key, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	format_within(text, sizeof text, format, arguments);
	va_end(arguments);
	setup->reject(setup->closure, key, text);
}

static const char *host_step_name(const struct pp_setup *setup)
{
	return setup->step;
}

/* Whether the run may use the cache once more with this key. */
static bool take_turn(struct pp_run *run, const char *key)
{
	if (run->services->cache_get == NULL || key == NULL || key[0] == '\0' || strlen(key) > PP_CACHE_KEY_LIMIT ||
	    run->cache_turns == CACHE_TURNS_LIMIT)
		return false;
	run->cache_turns++;
	return true;
}

static const char *host_cache_get(struct pp_run *run, const char *key)
{
	free(valid(run)->cached);
	run->cached = NULL;
	if (take_turn(run, key))
		run->cached = run->services->cache_get(run->services->closure, run->cache_turns, key);
	return run->cached;
}

static int host_cache_put(struct pp_run *run, const char *key, const char *text)
{
	if (text == NULL || strlen(text) > PP_CACHE_LIMIT || !take_turn(valid(run), key))
		return -1;
	run->services->cache_put(run->services->closure, run->cache_turns, key, text);
	return 0;
}

static void host_set_progress(struct pp_run *run, int64_t done, int64_t total)
{
	if (valid(run)->services->progress != NULL)
		run->services->progress(run->services->closure, done < 0 ? 0 : done, total < 0 ? -1 : total);
}

/* Once in a run is enough. */
static void complain(struct pp_run *run, const char *name, const char *why)
{
	if (!run->complained)
		host_log(run, PP_LOG_WARNING, "metric \"%.60s\" dropped: %s", name, why);
	run->complained = true;
}

static void host_count(struct pp_run *run, const char *name, uint64_t by)
{
	if (name == NULL || !metric_is_name(name))
		complain(valid(run), name != NULL ? name : "", "its name is not 1 to 40 of a-z, 0-9 and _");
	else if (!valid(run)->services->count(run->services->closure, name, by))
		complain(run, name, "there are more than 32");
}

static void host_gauge(struct pp_run *run, const char *name, double value)
{
	if (name == NULL || !metric_is_name(name))
		complain(valid(run), name != NULL ? name : "", "its name is not 1 to 40 of a-z, 0-9 and _");
	else if (!isfinite(value))
		complain(valid(run), name, "its value is not finite");
	else if (!valid(run)->services->gauge(run->services->closure, name, value))
		complain(run, name, "there are more than 32");
}

const struct pp_host host_services = {
	.size = sizeof(struct pp_host),
	.abi_major = PP_STEP_ABI_MAJOR,
	.abi_minor = PP_STEP_ABI_MINOR,
	.string = host_string,
	.number = host_number,
	.reject = host_reject,
	.step_name = host_step_name,
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
	.item = host_item,
	.log_setup = host_log_setup,
	.step = host_step,
	.user_id = host_user_id,
	.space_id = host_space_id,
	.rewind = host_rewind,
	.content_fd = host_content_fd,
	.content_sha256 = host_content_sha256,
	.set_verdict = host_set_verdict,
	.step_outcome = host_step_outcome,
	.step_result = host_step_result,
	.step_verdict = host_step_verdict,
	.cache_get = host_cache_get,
	.cache_put = host_cache_put,
	.set_progress = host_set_progress,
	.count = host_count,
	.gauge = host_gauge,
	.known_sha256 = host_known_sha256,
	.quarantine = host_quarantine,
};

/* Only the documented return values are verdicts. */
static bool is_valid_return(const struct pp_run *run, uint32_t value)
{
	switch (value) {
	case PP_RETRY:
	case PP_CONTINUE:
	case PP_ABORT:
	case PP_DELETE:
	case PP_HOLD:
		return true;
	case PP_WAIT:
		return run->wait_set;
	case PP_AWAIT:
		return run->await_set;
	default:
		return false;
	}
}

void host_run(const struct pp_step_module *module, void *instance, const struct run_facts *facts,
              const struct run_services *services, struct run_answer *answer)
{
	struct pp_run run = {.magic = RUN_MAGIC, .facts = facts, .services = services, .answer = answer};
	*answer = (struct run_answer){.value = PP_RETRY};
	uint32_t value = module->run(instance, &run);
	free(run.cached);
	if (is_valid_return(&run, value))
		answer->value = value;
	else if (value == PP_WAIT || value == PP_AWAIT)
		text_copy(answer->reason, sizeof answer->reason,
		          value == PP_WAIT ? "run() returned PP_WAIT without wait_until()"
		                           : "run() returned PP_AWAIT without await_event()");
	else if (answer->reason[0] == '\0')
		snprintf(answer->reason, sizeof answer->reason, "module %s returned %u, which is not a valid result",
		         module->name, (unsigned)value);
}

static bool check_with_run(const struct pp_step_module *module, void *instance, const char *step,
                           const struct run_services *services, nanos deadline, char *why, size_t size)
{
	const struct run_facts facts = {.step = step, .filesize = -1, .deadline = deadline};
	struct run_answer answer = {0};
	struct pp_run run = {
		.magic = RUN_MAGIC, .checking = true, .facts = &facts, .services = services, .answer = &answer};
	bool passed = module->check_run(instance, &run) == 0;
	text_copy(why, size, answer.reason);
	return passed;
}

bool host_check(const struct pp_step_module *module, void *instance, const char *step,
                const struct run_services *services, nanos deadline, char *why, size_t size)
{
	why[0] = '\0';
	if (module->check_run != NULL)
		return check_with_run(module, instance, step, services, deadline, why, size);
	bool passed = module->check == NULL || module->check(instance, why, size) == 0;
	/* Some modules do not terminate the text, or leave one although they pass. */
	why[passed ? 0 : size - 1] = '\0';
	return passed;
}
