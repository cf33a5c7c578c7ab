/* SPDX-License-Identifier: Apache-2.0
 * The cache that modules share, with modules in processes (step a) and on threads (step b). */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/encoding.h"
#include "tests/scenario/storage.h"

#define BUCKET "KV_postprocessing-cache"
#define LARGE 700000

static struct scenario scenario;
static char *large;
static unsigned uploads;

static void begin_steps(const char *steps, const char *lines)
{
	static char modules[FOLDER_PATH_SIZE + 64], ini[1024];
	static const char *environment[2];
	char build[FOLDER_PATH_SIZE];
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	snprintf(modules, sizeof modules, "POSTPROCESSING_PLUGIN_DIR=%s/tests/modules/.libs", build);
	environment[0] = modules;
	snprintf(ini, sizeof ini, "[step:a]\nmodule = cacher\n[step:b]\nmodule = cacher\nisolation = thread\n%s", lines);
	large = calloc(1, LARGE);
	ck_assert_ptr_nonnull(large);
	uploads = 0;
	scenario_begin(&scenario, &(struct scenario_options){.steps = steps, .ini = ini, .env = environment}, false);
	storage_server_put(&scenario.storage, "/large", large, LARGE);
}

static void begin(const char *lines)
{
	begin_steps("a,b", lines);
}

static void end(void)
{
	scenario_close(&scenario);
	free(large);
}

/* One upload through both steps; its bytes must be whole. */
static void run_upload(void)
{
	char id[32];
	snprintf(id, sizeof id, "u%u", uploads++);
	storage_expect(&scenario, id, "/large", LARGE, "continue");
}

/* What is kept is not there at once. */
static bool both_know(void *closure)
{
	(void)closure;
	run_upload();
	return scenario_log_count(&scenario, ": a: " STORAGE_FILENAME ": kept \xc3\xa4") > 0 &&
	       scenario_log_count(&scenario, ": b: " STORAGE_FILENAME ": kept \xc3\xa4") > 0;
}

static jsStreamInfo *bucket(void)
{
	jsStreamInfo *info = NULL;
	jsErrCode code = 0;
	js_GetStreamInfo(&info, scenario.js, BUCKET, NULL, &code);
	return info;
}

static void assert_limits(int64_t age, int64_t bytes)
{
	jsStreamInfo *info = bucket();
	ck_assert_ptr_nonnull(info);
	ck_assert_int_eq(info->Config->MaxAge, age);
	ck_assert_int_eq(info->Config->MaxBytes, bytes);
	jsStreamInfo_Destroy(info);
}

START_TEST(all_instances_share_it)
{
	begin("");
	run_upload();
	ck_assert_uint_ge(scenario_log_count(&scenario, ": a: " STORAGE_FILENAME ": unknown"), 1);
	ck_assert(wait_until(both_know, NULL, TEST_LIMIT));
	ck_assert_uint_gt(scenario_metric(&scenario, "postprocessing_cache_hits_total"), 0);
	ck_assert_uint_gt(scenario_metric(&scenario, "postprocessing_cache_misses_total"), 0);
	ck_assert_uint_ge(scenario_metric(&scenario, "postprocessing_cache_kept_total"), 4);
	assert_limits(168 * HOUR, 64000000);
	/* The next process finds it. */
	scenario_stop_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	ck_assert(wait_until(both_know, NULL, TEST_LIMIT));
	/* Somebody removes the bucket. */
	jsErrCode code;
	ck_assert_int_eq(js_DeleteStream(scenario.js, BUCKET, NULL, &code), NATS_OK);
	run_upload();
	run_upload();
	ck_assert(wait_until(both_know, NULL, TEST_LIMIT));
	end();
}
END_TEST

static bool run_asks_nobody(void *closure)
{
	(void)closure;
	uint64_t asked = scenario_metric(&scenario, "postprocessing_cache_asked_total");
	run_upload();
	return scenario_metric(&scenario, "postprocessing_cache_asked_total") <= asked;
}

static bool run_finds_it(void *closure)
{
	(void)closure;
	run_upload();
	return scenario_log_count(&scenario, "something else: by another instance") > 0;
}

/* The broker is not asked for what it does not have. */
START_TEST(keys_are_watched)
{
	static const char module[] = "cacher", key[] = "something else";
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char bytes[sizeof module + sizeof key], subject[128] = "$KV.postprocessing-cache.";
	jsErrCode code;
	begin("");
	ck_assert(wait_until(run_asks_nobody, NULL, TEST_LIMIT));
	memcpy(bytes, module, sizeof module);
	memcpy(bytes + sizeof module, key, sizeof key - 1);
	SHA256((const unsigned char *)bytes, sizeof module + sizeof key - 1, digest);
	hex_encode(subject + strlen(subject), digest, sizeof digest);
	/* Another instance keeps something. */
	ck_assert_int_eq(js_Publish(NULL, scenario.js, subject, "by another instance", 19, NULL, &code), NATS_OK);
	ck_assert(wait_until(run_finds_it, NULL, TEST_LIMIT));
	/* After the broker's restart, it is watched again. */
	ck_assert(nats_fixture_kill(&scenario.nats));
	ck_assert(nats_fixture_restart(&scenario.nats));
	ck_assert(wait_until(run_asks_nobody, NULL, TEST_LIMIT));
	end();
}
END_TEST

/* The consumer that watches the keys, as the broker names it; false: there is not exactly one. */
static bool find_watcher(char *name, size_t size)
{
	jsConsumerNamesList *names = NULL;
	if (js_ConsumerNames(&names, scenario.js, BUCKET, NULL, NULL) != NATS_OK)
		return false;
	bool one = names->Count == 1;
	if (one)
		snprintf(name, size, "%s", names->List[0]);
	jsConsumerNamesList_Destroy(names);
	return one;
}

static bool is_consumer_back(void *closure)
{
	(void)closure;
	return scenario_log_count(&scenario, "consumer postprocessing-pull: created") >= 2;
}

/* The service prepares the same connection again, as the consumer of its events is gone. */
START_TEST(watch_goes_on)
{
	char before[128], after[128];
	jsErrCode code;
	begin("");
	ck_assert(wait_until(run_asks_nobody, NULL, TEST_LIMIT));
	ck_assert(find_watcher(before, sizeof before));
	ck_assert_int_eq(js_DeleteConsumer(scenario.js, "main-queue", "postprocessing-pull", NULL, &code), NATS_OK);
	ck_assert(wait_until(is_consumer_back, NULL, TEST_LIMIT));
	ck_assert(wait_until(run_asks_nobody, NULL, TEST_LIMIT));
	ck_assert(find_watcher(after, sizeof after));
	ck_assert_str_eq(before, after);
	end();
}
END_TEST

START_TEST(other_limits)
{
	jsStreamConfig config;
	jsErrCode code;
	static const char *subjects[] = {"$KV.postprocessing-cache.>"};
	begin("[cache]\nttl = 2h\nmax_size = 2MiB\n");
	jsStreamConfig_Init(&config);
	config.Name = BUCKET;
	config.Subjects = subjects;
	config.SubjectsLen = 1;
	config.MaxMsgsPerSubject = 1;
	config.MaxAge = HOUR;
	config.AllowRollup = config.DenyDelete = true;
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &config, NULL, &code), NATS_OK);
	ck_assert(wait_until(both_know, NULL, TEST_LIMIT));
	assert_limits(2 * HOUR, 2 << 20);
	end();
}
END_TEST

START_TEST(without_it)
{
	begin("[cache]\nenabled = false\n");
	run_upload();
	run_upload();
	ck_assert_uint_eq(scenario_log_count(&scenario, "unknown"), 4);
	ck_assert_ptr_null(bucket());
	end();
}
END_TEST

START_TEST(too_much)
{
	begin("[step:a]\ncalls = 100\n[step:b]\ncalls = 100\n");
	run_upload();
	ck_assert_uint_eq(scenario_log_count(&scenario, "32 of 100 calls; what is too long is refused"), 2);
	end();
}
END_TEST

#define ABREAST 4

/* Uploads that are equal for the module, all at once. */
static void run_abreast(void)
{
	char id[ABREAST][32];
	for (size_t i = 0; i < ABREAST; i++) {
		snprintf(id[i], sizeof id[i], "u%u", uploads++);
		storage_bytes_received(&scenario, id[i], "/large", LARGE);
	}
	for (size_t i = 0; i < ABREAST; i++)
		storage_check_finished(&scenario, id[i], "continue");
}

static void share(const char *step)
{
	begin_steps(step, "[step:a]\nworkers = 4\npause = 1s\n[step:b]\nworkers = 4\npause = 1s\n");
	run_abreast();
	ck_assert_uint_eq(scenario_log_count(&scenario, STORAGE_FILENAME ": unknown"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, STORAGE_FILENAME ": kept"), ABREAST - 1);
	ck_assert_uint_gt(scenario_metric(&scenario, "postprocessing_cache_shared_total"), 0);
	end();
}

START_TEST(equal_uploads_at_once)
{
	share("a");
	share("b");
}
END_TEST

/* Those that wait take over at once, and each of them fails once. If each waited for two seconds, three of them could
 * not be over in that time. */
static void fail_in_turn(const char *step, const char *first)
{
	char lines[256];
	nanos fastest = INT64_MAX;
	snprintf(lines, sizeof lines, "[step:%s]\nworkers = 4\npause = 100ms\nfirst = %s\nretry_backoff = 100ms\n", step,
	         first);
	for (unsigned round = 0; round < 5 && fastest >= 2 * SECOND; round++) {
		begin_steps(step, lines);
		nanos began = clock_monotonic();
		run_abreast();
		nanos took = clock_monotonic() - began;
		/* On a busy machine, the second run of one may come before the first of another, which then does not fail. */
		bool each = scenario_log_count(&scenario, STORAGE_FILENAME ": unknown") > ABREAST;
		fastest = each && took < fastest ? took : fastest;
		end();
	}
	ck_assert_msg(fastest < 2 * SECOND, "the uploads took %lld ms, if each failed", (long long)(fastest / MILLISECOND));
}

START_TEST(a_run_that_crashes)
{
	fail_in_turn("a", "crashes");
}
END_TEST

START_TEST(a_run_that_fails)
{
	fail_in_turn("a", "retries");
	fail_in_turn("b", "retries");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {all_instances_share_it, keys_are_watched,   watch_goes_on,
	                              other_limits,           without_it,         too_much,
	                              equal_uploads_at_once,  a_run_that_crashes, a_run_that_fails};
	return scenario_run("cache", tests, sizeof tests / sizeof tests[0]);
}
