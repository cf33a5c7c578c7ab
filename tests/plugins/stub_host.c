/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/plugins/stub_host.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "tests/fuzz/require.h"

/* What every step has. */
static const struct pp_key step_keys[] = {{.name = "deadline", .type = PP_KEY_DURATION, .fallback = "10m"},
                                          {.name = "max_wait", .type = PP_KEY_DURATION, .fallback = "720h"},
                                          {.name = "quarantine", .type = PP_KEY_INTEGER, .fallback = "0"},
                                          {.name = "on_exhausted", .type = PP_KEY_INTEGER, .fallback = "0"},
                                          {.name = "workers", .type = PP_KEY_INTEGER, .fallback = "4"}};

static const struct pp_key *find_key(const struct pp_setup *setup, const char *name)
{
	for (size_t i = 0; i < sizeof step_keys / sizeof step_keys[0]; i++)
		if (strcmp(step_keys[i].name, name) == 0)
			return &step_keys[i];
	for (const struct pp_key *key = setup->keys; key != NULL && key->name != NULL; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	fprintf(stderr, "the module asks for %s, which it does not declare\n", name);
	abort();
}

static const char *stub_string(const struct pp_setup *setup, const char *name)
{
	size_t length = strlen(name);
	for (size_t i = 0; i < STUB_VALUES && setup->value[i] != NULL; i++)
		if (strncmp(setup->value[i], name, length) == 0 && setup->value[i][length] == '=')
			return setup->value[i] + length + 1;
	return find_key(setup, name)->fallback;
}

static int64_t place_of(const char *choices, const char *word)
{
	size_t length = strlen(word);
	for (int64_t place = 0; choices != NULL; place++) {
		size_t end = strcspn(choices, " ");
		if (end == length && strncmp(choices, word, length) == 0)
			return place;
		choices = choices[end] == '\0' ? NULL : choices + end + 1;
	}
	fprintf(stderr, "%s is not among the choices\n", word);
	abort();
}

static int64_t stub_number(const struct pp_setup *setup, const char *name)
{
	const struct pp_key *key = find_key(setup, name);
	const char *value = stub_string(setup, name);
	nanos duration = 0;
	if (value == NULL)
		return 0;
	if (key->type == PP_KEY_CHOICE)
		return place_of(key->choices, value);
	if (key->type == PP_KEY_BOOL && strcmp(value, "true") == 0)
		return 1;
	if (key->type == PP_KEY_SIZE && strstr(value, "MiB") != NULL)
		return strtoll(value, NULL, 10) << 20;
	if (key->type != PP_KEY_DURATION)
		return strtoll(value, NULL, 10);
	REQUIRE(duration_parse(value, &duration));
	return duration;
}

static void stub_reject(struct pp_setup *setup, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void stub_log(struct pp_run *run, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void stub_set_reason(struct pp_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void stub_reject(struct pp_setup *setup, const char *key, const char *format, ...)
{
	va_list arguments;
	int used = snprintf(setup->rejected, sizeof setup->rejected, "%s: ", key == NULL ? "" : key);
	va_start(arguments, format);
	vsnprintf(setup->rejected + used, sizeof setup->rejected - (size_t)used, format, arguments);
	va_end(arguments);
}

static const char *stub_step_name(const struct pp_setup *setup)
{
	(void)setup;
	return "stub";
}

static void stub_log(struct pp_run *run, int level, const char *format, ...)
{
	va_list arguments;
	REQUIRE(level >= PP_LOG_ERROR);
	run->level = level;
	va_start(arguments, format);
	vsnprintf(run->logged, sizeof run->logged, format, arguments);
	va_end(arguments);
	if (run->first_logged[0] == '\0')
		snprintf(run->first_logged, sizeof run->first_logged, "%s", run->logged);
}

static void stub_set_reason(struct pp_run *run, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(run->reason, sizeof run->reason, format, arguments);
	va_end(arguments);
}

static const char *stub_text(const struct pp_run *run)
{
	(void)run;
	return "stub";
}

static const char *stub_filename(const struct pp_run *run)
{
	return run->filename;
}

static int64_t stub_filesize(const struct pp_run *run)
{
	return run->filesize;
}

static const char *stub_resource_id(const struct pp_run *run)
{
	return run->resource_id;
}

static uint32_t stub_attempt(const struct pp_run *run)
{
	(void)run;
	return 1;
}

static ssize_t stub_read(struct pp_run *run, const void **bytes)
{
	static const char zeros[256 * 1024];
	size_t length = run->length - run->offset;
	if (run->offset >= run->breaks_at)
		return -1;
	if (length > run->piece)
		length = run->piece;
	if (run->bytes == NULL && length > sizeof zeros)
		length = sizeof zeros;
	*bytes = run->bytes == NULL ? zeros : (const char *)run->bytes + run->offset;
	run->offset += length;
	run->ended = length == 0;
	return (ssize_t)length;
}

static const char *stub_read_error(const struct pp_run *run)
{
	(void)run;
	return "the stub's download broke";
}

static int stub_rewind(struct pp_run *run)
{
	run->offset = 0;
	return 0;
}

/* What the last run was given. */
static _Atomic int opened;

static int stub_content_fd(struct pp_run *run)
{
	char path[32];
	if (run->breaks_at <= run->length)
		return -1;
	if (run->file > 0)
		return run->file;
	int made = memfd_create("stub", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	REQUIRE(made >= 0);
	REQUIRE(run->bytes != NULL && write(made, run->bytes, run->length) == (ssize_t)run->length);
	REQUIRE(fcntl(made, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", made);
	run->file = open(path, O_RDONLY | O_CLOEXEC);
	close(made);
	atomic_store(&opened, run->file);
	return run->file;
}

static int stub_set_result(struct pp_run *run, const char *json)
{
	REQUIRE(strlen(json) < sizeof run->result);
	if (run->refused_results > 0) {
		run->refused_results--;
		return -1;
	}
	snprintf(run->result, sizeof run->result, "%s", json);
	return 0;
}

static void stub_wait_until(struct pp_run *run, int64_t time)
{
	run->wait_until = time;
}

static void stub_await_event(struct pp_run *run, int64_t until)
{
	run->await_until = until;
}

static int64_t stub_woken_at(const struct pp_run *run)
{
	return run->woken_at;
}

static int64_t stub_now(const struct pp_run *run)
{
	return run->now;
}

static int64_t stub_deadline(const struct pp_run *run)
{
	return run->deadline;
}

static int stub_cancel_fd(const struct pp_run *run)
{
	return run->cancel_fd;
}

static int stub_cancelled(const struct pp_run *run)
{
	struct pollfd look = {.fd = run->cancel_fd, .events = POLLIN};
	return poll(&look, 1, 0) > 0;
}

static int stub_set_verdict(struct pp_run *run, const char *word, const char *details)
{
	snprintf(run->verdict, sizeof run->verdict, "%s", word);
	snprintf(run->details, sizeof run->details, "%s", details != NULL ? details : "");
	return 0;
}

/* As the host does: a text without blanks around it. */
static const char *stub_item(const struct pp_setup *setup, const char *key, size_t number)
{
	static _Thread_local char text[256];
	const char *value = stub_string(setup, key);
	while (value != NULL && number-- > 0) {
		value = strchr(value, ',');
		value = value != NULL ? value + 1 : NULL;
	}
	if (value == NULL)
		return NULL;
	value += strspn(value, " ");
	snprintf(text, sizeof text, "%.*s", (int)strcspn(value, ","), value);
	return text;
}

static void stub_set_progress(struct pp_run *run, int64_t done, int64_t total)
{
	(void)run;
	REQUIRE(done >= 0 && total >= -1);
}

static void stub_count(struct pp_run *run, const char *name, uint64_t by)
{
	(void)run;
	(void)by;
	REQUIRE(strlen(name) <= PP_METRIC_NAME_LIMIT);
}

static void stub_gauge(struct pp_run *run, const char *name, double value)
{
	(void)run;
	(void)value;
	REQUIRE(strlen(name) <= PP_METRIC_NAME_LIMIT);
}

static int stub_quarantine(struct pp_run *run)
{
	/* It takes along what was said. */
	REQUIRE(run->verdict[0] != '\0' && run->reason[0] != '\0' && run->result[0] == '\0');
	run->quarantined++;
	return run->quarantine_fails ? -1 : 0;
}

static const char *stub_known_sha256(struct pp_run *run)
{
	return run->known_sha256;
}

static const char *stub_cache_get(struct pp_run *run, const char *key)
{
	struct stub_cache *cache = run->cache;
	REQUIRE(strlen(key) <= PP_CACHE_KEY_LIMIT);
	for (size_t i = 0; cache != NULL && i < cache->count; i++)
		if (strcmp(cache->key[i], key) == 0)
			return cache->text[i];
	if (cache != NULL)
		cache->asked++;
	return NULL;
}

static int stub_cache_put(struct pp_run *run, const char *key, const char *text)
{
	struct stub_cache *cache = run->cache;
	REQUIRE(strlen(text) <= PP_CACHE_LIMIT);
	if (cache == NULL || cache->count == STUB_CACHE_ENTRIES)
		return -1;
	snprintf(cache->key[cache->count], sizeof cache->key[0], "%s", key);
	snprintf(cache->text[cache->count++], sizeof cache->text[0], "%s", text);
	return 0;
}

static const char *stub_user_id(const struct pp_run *run)
{
	(void)run;
	return "me";
}

static const char *stub_space_id(const struct pp_run *run)
{
	(void)run;
	return NULL;
}

const struct pp_host stub_host = {
	.size = sizeof(struct pp_host),
	.abi_major = PP_STEP_ABI_MAJOR,
	.abi_minor = PP_STEP_ABI_MINOR,
	.string = stub_string,
	.number = stub_number,
	.reject = stub_reject,
	.step_name = stub_step_name,
	.log = stub_log,
	.upload_id = stub_text,
	.filename = stub_filename,
	.filesize = stub_filesize,
	.resource_id = stub_resource_id,
	.attempt = stub_attempt,
	.read = stub_read,
	.read_error = stub_read_error,
	.set_result = stub_set_result,
	.set_reason = stub_set_reason,
	.wait_until = stub_wait_until,
	.await_event = stub_await_event,
	.woken_at = stub_woken_at,
	.now = stub_now,
	.deadline = stub_deadline,
	.cancelled = stub_cancelled,
	.cancel_fd = stub_cancel_fd,
	.user_id = stub_user_id,
	.space_id = stub_space_id,
	.rewind = stub_rewind,
	.content_fd = stub_content_fd,
	.set_verdict = stub_set_verdict,
	.item = stub_item,
	.set_progress = stub_set_progress,
	.count = stub_count,
	.gauge = stub_gauge,
	.known_sha256 = stub_known_sha256,
	.quarantine = stub_quarantine,
	.cache_get = stub_cache_get,
	.cache_put = stub_cache_put,
};

void stub_run_init(struct pp_run *run, const void *bytes, size_t length)
{
	int before = atomic_exchange(&opened, 0);
	if (before > 0)
		close(before);
	memset(run, 0, sizeof *run);
	run->filename = "stub";
	run->resource_id = "{\"opaque_id\":\"o\"}";
	run->filesize = (int64_t)length;
	run->now = INT64_C(1790000000) * SECOND + 5;
	run->deadline = run->now + 60 * SECOND;
	run->cancel_fd = -1;
	run->bytes = bytes;
	run->length = length;
	run->piece = run->breaks_at = SIZE_MAX;
}

void *stub_create(const char *value, const char *value2, const char *value3)
{
	const char *const values[] = {value, value2, value3, NULL};
	return stub_create_with(values);
}

void *stub_create_with(const char *const values[])
{
	struct pp_setup setup = {.keys = pp_step_module.keys};
	void *instance = NULL;
	for (size_t i = 0; values[i] != NULL; i++) {
		REQUIRE(i < STUB_VALUES - 1);
		setup.value[i] = values[i];
	}
	if (pp_step_module.create(&stub_host, &setup, &instance) != 0) {
		fprintf(stderr, "rejected: %s\n", setup.rejected);
		abort();
	}
	return instance;
}
