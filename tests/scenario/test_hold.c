/* SPDX-License-Identifier: Apache-2.0
 * Uploads that a step holds until people decide, through the whole service. The step exec asks whether a file exists,
 * and holds the upload if it does not. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;
static char folder[FOLDER_PATH_SIZE];
static char text[1 << 16];

#define HELD "[step:review]\nmodule = exec\nallow = exec\ninput = none\nabort = none\nhold = 1\n"

static void begin(const char *lines)
{
	static char ini[1024];
	ck_assert(folder_create(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	snprintf(ini, sizeof ini,
	         HELD "command = /usr/bin/test -e %s/fine\nreadable = %s\n%s[audit]\nfile = %s/audit.log\n", folder, folder,
	         lines, folder);
	scenario_begin(&scenario, &(struct scenario_options){.steps = "review", .ini = ini}, false);
}

static void end(void)
{
	scenario_close(&scenario);
	folder_remove(folder);
}

static int command(const char *const *words)
{
	return scenario_command(&scenario, words, text, sizeof text);
}
#define COMMAND(...) command((const char *const[]){__VA_ARGS__, NULL})

/* How many lines of the audit log have all of these parts, the last of which is NULL. */
static size_t audited(const char *const *parts)
{
	static char audit[1 << 16];
	size_t count = 0;
	if (!folder_read(folder, "audit.log", audit, sizeof audit))
		return 0;
	for (char *line = strtok(audit, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		bool all = true;
		for (size_t i = 0; all && parts[i] != NULL; i++)
			all = strstr(line, parts[i]) != NULL;
		count += all;
	}
	return count;
}

static bool is_audited(void *closure)
{
	return audited(closure) > 0;
}

/* One line, and no more than that. */
static void assert_audited(const char *const *parts)
{
	ck_assert_msg(wait_until(is_audited, (void *)(uintptr_t)parts, TEST_LIMIT), "not in the audit log: %s", parts[0]);
	ck_assert_uint_eq(audited(parts), 1);
}
#define AUDITED(...) assert_audited((const char *const[]){__VA_ARGS__, NULL})

static bool is_held(void *closure)
{
	return COMMAND("list", "--state", "held") == 0 && strstr(text, closure) != NULL;
}

static void await_held(const char *upload)
{
	ck_assert_msg(wait_until(is_held, (void *)(uintptr_t)upload, TEST_LIMIT), "%s is not held:\n%s", upload, text);
	ck_assert_ptr_nonnull(strstr(text, "held since 20"));
	ck_assert_ptr_nonnull(strstr(text, "; abort at 20"));
	ck_assert_ptr_nonnull(strstr(text, ") unless it is released"));
}

/* The service dies in between. */
START_TEST(release_makes_it_continue)
{
	begin("");
	storage_bytes_received(&scenario, "odd", "/none", 3);
	await_held("odd");
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_holds_total"), 1);
	scenario_await_log(&scenario, "upload odd: held by review until 20");
	ck_assert_int_eq(COMMAND("health"), 0);
	ck_assert_msg(strstr(text, "/audit.log") != NULL, "%s", text);
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	ck_assert_int_eq(COMMAND("show", "--json", "odd"), 0);
	ck_assert_msg(strstr(text, "\"held\": true") != NULL && strstr(text, "\"phase\": \"awaiting\"") != NULL &&
	                  strstr(text, "\"state\": \"held\"") != NULL,
	              "%s", text);
	ck_assert_int_eq(COMMAND("list", "--state", "awaiting", "--json"), 0);
	ck_assert_ptr_null(strstr(text, "odd"));
	/* The answer of a service that nobody has asked. */
	storage_step_finished(&scenario, "odd", "review", "continue");
	scenario_await_applied(&scenario);
	await_held("odd");
	ck_assert_int_eq(COMMAND("release", "odd"), 2);
	ck_assert_int_eq(COMMAND("release", "--reason", "known\nfile", "odd"), 0);
	ck_assert_msg(strstr(text, "  released, ") != NULL && strstr(text, "1 released; ") != NULL, "%s", text);
	storage_check_finished(&scenario, "odd", "continue");
	scenario_await_log(&scenario, "upload odd: no longer held by review: continue, released by ");
	ck_assert_uint_eq(scenario_log_count(&scenario, "known\nfile"), 0);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_holds_released_total"), 1);
	ck_assert_int_eq(COMMAND("release", "--reason", "again", "odd"), 2);
	AUDITED("\"act\":\"held\",\"upload\":\"odd\",\"step\":\"review\",\"user\":null");
	AUDITED("\"act\":\"released\",\"upload\":\"odd\",\"step\":\"review\",\"user\":\"",
	        "\"outcome\":\"continue\",\"reason\":\"known\\u000afile\",\"event\":");
	end();
}
END_TEST

START_TEST(reject_ends_it)
{
	begin("");
	storage_bytes_received(&scenario, "kept", "/none", 3);
	storage_bytes_received(&scenario, "gone", "/none", 3);
	await_held("kept");
	await_held("gone");
	ck_assert_int_eq(COMMAND("reject", "--json", "--reason", "not ours", "kept"), 0);
	ck_assert_ptr_nonnull(strstr(text, "\"action\": \"reject\""));
	storage_check_finished(&scenario, "kept", "abort");
	ck_assert_int_eq(COMMAND("reject", "--delete", "gone"), 0);
	ck_assert_msg(strstr(text, "  rejected, ") != NULL && strstr(text, "1 rejected; ") != NULL, "%s", text);
	storage_check_finished(&scenario, "gone", "delete");
	AUDITED("\"act\":\"rejected\",\"upload\":\"kept\"", "\"outcome\":\"abort\",\"reason\":\"not ours\"");
	AUDITED("\"act\":\"rejected\",\"upload\":\"gone\"", "\"outcome\":\"delete\",\"reason\":null");
	ck_assert_int_eq(COMMAND("show", "kept"), 0);
	ck_assert_msg(strstr(text, "review (abort)") != NULL && strstr(text, "rejected by ") != NULL &&
	                  strstr(text, ": not ours") != NULL,
	              "%s", text);
	ck_assert_int_eq(COMMAND("reject", "kept"), 2);
	ck_assert_int_eq(COMMAND("release", "--reason", "x", "unknown"), 2);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_holds_rejected_total"), 2);
	end();
}
END_TEST

START_TEST(resume_asks_the_step_again)
{
	begin("");
	storage_bytes_received(&scenario, "odd", "/none", 3);
	await_held("odd");
	ck_assert_int_eq(COMMAND("resume", "-u", "odd"), 0);
	scenario_await_applied(&scenario);
	await_held("odd");
	ck_assert(folder_write(folder, "fine", "", 0));
	ck_assert_int_eq(COMMAND("resume", "-u", "odd"), 0);
	storage_check_finished(&scenario, "odd", "continue");
	static const char *const resumed[] = {"\"act\":\"resumed\",\"upload\":\"odd\",\"step\":\"review\",\"user\":null",
	                                      NULL};
	ck_assert(wait_until(is_audited, (void *)(uintptr_t)resumed, TEST_LIMIT));
	ck_assert_uint_eq(audited(resumed), 2);
	scenario_await_log(&scenario, "upload odd: no longer held by review: resumed");
	end();
}
END_TEST

/* The bucket is another service's, and deletes records sooner than people have to decide. */
START_TEST(a_bucket_that_forgets)
{
	jsStreamInfo *info = NULL;
	jsErrCode code;
	begin("");
	ck_assert_int_eq(js_GetStreamInfo(&info, scenario.js, "KV_postprocessing", NULL, &code), NATS_OK);
	info->Config->MaxAge = HOUR;
	ck_assert_int_eq(js_UpdateStream(NULL, scenario.js, info->Config, NULL, &code), NATS_OK);
	jsStreamInfo_Destroy(info);
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_bytes_received(&scenario, "odd", "/none", 3);
	storage_bytes_received(&scenario, "odder", "/none", 3);
	await_held("odd");
	await_held("odder");
	ck_assert_uint_eq(scenario_log_count(&scenario, "after it was written, but step review holds uploads for 720h"), 1);
	end();
}
END_TEST

START_TEST(nobody_decides)
{
	static const struct {
		const char *key, *outcome;
	} table[] = {{"", "abort"}, {"hold_outcome = delete\n", "delete"}, {"hold_outcome = continue\n", "continue"}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char lines[128];
		snprintf(lines, sizeof lines, "hold_limit = 1s\n%s", table[i].key);
		begin(lines);
		storage_bytes_received(&scenario, "odd", "/none", 3);
		storage_check_finished(&scenario, "odd", table[i].outcome);
		const nanos took = recorder_await(&scenario.recorder, "PostprocessingFinished", "odd", 0)->time -
		                   scenario.recorder.message[0].time;
		ck_assert_int_ge(took, SECOND);
		ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_holds_expired_total"), 1);
		AUDITED("\"act\":\"hold_expired\",\"upload\":\"odd\",\"step\":\"review\",\"user\":null", table[i].outcome);
		scenario_await_log(&scenario, "nobody decided within hold_limit: ");
		ck_assert_uint_eq(scenario_log_count(&scenario, "(hold_outcome = continue)"), i == 2);
		ck_assert_uint_eq(scenario_log_count(&scenario, "reached no verdict"), 0);
		if (i == 0) {
			ck_assert_int_eq(COMMAND("show", "odd"), 0);
			ck_assert_msg(strstr(text, "review (held)") != NULL &&
			                  strstr(text, "outcome   abort, after the hold by review") != NULL,
			              "%s", text);
		}
		end();
	}
}
END_TEST

static char submit_log[FOLDER_PATH_SIZE + 32], submit_said[4096];

static bool submit_says(void *closure)
{
	return folder_read(scenario.folder, "submit.log", submit_said, sizeof submit_said) &&
	       strstr(submit_said, closure) != NULL;
}

/* submit waits for a decision, and says so also when it prints JSON. */
START_TEST(submit_tells_of_the_hold)
{
	static char how[] = "to end that: `postprocessing release --reason TEXT ";
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], id[64], output[4096];
	struct process submit = PROCESS_NONE;
	begin("");
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/odd.txt", scenario.folder);
	snprintf(submit_log, sizeof submit_log, "%s/submit.log", scenario.folder);
	ck_assert(folder_write(scenario.folder, "odd.txt", "abc", 3));
	for (unsigned i = 0; i < 2; i++) {
		const char *const argv[] = {"./postprocessing", "submit", "-c", ini, path, i == 0 ? "--json" : NULL, NULL};
		ck_assert(process_start(&submit, &(struct process_options){.argv = argv, .log = submit_log, .pipe_out = true}));
		ck_assert(wait_until(submit_says, how, TEST_LIMIT));
		ck_assert_msg(strstr(submit_said, "odd.txt  held by review until 20") != NULL, "%s", submit_said);
		ck_assert_int_eq(sscanf(strstr(submit_said, how) + strlen(how), "%63[0-9a-f-]`", id), 1);
		ck_assert_int_eq(COMMAND("release", "--reason", "fine", id), 0);
		process_read_all(&submit, output, sizeof output);
		ck_assert(process_wait(&submit, TEST_LIMIT));
		ck_assert_int_eq(submit.status, 0);
		process_end(&submit);
		ck_assert_msg(strstr(output, i == 0 ? "\"outcome\": \"continue\"" : "accepted") != NULL, "%s", output);
		ck_assert_int_eq(unlink(submit_log), 0);
	}
	end();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {release_makes_it_continue, reject_ends_it, resume_asks_the_step_again,
	                              a_bucket_that_forgets,     nobody_decides, submit_tells_of_the_hold};
	return scenario_run("hold", tests, sizeof tests / sizeof tests[0]);
}
