/* SPDX-License-Identifier: Apache-2.0
 * SIGHUP: the configuration and the modules are read again, all or nothing, while uploads are under way. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

#define GOOD "postprocessing_config_last_reload_successful"
#define IN_EFFECT "the new configuration is in effect"

static struct scenario scenario;

/* Copies what is built to the folder of the scenario's modules, under a name of its own there, as a package manager
 * does: under another name first. part: how much of it, in percent. */
static void install_part(const char *built, const char *name, unsigned part)
{
	static char bytes[1 << 20];
	char from[FOLDER_PATH_SIZE], folder[FOLDER_PATH_SIZE + 16], new[FOLDER_PATH_SIZE + 64], path[FOLDER_PATH_SIZE + 64];
	snprintf(from, sizeof from, "tests/modules/.libs/%s.so", built);
	snprintf(folder, sizeof folder, "%s/modules", scenario.folder);
	snprintf(new, sizeof new, "%s/%s.new", folder, name);
	snprintf(path, sizeof path, "%s/%s.so", folder, name);
	FILE *file = fopen(from, "re");
	ck_assert_ptr_nonnull(file);
	size_t length = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	ck_assert(length > 0 && length < sizeof bytes);
	mkdir(folder, 0755);
	int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ck_assert_int_ge(fd, 0);
	length = length * part / 100;
	ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
	close(fd);
	ck_assert_int_eq(rename(new, path), 0);
}

static void install(const char *built, const char *name)
{
	install_part(built, name, 100);
}

static void configure_with(const char *service, const char *steps, const char *http)
{
	char text[4096], addr[64] = "addr = 127.0.0.1:0\n";
	int length = snprintf(text, sizeof text,
	                      "[postprocessing]\nplugin_dir = %s/modules\nstate_dir = %s/state\n%s\n[events]\nendpoint = "
	                      "127.0.0.1:%u\n[http]\n%s%s\n%s",
	                      scenario.folder, scenario.folder, service, scenario.nats.port, addr, http, steps);
	ck_assert_uint_lt((size_t)length, sizeof text);
	/* At once, as a service may read it at any time. */
	char new[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32];
	snprintf(new, sizeof new, "%s/postprocessing.ini.new", scenario.folder);
	snprintf(path, sizeof path, "%s/postprocessing.ini", scenario.folder);
	ck_assert(folder_write(scenario.folder, "postprocessing.ini.new", text, (size_t)length));
	ck_assert_int_eq(rename(new, path), 0);
}

static void configure(const char *service, const char *steps)
{
	configure_with(service, steps, "");
}

static void begin(const char *service, const char *steps)
{
	scenario_open(&scenario, NULL);
	install("versions", "versions");
	configure(service, steps);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
}

struct count {
	const char *text;
	size_t least;
};

static bool is_counted(void *closure)
{
	const struct count *count = closure;
	return scenario_log_count(&scenario, count->text) >= count->least;
}

/* Waits until the log says it once more. */
static void reload(const char *words)
{
	struct count count = {words, scenario_log_count(&scenario, words) + 1};
	ck_assert(process_signal(&scenario.service, SIGHUP));
	ck_assert_msg(wait_until(is_counted, &count, TEST_LIMIT), "the log does not say: %s", words);
}

static void reload_well(const char *words)
{
	char text[256];
	snprintf(text, sizeof text, IN_EFFECT "%s", words);
	reload(text);
	ck_assert_uint_eq(scenario_metric(&scenario, GOOD), 1);
}

/* With an error that contains these words. */
static void reload_badly(const char *words)
{
	size_t before = scenario_log_count(&scenario, "reload refused");
	reload(words);
	struct count count = {"reload refused", before + 1};
	ck_assert(wait_until(is_counted, &count, TEST_LIMIT));
	ck_assert_uint_eq(scenario_metric(&scenario, GOOD), 0);
}

static unsigned uploads;

/* A new upload that ends so. */
static void expect(const char *outcome)
{
	char id[32];
	snprintf(id, sizeof id, "upload-%u", uploads++);
	storage_expect(&scenario, id, "/ok/3", 3, outcome);
}

START_TEST(errors_change_nothing)
{
	begin("steps = one", "[step:one]\nmodule = versions\n");
	expect("continue");
	configure("steps = one", "[step:one]\nmodule = versions\noutcome = abort\ncolour = red\nmax_retries = many\n");
	reload_badly("postprocessing.ini:13: colour: unknown key in [step:one] (module versions)");
	ck_assert_uint_eq(scenario_log_count(&scenario, "postprocessing.ini:14: max_retries: "), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "reload refused because of the errors above"), 1);
	expect("continue");
	/* What only the module can see. */
	configure("steps = one", "[step:one]\nmodule = versions\nlabel = refused\n");
	reload_badly("label: this label is refused");
	configure("steps = one", "[step:one]\nmodule = versions\nlabel = crash\n");
	reload_badly("crashed: SIGABRT");
	configure("steps = one, two", "[step:one]\nmodule = versions\n[step:two]\nmodule = absent\n");
	reload_badly("step two: module absent: ");
	expect("continue");
	configure("steps = one", "[step:one]\nmodule = versions\noutcome = abort\n");
	reload_well("; changed steps: one");
	expect("abort");
	/* Without any change. */
	reload_well("");
	ck_assert_uint_eq(scenario_log_count(&scenario, "changed steps"), 1);
	scenario_close(&scenario);
}
END_TEST

#define ASK "[step:ask]\nmodule = remote\n"
#define LAST "[step:last]\nmodule = good\nreturns = 2\n" /* abort */

/* An upload keeps the steps that it began with, in their order; new ones pass the new steps. */
START_TEST(uploads_keep_their_steps)
{
	char path[FOLDER_PATH_SIZE + 64];
	scenario_open(&scenario, NULL);
	install("versions", "versions");
	install("good", "good");
	configure("steps = ask, last", ASK LAST);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_bytes_received(&scenario, "early", "/ok/3", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "early", 0);
	/* The package of `last` is removed. */
	snprintf(path, sizeof path, "%s/modules/good.so", scenario.folder);
	ck_assert_int_eq(unlink(path), 0);
	configure("steps = first, ask", "[step:first]\nmodule = versions\n" ASK);
	reload_well("; added steps: first; removed steps: last (uploads that began before still pass them)");
	ck_assert_int_eq(scenario_http(&scenario, "/readyz"), 200);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_step_seconds_count{step=\"last\"}"), 0);
	storage_bytes_received(&scenario, "late", "/ok/3", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "late", 0);
	storage_step_finished(&scenario, "late", "ask", "continue");
	storage_check_finished(&scenario, "late", "continue");
	/* The processes of `last` are started for this one, with the file that was removed. */
	storage_step_finished(&scenario, "early", "ask", "continue");
	storage_check_finished(&scenario, "early", "abort");
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_step_seconds_count{step=\"last\"}"), 1);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_step_seconds_count{step=\"first\"}"), 1);
	/* It is back, and means something else. */
	configure("steps = last", "[step:last]\nmodule = versions\n");
	reload_well("; added steps: last; removed steps: ");
	expect("continue");
	scenario_close(&scenario);
}
END_TEST

/* A run under way ends with the old settings. What is queued behind it gets the new ones. */
START_TEST(runs_end_with_the_old_workers)
{
	begin("steps = one\nlog_level = debug\nworkers = 1", "[step:one]\nmodule = versions\nrun_time = 5s\nlabel = old\n");
	storage_bytes_received(&scenario, "running", "/ok/3", 3);
	storage_bytes_received(&scenario, "queued", "/ok/3", 3);
	scenario_await_applied(&scenario);
	configure("steps = one\nlog_level = debug\nworkers = 3",
	          "[step:one]\nmodule = versions\nlabel = new\noutcome = abort\n");
	reload_well("; changed steps: one");
	storage_check_finished(&scenario, "queued", "abort");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", "running"), 0);
	storage_check_finished(&scenario, "running", "continue");
	ck_assert_uint_eq(scenario_log_count(&scenario, "upload running: one: version 1, label old"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "upload queued: one: version 1, label new"), 1);
	scenario_close(&scenario);
}
END_TEST

/* A package with a module and a file for steps.d. */
START_TEST(a_step_is_installed)
{
	char folder[FOLDER_PATH_SIZE + 16];
	static const char dropin[] = "[step:versions]\nenable = after one\noutcome = abort\n";
	scenario_open(&scenario, NULL);
	install("good", "good");
	configure("steps = one", "[step:one]\nmodule = good\n");
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	expect("continue");
	install("versions", "versions");
	snprintf(folder, sizeof folder, "%s/steps.d", scenario.folder);
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert(folder_write(folder, "versions.ini", dropin, sizeof dropin - 1));
	reload_well("; added steps: versions");
	expect("abort");
	ck_assert(scenario_has(&scenario, "step", NULL, 0));
	ck_assert_uint_eq(scenario_log_count(&scenario, "steps: one, versions"), 1);
	scenario_close(&scenario);
}
END_TEST

/* With isolation = thread, other keys make a new instance. Another file cannot be loaded. */
START_TEST(modules_in_the_service)
{
#define THREAD "[step:one]\nmodule = versions\nisolation = thread\n"
	begin("steps = one\nlog_level = debug", THREAD "label = old\n");
	expect("continue");
	configure("steps = one\nlog_level = debug", THREAD "label = new\noutcome = abort\n");
	reload_well("; changed steps: one");
	expect("abort");
	install("versions2", "versions");
	reload_badly("versions.so: the file has changed, and the service cannot load it again while it runs (isolation = "
	             "thread): restart the service");
	expect("abort");
	/* The new file can run in a process. */
	configure("steps = one\nlog_level = debug", "[step:one]\nmodule = versions\nnew = true\n");
	reload_well("; changed steps: one");
	expect("continue");
	ck_assert_uint_eq(scenario_log_count(&scenario, "one: version 1, label old"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "one: version 1, label new"), 2);
	ck_assert_uint_eq(scenario_log_count(&scenario, "one: version 2, label none"), 1);
	scenario_close(&scenario);
}
END_TEST

START_TEST(settings_of_the_start_stay)
{
	begin("steps = one", "[step:one]\nmodule = versions\n");
	configure_with("steps = one\nretention = 1h\nlog_level = debug\nshutdown_grace = 1s",
	               "[step:one]\nmodule = versions\n", "token = " SCENARIO_SECRET "\n");
	reload("changed settings that take effect only when the service is started again: [postprocessing] retention, "
	       "[http] token");
	/* The log level is changed. */
	expect("continue");
	ck_assert_uint_ge(scenario_log_count(&scenario, "one: version 1, label none"), 1);
	ck_assert_uint_eq(scenario_metric(&scenario, GOOD), 1);
	scenario_close(&scenario);
}
END_TEST

/* The bucket is another service's. With the new settings, an upload may wait for longer than it keeps a record. */
START_TEST(waits_that_the_bucket_does_not_allow)
{
	static const char words[] =
		"it deletes each record 48h after it was written, but an upload may wait longer for step "
		"one (deadline: 72h)";
	jsStreamInfo *info = NULL;
	jsErrCode code;
	begin("steps = one", "[step:one]\nmodule = versions\n");
	ck_assert_int_eq(js_GetStreamInfo(&info, scenario.js, "KV_postprocessing", NULL, &code), NATS_OK);
	info->Config->MaxAge = 48 * HOUR;
	ck_assert_int_eq(js_UpdateStream(NULL, scenario.js, info->Config, NULL, &code), NATS_OK);
	jsStreamInfo_Destroy(info);
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	scenario_await_log(&scenario, "with the configured steps, no upload waits that long");
	reload_well("");
	ck_assert_uint_eq(scenario_log_count(&scenario, "it deletes each record"), 1);
	configure("steps = one", "[step:one]\nmodule = versions\ndeadline = 72h\n");
	reload_well("; changed steps: one");
	scenario_await_log(&scenario, words);
	scenario_close(&scenario);
}
END_TEST

/* Whether the service has a child: at the start, the process that tries the module. */
static bool has_child(void *closure)
{
	char path[64], text[16] = "";
	const int pid = (int)scenario.service.pid;
	(void)closure;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
	FILE *file = fopen(path, "re");
	bool some = file != NULL && fgets(text, sizeof text, file) != NULL;
	if (file != NULL)
		fclose(file);
	return some;
}

/* Signals that come together may be one. */
static bool is_read_already(void *closure)
{
	(void)closure;
	return process_signal(&scenario.service, SIGHUP) &&
	       scenario_log_count(&scenario,
	                          "the configuration is being read already; it will be read once more after that") > 0;
}

/* During another reload, at the start and at the stop. */
START_TEST(at_any_time)
{
	scenario_open(&scenario, NULL);
	install("versions", "versions");
	configure("steps = one", "[step:one]\nmodule = versions\ncreate_time = 1s\n");
	scenario_start_service(&scenario);
	/* The start has read the configuration, and waits for the module. */
	ck_assert(wait_until(has_child, NULL, TEST_LIMIT));
	configure("steps = one", "[step:one]\nmodule = versions\noutcome = abort\ncreate_time = 500ms\n");
	ck_assert(process_signal(&scenario.service, SIGHUP));
	scenario_await_log(&scenario, IN_EFFECT "; changed steps: one");
	scenario_await_ready(&scenario);
	expect("abort");
	/* Many make two: the one under way, and another after it. */
	size_t before = scenario_log_count(&scenario, "reading the configuration again");
	ck_assert(process_signal(&scenario.service, SIGHUP));
	struct count begun = {"reading the configuration again", before + 1};
	ck_assert(wait_until(is_counted, &begun, TEST_LIMIT));
	configure("steps = one", "[step:one]\nmodule = versions\nrun_time = 3s\ncreate_time = 500ms\n");
	for (unsigned i = 0; i < 50; i++)
		ck_assert(process_signal(&scenario.service, SIGHUP));
	ck_assert(wait_until(is_read_already, NULL, TEST_LIMIT));
	struct count applied = {IN_EFFECT "; changed steps: one", 2};
	ck_assert(wait_until(is_counted, &applied, TEST_LIMIT));
	ck_assert_uint_le(scenario_log_count(&scenario, "reading the configuration again"), before + 3);
	/* The service stops: it lets the run end. */
	storage_bytes_received(&scenario, "last", "/ok/3", 3);
	scenario_await_applied(&scenario);
	ck_assert(process_signal(&scenario.service, SIGTERM));
	scenario_await_log(&scenario, "stopping: 1 step is running; it has ");
	ck_assert(process_signal(&scenario.service, SIGHUP));
	scenario_await_log(&scenario, "SIGHUP ignored: the service stops");
	ck_assert(process_wait(&scenario.service, TEST_LIMIT));
	ck_assert_int_eq(scenario.service.status, 0);
	storage_check_finished(&scenario, "last", "continue");
	scenario_close(&scenario);
}
END_TEST

/* The signal was there before the program was. */
START_TEST(before_the_start)
{
	static const char *const under[] = {"env", "--block-signal=HUP", "sh", "-c", "kill -HUP $$; exec \"$@\"", "sh",
	                                    NULL};
	scenario_open(&scenario, &(struct scenario_options){.under = under});
	install("versions", "versions");
	configure("steps = one", "[step:one]\nmodule = versions\n");
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	scenario_await_log(&scenario, IN_EFFECT);
	ck_assert_uint_eq(scenario_log_count(&scenario, "reading the configuration again"), 1);
	expect("continue");
	scenario_close(&scenario);
}
END_TEST

/* The embedded broker goes on: its settings are those of the start. */
START_TEST(a_private_broker_stays)
{
	char text[1024];
	scenario_open(&scenario, &(struct scenario_options){.embedded = true});
	install("versions", "versions");
	static const char *const steps[] = {"one", "one, two"};
	for (unsigned i = 0; i < 2; i++) {
		int length =
			snprintf(text, sizeof text,
		             "[postprocessing]\nplugin_dir = %s/modules\nstate_dir = %s/state\nsteps = %s\n[http]\n"
		             "addr = 127.0.0.1:0\n[step:one]\nmodule = versions\n[step:two]\nmodule = versions\n%s",
		             scenario.folder, scenario.folder, steps[i], i == 0 ? "" : "[events]\nendpoint = 127.0.0.1:9\n");
		ck_assert(folder_write(scenario.folder, "postprocessing.ini", text, (size_t)length));
		if (i == 0) {
			scenario_start_service(&scenario);
			scenario_await_ready(&scenario);
		}
	}
	reload_well("; added steps: two");
	scenario_await_log(&scenario, "only when the service is started again: [events] endpoint");
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_private_broker_restarts_total"), 0);
	ck_assert_int_eq(scenario_http(&scenario, "/readyz"), 200);
	ck_assert_uint_eq(scenario_log_count(&scenario, "starting an embedded broker"), 1);
	scenario_close(&scenario);
}
END_TEST

static bool has_descriptors(void *closure)
{
	return scenario_metric(&scenario, "process_open_fds") <= *(const uint64_t *)closure;
}

/* What was replaced is given back: instances, processes, threads, open files. */
START_TEST(reloads_leave_nothing)
{
	static const char *const steps[] = {
		"[step:one]\nmodule = versions\nlabel = a\n[step:two]\nmodule = good\nisolation = thread\nreturns = 1\n",
		"[step:one]\nmodule = versions\nlabel = b\n[step:two]\nmodule = good\nisolation = thread\nreturns = 1\n"
		"calls = reason\n[step:three]\nmodule = versions\n"};
	scenario_open(&scenario, NULL);
	install("versions", "versions");
	install("good", "good");
	/* One process for each step: how many have started when the files are counted is known. */
	configure("steps = one, two\nworkers = 1", steps[0]);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	uint64_t before = 0;
	for (unsigned i = 1; i <= 20; i++) {
		configure(i % 2 == 0 ? "steps = one, two\nworkers = 1" : "steps = three, two, one\nworkers = 1", steps[i % 2]);
		reload_well("; ");
		expect("continue");
		/* A process may be starting: a few more descriptors than now tell nothing. A leak has 16 reloads to show. */
		if (i == 4)
			before = scenario_metric(&scenario, "process_open_fds") + 10;
	}
	ck_assert_msg(wait_until(has_descriptors, &before, TEST_LIMIT), "more open files than before");
	scenario_close(&scenario);
}
END_TEST

static void write_below(const char *name, const char *text)
{
	ck_assert(folder_write(scenario.folder, name, text, strlen(text)));
}

/* Puts a new file in the place of one. */
static void replace_below(const char *name, const char *text, mode_t mode)
{
	char new[FOLDER_PATH_SIZE + 16], path[FOLDER_PATH_SIZE + 16];
	snprintf(new, sizeof new, "%s/new", scenario.folder);
	snprintf(path, sizeof path, "%s/%s", scenario.folder, name);
	write_below("new", text);
	ck_assert_int_eq(chmod(new, mode), 0);
	ck_assert_int_eq(rename(new, path), 0);
}

/* The next upload is aborted by a module that has kept these. */
static void expect_kept(const char *what)
{
	char line[128];
	snprintf(line, sizeof line, "upload-%u: abort by one: kept: %s", uploads, what);
	expect("abort");
	scenario_await_log(&scenario, line);
}

/* The keys stay as they are, but not the files that they name. */
START_TEST(files_that_keys_name)
{
	char steps[4 * FOLDER_PATH_SIZE];
	scenario_open(&scenario, NULL);
	install("keeps", "keeps");
	write_below("list", "one");
	write_below("tool", "first");
	replace_below("secret", "sesame", 0600);
	snprintf(
		steps, sizeof steps,
		"[step:one]\nmodule = keeps\nworkers = 1\nfile = %s/list\ncommand = %s/tool --word\nword_file = %s/secret\n",
		scenario.folder, scenario.folder, scenario.folder);
	configure("steps = one", steps);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	expect_kept("one, sesame");
	/* Of the same length, in the same file. */
	write_below("list", "two");
	expect_kept("one, sesame");
	reload_well("; changed steps: one");
	expect_kept("two, sesame");
	replace_below("list", "three", 0644);
	reload_well("; changed steps: one");
	expect_kept("three, sesame");
	replace_below("secret", "simsim", 0600);
	reload_well("; changed steps: one");
	expect_kept("three, simsim");
	/* The sandbox of a process would not cover the new file. */
	replace_below("tool", "first", 0644);
	reload_well("; changed steps: one");
	/* The same secret in another file. */
	replace_below("secret", "simsim", 0600);
	reload_well("");
	ck_assert_uint_eq(scenario_log_count(&scenario, "changed steps"), 4);
	/* Without the file, create() fails, and nothing changes. */
	char path[FOLDER_PATH_SIZE + 16];
	snprintf(path, sizeof path, "%s/list", scenario.folder);
	ck_assert_int_eq(unlink(path), 0);
	reload_badly("file: cannot be read");
	expect_kept("three, simsim");
	scenario_close(&scenario);
}
END_TEST

#define MANY 1000u

static bool have_ended(void *closure)
{
	const unsigned *least = closure;
	recorder_update(&scenario.recorder);
	return recorder_count(&scenario.recorder, "PostprocessingFinished", NULL) >= *least;
}

/* Uploads from this number on, up to another one. */
static void announce(unsigned from, unsigned to)
{
	char id[32];
	for (unsigned i = from; i < to; i++) {
		snprintf(id, sizeof id, "load-%u", i);
		storage_bytes_received(&scenario, id, "/ok/3", 3);
	}
}

/* A package is upgraded again and again while uploads are in flight, 1,000 in all: each ends once, and well. Some come
 * after each upgrade, so both versions get uploads, however slow the machine is. */
START_TEST(a_module_is_replaced_under_load)
{
	char id[32];
	begin("steps = one, two\nlog_level = debug\nworkers = 8",
	      "[step:one]\nmodule = versions\nrun_time = 50ms\n[step:two]\nmodule = versions\n");
	for (unsigned i = 1; i <= 8; i++) {
		unsigned ended = MANY * (i - 1) / 10 + MANY / 20;
		announce(MANY * (i - 1) / 10, MANY * i / 10);
		ck_assert(wait_until(have_ended, &ended, TEST_LIMIT));
		if (i == 4) { /* a part of a file is refused */
			install_part("versions2", "versions", 20);
			reload_badly("versions.so: ");
		} else {
			install(i % 2 == 1 ? "versions2" : "versions", "versions");
			reload_well("; changed steps: one, two");
		}
	}
	unsigned all = MANY;
	announce(MANY * 8 / 10, MANY);
	ck_assert(wait_until(have_ended, &all, 2 * TEST_LIMIT));
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(id, sizeof id, "load-%u", i);
		storage_check_finished(&scenario, id, "continue");
	}
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", NULL), MANY);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingRetry", NULL), 0);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_steps_crashed_total"), 0);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_steps_run_total"), 2 * MANY);
	ck_assert_uint_gt(scenario_log_count(&scenario, "version 1, label"), 0);
	ck_assert_uint_gt(scenario_log_count(&scenario, "version 2, label"), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, "cannot be started"), 0);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {errors_change_nothing,
	                              uploads_keep_their_steps,
	                              runs_end_with_the_old_workers,
	                              a_step_is_installed,
	                              modules_in_the_service,
	                              settings_of_the_start_stay,
	                              waits_that_the_bucket_does_not_allow,
	                              at_any_time,
	                              before_the_start,
	                              files_that_keys_name,
	                              a_module_is_replaced_under_load,
	                              a_private_broker_stays,
	                              reloads_leave_nothing};
	return scenario_run("scenario_reload", tests, sizeof tests / sizeof tests[0]);
}
