/* SPDX-License-Identifier: Apache-2.0
 * ResumePostprocessing: by ID and by step, in every state of an upload. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

static size_t count(const char *type, const char *upload)
{
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	return recorder_count(&scenario.recorder, type, upload);
}

static int command(const char *const *words, char *text, size_t size)
{
	return scenario_command(&scenario, words, text, size);
}

START_TEST(backoff_ends_now)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan", .ini = "[step:virusscan]\nretry_backoff = 1h\n"},
	               true);
	storage_bytes_received(&scenario, "one", "/late", 3);
	storage_bytes_received(&scenario, "two", "/late", 3);
	storage_bytes_received(&scenario, "three", "/late", 3);
	records_await(&scenario, "one", "phase", "backoff");
	records_await(&scenario, "two", "phase", "backoff");
	records_await(&scenario, "three", "phase", "backoff");
	storage_server_put(&scenario.storage, "/late", "abc", 3);
	storage_resume(&scenario, "one", "");
	storage_check_finished(&scenario, "one", "continue");
	ck_assert_uint_eq(count("PostprocessingFinished", NULL), 1);
	storage_resume(&scenario, "", "delay");
	ck_assert_uint_eq(count("PostprocessingFinished", NULL), 1);
	storage_resume(&scenario, "", "virusscan");
	storage_check_finished(&scenario, "two", "continue");
	storage_check_finished(&scenario, "three", "continue");
	scenario_close(&scenario);
}
END_TEST

START_TEST(awaiting_is_asked_again)
{
	char text[4096];
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "policies", .ini = "[step:policies]\nmodule = remote\n"}, false);
	storage_bytes_received(&scenario, "one", "/none", 3);
	storage_bytes_received(&scenario, "two", "/none", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "one", 0);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "two", 0);
	records_await(&scenario, "one", "phase", "awaiting");
	ck_assert_int_eq(command((const char *const[]){"show", "one", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "waiting for another service until 20") != NULL, "%s", text);
	storage_resume(&scenario, "one", "");
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "one", 1);
	ck_assert_uint_eq(count("StartPostprocessingStep", NULL), 3);
	storage_resume(&scenario, "", "policies");
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "one", 2);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "two", 1);
	storage_step_finished(&scenario, "one", "policies", "continue");
	storage_check_finished(&scenario, "one", "continue");
	storage_resume(&scenario, "", "policies");
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "two", 2);
	ck_assert_uint_eq(count("StartPostprocessingStep", "one"), 3);
	ck_assert_uint_eq(count("PostprocessingRetry", NULL), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(confirming_is_published_again)
{
	scenario_begin(&scenario, NULL, false);
	storage_expect(&scenario, "one", "/none", 3, "continue");
	storage_expect(&scenario, "two", "/none", 3, "continue");
	storage_expect(&scenario, "over", "/none", 3, "continue");
	storage_upload_ready(&scenario, "over", true);
	records_await(&scenario, "over", "phase", "ended");
	storage_resume(&scenario, "one", "");
	recorder_await(&scenario.recorder, "PostprocessingFinished", "one", 1);
	ck_assert_uint_eq(count("PostprocessingFinished", NULL), 4);
	storage_resume(&scenario, "", "finished");
	recorder_await(&scenario.recorder, "PostprocessingFinished", "one", 2);
	recorder_await(&scenario.recorder, "PostprocessingFinished", "two", 1);
	/* An upload that storage has confirmed is left alone, whatever the command names. */
	storage_resume(&scenario, "over", "");
	ck_assert_uint_eq(count("PostprocessingFinished", "over"), 1);
	ck_assert_uint_eq(count("RestartPostprocessing", NULL), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(unknown_is_restarted)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan"}, true);
	storage_resume(&scenario, "gone", "");
	const struct recorded *restart = recorder_await(&scenario.recorder, "RestartPostprocessing", "gone", 0);
	ck_assert_uint_eq(json_object_size(restart->payload), 2);
	ck_assert_int_ge(json_integer_value(json_object_get(json_object_get(restart->payload, "Timestamp"), "seconds")), 1);
	/* Storage answers with the upload. */
	storage_expect(&scenario, "gone", "/ok/3", 3, "continue");
	storage_upload_ready(&scenario, "gone", false);
	records_await_gone(&scenario, "gone");
	/* Now it is unknown again, although the bucket has its tombstone. */
	storage_resume(&scenario, "gone", "");
	recorder_await(&scenario.recorder, "RestartPostprocessing", "gone", 1);
	storage_bytes_received(&scenario, "gone", "/ok/3", 3);
	recorder_await(&scenario.recorder, "PostprocessingFinished", "gone", 1);
	storage_resume(&scenario, "", "");
	ck_assert_uint_eq(count("RestartPostprocessing", NULL), 2);
	scenario_close(&scenario);
}
END_TEST

/* An administrator's command, for one upload or for all. */
START_TEST(delay_ends_when_resumed)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 100h\n"},
	               false);
	storage_bytes_received(&scenario, "one", "/none", 68);
	storage_bytes_received(&scenario, "two", "/none", 68);
	storage_bytes_received(&scenario, "three", "/none", 68);
	records_await(&scenario, "one", "phase", "waiting");
	records_await(&scenario, "two", "phase", "waiting");
	records_await(&scenario, "three", "phase", "waiting");
	storage_resume(&scenario, "one", "");
	storage_check_finished(&scenario, "one", "continue");
	ck_assert_uint_eq(count(NULL, NULL), 1);
	/* After a restart, too: nothing else would end it. */
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	ck_assert_uint_eq(count(NULL, NULL), 1);
	storage_resume(&scenario, "", "delay");
	storage_check_finished(&scenario, "two", "continue");
	storage_check_finished(&scenario, "three", "continue");
	ck_assert_uint_eq(count(NULL, NULL), 3);
	scenario_close(&scenario);
}
END_TEST

START_TEST(running_step_goes_on)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan"}, true);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGSTOP), 0);
	storage_bytes_received(&scenario, "runs", "/ok/300", 300);
	scenario_await_requests(&scenario, 1);
	storage_resume(&scenario, "runs", "");
	storage_resume(&scenario, "", "virusscan");
	ck_assert_uint_eq(count(NULL, NULL), 0);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	storage_check_finished(&scenario, "runs", "continue");
	ck_assert_uint_eq(count(NULL, NULL), 2);
	ck_assert_uint_eq(atomic_load(&scenario.storage.requests), 1);
	scenario_close(&scenario);
}
END_TEST

/* How many events of this type a command has published. */
static size_t said(const char *type)
{
	size_t count = 0;
	recorder_update(&scenario.recorder);
	for (size_t i = 0; i < scenario.recorder.count; i++)
		count += scenario.recorder.message[i].id == NULL && strcmp(scenario.recorder.message[i].type, type) == 0;
	return count;
}

static void assert_complaint(const char *words)
{
	char text[8192];
	ck_assert(folder_read(scenario.folder, "command.log", text, sizeof text));
	ck_assert_msg(strstr(text, words) != NULL, "%s", text);
}

/* Three uploads that wait for a scanner, for the command. */
static void begin_waiting(void)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan", .ini = "[step:virusscan]\nretry_backoff = 1h\n"},
	               true);
	storage_bytes_received(&scenario, "one", "/late", 3);
	storage_bytes_received(&scenario, "two", "/late", 3);
	storage_bytes_received(&scenario, "three", "/late", 3);
	records_await(&scenario, "one", "phase", "backoff");
	records_await(&scenario, "two", "phase", "backoff");
	records_await(&scenario, "three", "phase", "backoff");
	storage_server_put(&scenario.storage, "/late", "abc", 3);
}

START_TEST(the_command_shows_what_it_resumes)
{
	char text[8192];
	begin_waiting();
	ck_assert_int_eq(command((const char *const[]){"resume", "-u", "one", "-u", "two", "--upload-id", "one", NULL},
	                         text, sizeof text),
	                 0);
	ck_assert_msg(strstr(text, "one  ") != NULL && strstr(text, "two  ") != NULL && strstr(text, "three") == NULL, "%s",
	              text);
	ck_assert_msg(strstr(text, "2 asked to resume") != NULL, "%s", text);
	storage_check_finished(&scenario, "one", "continue");
	storage_check_finished(&scenario, "two", "continue");
	ck_assert_uint_eq(said("ResumePostprocessing"), 2);
	ck_assert_int_eq(
		command((const char *const[]){"restart", "--step", "virusscan", "--json", NULL}, text, sizeof text), 0);
	storage_check_finished(&scenario, "three", "continue");
	json_t *array = json_loads(text, 0, NULL);
	ck_assert_uint_eq(json_array_size(array), 1);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(array, 0), "id")), "three");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(array, 0), "phase")), "backoff");
	ck_assert(json_is_true(json_object_get(json_array_get(array, 0), "known")));
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(array, 0), "action")), "resume");
	json_decref(array);
	/* No upload is in that step any more: none is resumed. */
	ck_assert_int_eq(command((const char *const[]){"resume", "-s", "virusscan", NULL}, text, sizeof text), 0);
	ck_assert_str_eq(text, "no upload is in that step");
	ck_assert_uint_eq(said("ResumePostprocessing"), 3);
	/* All wait for storage now, and are resumed by default. */
	ck_assert_int_eq(command((const char *const[]){"resume", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "3 asked to resume") != NULL, "%s", text);
	recorder_await(&scenario.recorder, "PostprocessingFinished", "one", 1);
	scenario_close(&scenario);
}
END_TEST

START_TEST(the_command_knows_the_steps)
{
	char text[8192];
	begin_waiting();
	ck_assert_int_eq(command((const char *const[]){"resume", "-s", "virusscna", NULL}, text, sizeof text), 2);
	ck_assert_str_eq(text, "");
	assert_complaint("unknown step \"virusscna\"; the steps are: virusscan, finished\n");
	ck_assert_int_eq(command((const char *const[]){"list", "--step", "virusscna", NULL}, text, sizeof text), 2);
	/* An upload that another implementation has left in a step that is not configured. */
	records_plant(&scenario, records_foreign(&scenario, "theirs", "/none", "policies", "policies", ""));
	ck_assert_int_eq(command((const char *const[]){"resume", "-s", "policeis", NULL}, text, sizeof text), 2);
	assert_complaint("the steps are: virusscan, policies (in records), finished\n");
	ck_assert_uint_eq(said("ResumePostprocessing"), 0);
	ck_assert_int_eq(command((const char *const[]){"resume", "-s", "policies", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "1 asked to resume") != NULL, "%s", text);
	ck_assert_uint_eq(said("ResumePostprocessing"), 1);
	scenario_close(&scenario);
}
END_TEST

START_TEST(the_command_tells_the_uploads_apart)
{
	char text[8192];
	begin_waiting();
	storage_upload_ready(&scenario, "three", true);
	records_await(&scenario, "three", "phase", "ended");
	ck_assert_int_eq(
		command((const char *const[]){"resume", "-u", "gone", "-u", "three", "-u", "one", NULL}, text, sizeof text), 2);
	ck_assert_msg(strstr(text, "gone  ") != NULL &&
	                  strstr(text, "  not under way here: storage was asked to restart it"),
	              "%s", text);
	ck_assert_msg(strstr(text, "1 asked to resume; run `postprocessing list` to follow it") != NULL &&
	                  strstr(text, "no upload with this ID is under way here: storage was asked to restart it") != NULL,
	              "%s", text);
	assert_complaint("upload three: not resumed, because it has ended (abort); use -r to restart it");
	recorder_await(&scenario.recorder, "RestartPostprocessing", "gone", 0);
	storage_check_finished(&scenario, "one", "continue");
	ck_assert_int_eq(command((const char *const[]){"resume", "--restart", "-u", "three", NULL}, text, sizeof text), 0);
	ck_assert_uint_eq(said("RestartPostprocessing"), 1);
	ck_assert_msg(strstr(text, "storage was asked to begin 1 upload again") != NULL &&
	                  strstr(text, "asked to resume") == NULL,
	              "%s", text);
	/* Scripts can tell, too. */
	ck_assert_int_eq(command((const char *const[]){"resume", "--json", "-u", "typo", NULL}, text, sizeof text), 0);
	ck_assert_str_eq(text, "[  {    \"id\": \"typo\",    \"action\": \"restart\",    \"known\": false  }]");
	ck_assert_int_eq(command((const char *const[]){"resume", "-r", NULL}, text, sizeof text), 2);
	ck_assert_int_eq(command((const char *const[]){"resume", "-u", "a/b", NULL}, text, sizeof text), 2);
	assert_complaint("invalid upload ID \"a/b\"");
	ck_assert_int_eq(command((const char *const[]){"show", "gone", NULL}, text, sizeof text), 2);
	scenario_close(&scenario);
}
END_TEST

/* Each command that needs the bucket says so when the broker has lost it, and where to look. */
START_TEST(a_lost_bucket_is_named)
{
	static const char *const words[][6] = {{"list", NULL},
	                                       {"resume", NULL},
	                                       {"resume", "-u", "one", NULL},
	                                       {"show", "one", NULL},
	                                       {"release", "--reason", "x", "one", NULL}};
	char text[8192], log[FOLDER_PATH_SIZE + 32];
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay"}, false);
	ck_assert_int_eq(js_DeleteStream(scenario.js, "KV_postprocessing", NULL, NULL), NATS_OK);
	snprintf(log, sizeof log, "%s/command.log", scenario.folder);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		ck_assert_int_eq(command(words[i], text, sizeof text), 2);
		ck_assert_str_eq(text, "");
		ck_assert(folder_read(scenario.folder, "command.log", text, sizeof text));
		ck_assert_str_eq(text, "bucket postprocessing: missing from the broker; see `postprocessing health`\n");
		ck_assert_int_eq(unlink(log), 0);
	}
	scenario_close(&scenario);
}
END_TEST

static void assert_listed(const char *const *words, const char *expected)
{
	char text[8192], ids[256] = "";
	ck_assert_int_eq(command(words, text, sizeof text), 0);
	json_t *array = json_loads(text, 0, NULL);
	for (size_t k = 0; k < 3; k++) {
		static const char *const id[] = {"one", "two", "three"};
		for (size_t i = 0; i < json_array_size(array); i++)
			if (strcmp(json_string_value(json_object_get(json_array_get(array, i), "id")), id[k]) == 0)
				snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s ", id[k]);
	}
	ck_assert_ptr_nonnull(array);
	json_decref(array);
	ck_assert_str_eq(ids, expected);
}
#define LISTED(expected, ...) assert_listed((const char *const[]){"list", "--json", __VA_ARGS__, NULL}, expected)

START_TEST(the_list_is_filtered)
{
	char text[8192];
	begin_waiting();
	storage_upload_ready(&scenario, "three", true);
	records_await(&scenario, "three", "phase", "ended");
	storage_resume(&scenario, "two", "");
	storage_check_finished(&scenario, "two", "continue");
	LISTED("one ", "--step", "virusscan");
	LISTED("two ", "--step", "finished");
	LISTED("two three ", "-a", "--step", "finished");
	LISTED("one ", "--state", "backoff");
	LISTED("three ", "--state", "ended");
	LISTED("two three ", "--state", "ended,confirming");
	LISTED("one two ", "--newer-than", "1h");
	LISTED("", "--older-than", "1h");
	LISTED("one two three ", "-a", "--older-than", "1ms");
	LISTED("", "--state", "suspended");
	LISTED("", "--state", "no-verdict");
	ck_assert_int_eq(command((const char *const[]){"list", "--json", "--step", "virusscan", NULL}, text, sizeof text),
	                 0);
	ck_assert_msg(strstr(text, "\"state\": \"backoff\"") != NULL, "%s", text);
	ck_assert_int_eq(command((const char *const[]){"list", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "failed; next try at 20") != NULL &&
	                  strstr(text, "not shown: 1 rejected upload (use -a to show it)") != NULL,
	              "%s", text);
	ck_assert_int_eq(command((const char *const[]){"list", "--state", "done", NULL}, text, sizeof text), 2);
	assert_complaint("unknown state \"done\"");
	ck_assert_int_eq(command((const char *const[]){"list", "--older-than", "7", NULL}, text, sizeof text), 2);
	ck_assert_int_eq(command((const char *const[]){"list", "--older-than", "1h", NULL}, text, sizeof text), 0);
	ck_assert_str_eq(text, "no matching uploads");
	scenario_close(&scenario);
}
END_TEST

static bool is_expired(void *closure)
{
	(void)closure;
	return scenario_metric(&scenario, "postprocessing_records_expired_total") == 1;
}

static bool is_listed_as_running(void *closure)
{
	char *text = closure;
	return command((const char *const[]){"list", NULL}, text, 8192) == 0 && strstr(text, "slow") != NULL;
}

/* A record is written only after a while. Until then the service says what runs. */
START_TEST(runs_without_a_record_are_listed)
{
	static const char ini[] = "[step:slow]\nmodule = exec\nallow = exec\ninput = none\ncommand = /bin/sleep 3600\n";
	static char text[8192];
	scenario_begin(&scenario, &(struct scenario_options){.steps = "slow", .ini = ini}, false);
	storage_bytes_received(&scenario, "one", "/none", 3);
	ck_assert(wait_until(is_listed_as_running, text, TEST_LIMIT));
	json_t *record = records_read(&scenario, "one");
	if (record == NULL) {
		ck_assert_msg(strstr(text, "running since 20") != NULL && strstr(text, "it has no record yet") != NULL, "%s",
		              text);
		LISTED("", "--state", "queued");
		LISTED("", "--older-than", "1h");
	}
	json_decref(record);
	LISTED("one ", "--state", "running");
	records_await(&scenario, "one", "phase", "queued");
	LISTED("one ", "--step", "slow");
	ck_assert_int_eq(command((const char *const[]){"list", "--json", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "\"state\": \"running\"") != NULL && strstr(text, "\"filename\"") != NULL, "%s", text);
	storage_clean(&scenario, "one");
	records_await_gone(&scenario, "one");
	scenario_close(&scenario);
}
END_TEST

/* Uploads that a step has rejected only because it could not look at them can be found, and begun again together. */
START_TEST(uploads_without_a_verdict_are_found)
{
	char text[8192], eicar[EICAR_SIZE + 1];
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan",
	                                          .ini = "[step:virusscan]\nretry_backoff = 1ms\nmax_retries = 1\n"},
	               true);
	eicar_make(eicar);
	storage_server_put(&scenario.storage, "/bad", eicar, EICAR_SIZE);
	storage_bytes_received(&scenario, "one", "/cut/300", 300);
	storage_bytes_received(&scenario, "two", "/cut/300", 300);
	storage_bytes_received(&scenario, "three", "/bad", EICAR_SIZE);
	storage_check_finished(&scenario, "one", "abort");
	storage_check_finished(&scenario, "two", "abort");
	storage_check_finished(&scenario, "three", "delete");
	storage_upload_ready(&scenario, "two", true);
	records_await(&scenario, "two", "phase", "ended");
	LISTED("one two ", "--state", "no-verdict");
	LISTED("one two ", "--state", "no-verdict", "--step", "virusscan");
	LISTED("one two ", "--state", "no-verdict", "--step", "finished");
	LISTED("", "--step", "virusscan", "--all");
	ck_assert_int_eq(command((const char *const[]){"resume", "-r", "-u", "one", "-u", "two", NULL}, text, sizeof text),
	                 0);
	ck_assert_msg(strstr(text, "storage was asked to begin 2 uploads again") != NULL, "%s", text);
	ck_assert_uint_eq(said("RestartPostprocessing"), 2);
	scenario_close(&scenario);
}
END_TEST

/* Records of rejected uploads are not kept for ever. */
START_TEST(records_have_a_retention)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan,delay",
	                                          .ini = "[step:delay]\nduration = 1h\n",
	                                          .env = (const char *const[]){"POSTPROCESSING_RETENTION=1s", NULL}},
	               true);
	storage_bytes_received(&scenario, "waits", "/ok/3", 3);
	records_await(&scenario, "waits", "phase", "waiting");
	storage_bytes_received(&scenario, "bad", "/ok/3", 3);
	records_await(&scenario, "bad", "phase", "waiting");
	storage_upload_ready(&scenario, "bad", true);
	records_await_gone(&scenario, "bad");
	ck_assert(wait_until(is_expired, NULL, TEST_LIMIT));
	scenario_await_log(&scenario, "removed the records of uploads that ended badly more than 1s ago (retention): 1");
	json_t *record = records_read(&scenario, "waits");
	ck_assert_ptr_nonnull(record);
	json_decref(record);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {backoff_ends_now,
	                              awaiting_is_asked_again,
	                              confirming_is_published_again,
	                              unknown_is_restarted,
	                              delay_ends_when_resumed,
	                              running_step_goes_on,
	                              the_command_shows_what_it_resumes,
	                              the_command_knows_the_steps,
	                              the_command_tells_the_uploads_apart,
	                              a_lost_bucket_is_named,
	                              the_list_is_filtered,
	                              runs_without_a_record_are_listed,
	                              uploads_without_a_verdict_are_found,
	                              records_have_a_retention};
	return scenario_run("scenario: resume", tests, sizeof tests / sizeof tests[0]);
}
