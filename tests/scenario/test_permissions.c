/* SPDX-License-Identifier: Apache-2.0
 * A broker whose user has exactly the permissions of the manual page, or one less. If one is missing, the service
 * names it, does not report that it is ready, and continues when it is granted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/jetstream/search.h"
#include "core/jetstream/tombstones.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define LINES_SIZE 6000
#define USER "pp"
#define PASSWORD "us3r-passw0rd"

/* What a user may do, as in the broker's configuration. */
struct allowed {
	char publish[LINES_SIZE / 2], subscribe[LINES_SIZE / 4];
	char left_out[128]; /* "publish SUBJECT", which is in the manual and is omitted here; "": nothing */
	bool was_left_out;
};

static void add(char *list, size_t size, const char *subject)
{
	size_t length = strlen(list);
	int added = snprintf(list + length, size - length, "%s\"%s\"", length > 0 ? ", " : "", subject);
	ck_assert_uint_lt((size_t)added, size - length);
}

static void read_line(struct allowed *allowed, char *line)
{
	char verb[16], subject[128], whole[160];
	char *to = line;
	for (const char *from = line; (*to = *from) != '\0'; from++)
		to += *from != '\\';
	if (sscanf(line, "%15s %127s", verb, subject) != 2)
		return;
	snprintf(whole, sizeof whole, "%s %s", verb, subject);
	if (strcmp(whole, allowed->left_out) == 0)
		allowed->was_left_out = true;
	else if (strcmp(verb, "publish") == 0)
		add(allowed->publish, sizeof allowed->publish, subject);
	else if (strcmp(verb, "subscribe") == 0)
		add(allowed->subscribe, sizeof allowed->subscribe, subject);
}

/* The lines between a mark and the next one. */
static void read_manual(struct allowed *allowed, const char *part)
{
	char path[512], line[256], mark[64];
	const char *source = getenv("srcdir");
	bool inside = false;
	snprintf(path, sizeof path, "%s/core/cli/postprocessing.1", source != NULL ? source : "..");
	FILE *page = fopen(path, "re");
	ck_assert_msg(page != NULL, "%s", path);
	snprintf(mark, sizeof mark, ".\\\" permissions: %s\n", part);
	while (fgets(line, sizeof line, page) != NULL) {
		if (strncmp(line, ".\\\" permissions:", 16) == 0)
			inside = strcmp(line, mark) == 0;
		else if (inside)
			read_line(allowed, line);
	}
	fclose(page);
}

/* The broker's lines for a user with the named parts, without what is omitted. */
static const char *users(char lines[LINES_SIZE], const char *const *parts, const char *left_out)
{
	struct allowed allowed = {.publish = ""};
	snprintf(allowed.left_out, sizeof allowed.left_out, "%s", left_out != NULL ? left_out : "");
	for (; *parts != NULL; parts++)
		read_manual(&allowed, *parts);
	ck_assert_msg(left_out == NULL || allowed.was_left_out, "the manual does not have %s", left_out);
	ck_assert_int_lt(
		snprintf(lines, LINES_SIZE,
	             "authorization { users: [ {user: admin, password: admin}, {user: \"%s\", password: \"%s\",\n"
	             "permissions: { publish: [%s],\nsubscribe: [%s] }} ] }\n",
	             USER, PASSWORD, allowed.publish, allowed.subscribe),
		LINES_SIZE);
	return lines;
}

static const char *const service[] = {"events", "store", NULL};
static const char *const with_submit[] = {"events", "store", "submit events", "submit store", NULL};
static const char *const of_events[] = {"events", NULL}, *const of_store[] = {"store", NULL};

static const char *const as_user[] = {"POSTPROCESSING_EVENTS_USERNAME=" USER,
                                      "POSTPROCESSING_EVENTS_PASSWORD=" PASSWORD, NULL};

static void connect_admin(void)
{
	scenario_connect(&scenario, scenario.nats.url, "admin", "admin");
}

/* A scenario whose broker is running with these lines, and whose service is not started yet. */
static void open_with(struct nats_options *nats, const struct scenario_options *more, const char *lines)
{
	struct scenario_options options = *more;
	*nats = (struct nats_options){.lines = lines};
	options.nats = nats;
	options.no_broker = true;
	options.env = as_user;
	scenario_open(&scenario, &options);
	ck_assert(nats_fixture_restart(&scenario.nats));
	connect_admin();
}

static void check_no_violation(const struct nats_fixture *nats)
{
	static char log[1 << 20];
	ck_assert(folder_read(nats->folder, "nats.log", log, sizeof log));
	const char *at = strstr(log, " Violation - User");
	ck_assert_msg(at == NULL, "%.200s", at != NULL ? at : "");
}

/* What the service does only from time to time. */
static void look_after_the_bucket(const struct broker_address *events, const struct broker_address *records)
{
	const struct log log = {.fd = STDERR_FILENO, .level = LOG_ERROR};
	const struct store store = {.bucket = "postprocessing", .log = &log};
	struct mailbox mailbox;
	ck_assert_int_ge(tombstones_clear(&store, records, 0), 0);
	mailbox_init(&mailbox);
	struct search search = {.address = events, .mailbox = &mailbox};
	struct lookup *lookup = lookup_create("unknown", clock_now() - HOUR, NULL);
	ck_assert(search_start(&search, &lookup->mail));
	search_end(&search);
	ck_assert_int_eq(lookup->result, LOOKUP_ABSENT);
	free(lookup);
	mailbox_destroy(&mailbox);
}

START_TEST(what_the_manual_lists_is_enough)
{
	char lines[LINES_SIZE];
	struct nats_options nats;
	open_with(&nats, &(struct scenario_options){.steps = "virusscan, delay", .ini = "[step:delay]\nduration = 100ms\n"},
	          users(lines, service, NULL));
	scenario_start_clamd(&scenario, NULL);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "upload", "/ok/300", 300, "continue");
	storage_upload_ready(&scenario, "upload", false);
	records_await_gone(&scenario, "upload");
	/* Unfinished uploads are found again, and the broker's consumer is created once more. */
	storage_bytes_received(&scenario, "second", "/ok/300", 300);
	storage_check_finished(&scenario, "second", "continue");
	scenario_kill_service(&scenario);
	ck_assert_int_eq(js_DeleteConsumer(scenario.js, "main-queue", "postprocessing-pull", NULL, NULL), NATS_OK);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	scenario_await_log(&scenario, "1 unfinished uploads found");
	struct broker_address address = {
		.endpoint = scenario.nats.url, .username = (char[]){USER}, .password = (char[]){PASSWORD}};
	look_after_the_bucket(&address, &address);
	scenario_stop_service(&scenario);
	check_no_violation(&scenario.nats);
	scenario_close(&scenario);
}
END_TEST

START_TEST(each_broker_needs_its_own_part)
{
	char lines[LINES_SIZE], store_lines[LINES_SIZE], ini[256];
	struct nats_options nats;
	struct nats_fixture store;
	ck_assert(nats_fixture_start(&store, &(struct nats_options){.lines = users(store_lines, of_store, NULL)}));
	snprintf(ini, sizeof ini, "[store]\nnodes = 127.0.0.1:%u\nusername = " USER "\npassword = " PASSWORD "\n",
	         store.port);
	open_with(&nats, &(struct scenario_options){.ini = ini}, users(lines, of_events, NULL));
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "upload", "/none", 3, "continue");
	struct broker_address events = {
		.endpoint = scenario.nats.url, .username = (char[]){USER}, .password = (char[]){PASSWORD}};
	struct broker_address records = {.endpoint = store.url, .username = (char[]){USER}, .password = (char[]){PASSWORD}};
	look_after_the_bucket(&events, &records);
	scenario_stop_service(&scenario);
	check_no_violation(&scenario.nats);
	check_no_violation(&store);
	scenario_close(&scenario);
	nats_fixture_end(&store);
}
END_TEST

static int run_command(const char *const *argv)
{
	char log[FOLDER_PATH_SIZE + 32];
	struct process process = PROCESS_NONE;
	snprintf(log, sizeof log, "%s/command.log", scenario.folder);
	unlink(log);
	ck_assert(process_start(&process, &(struct process_options){.argv = argv, .env = as_user, .log = log}));
	ck_assert(process_wait(&process, TEST_LIMIT));
	return process.status;
}

static void check_commands(bool allowed)
{
	char ini[FOLDER_PATH_SIZE + 32], file[FOLDER_PATH_SIZE + 32], said[4096];
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(file, sizeof file, "%s/file", scenario.folder);
	ck_assert(folder_write(scenario.folder, "file", "abc", 3));
	ck_assert_int_eq(run_command((const char *const[]){"./postprocessing", "list", "-c", ini, NULL}), 0);
	ck_assert_int_eq(run_command((const char *const[]){"./postprocessing", "show", "-c", ini, "upload", NULL}), 0);
	ck_assert_int_eq(run_command((const char *const[]){"./postprocessing", "resume", "-c", ini, "-u", "upload", NULL}),
	                 0);
	ck_assert_int_eq(run_command((const char *const[]){"./postprocessing", "submit", "-c", ini, file, NULL}),
	                 allowed ? 0 : 2);
	ck_assert(folder_read(scenario.folder, "command.log", said, sizeof said));
	ck_assert_msg(allowed || strstr(said, "may not subscribe to \"main-queue\"") != NULL, "%s", said);
}

START_TEST(commands_need_no_more_than_the_manual_says)
{
	char lines[LINES_SIZE];
	struct nats_options nats;
	open_with(&nats, &(struct scenario_options){.steps = ""}, users(lines, with_submit, NULL));
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "upload", "/none", 3, "continue");
	check_commands(true);
	check_no_violation(&scenario.nats);
	scenario.nats.options.lines = users(lines, service, NULL);
	ck_assert(nats_fixture_reload(&scenario.nats));
	check_commands(false);
	scenario_close(&scenario);
}
END_TEST

static void stop_at_once(void)
{
	nanos start = clock_monotonic();
	scenario_stop_service(&scenario);
	ck_assert_msg(clock_monotonic() - start < 8 * SECOND, "stopping took %d s",
	              (int)((clock_monotonic() - start) / SECOND));
}

/* The missing permission, and what the service must report about it. */
struct lack {
	const char *left_out, *said;
};

static void check_lack(const struct lack *lack)
{
	char lines[LINES_SIZE], complaint[256];
	struct nats_options nats;
	open_with(&nats, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 100ms\n"},
	          users(lines, service, lack->left_out));
	snprintf(complaint, sizeof complaint, "error broker 127.0.0.1:%u: the user may not %s", scenario.nats.port,
	         lack->said);
	scenario_start_service(&scenario);
	scenario_await_fault(&scenario, "permission", lack->said);
	ck_assert_int_eq(scenario_http(&scenario, "/readyz"), 503);
	ck_assert(scenario_has(&scenario, "broker", NULL, 0));
	scenario_await_log(&scenario, complaint);
	stop_at_once();
	scenario_start_service(&scenario);
	scenario_await_fault(&scenario, "permission", lack->said);
	scenario.nats.options.lines = users(lines, service, NULL);
	ck_assert(nats_fixture_reload(&scenario.nats));
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "upload", "/none", 3, "continue");
	/* Once for each start, however often it is refused. */
	ck_assert_uint_eq(scenario_log_count(&scenario, complaint), 2);
	scenario_close(&scenario);
}

static void check_lacks(const struct lack *lack, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_lack(&lack[i]);
}

START_TEST(a_denied_write_is_reported)
{
	static const struct lack lacks[] = {
		{"publish $KV.postprocessing.>", "publish to \"$KV.postprocessing.>\""},
		{"publish main-queue", "publish to \"main-queue\""},
		{"publish $JS.ACK.main-queue.>", "publish to \"$JS.ACK.main-queue.>\""},
		{"publish postprocessing.postprocessing.instances", "publish to \"postprocessing.postprocessing.instances\""},
	};
	check_lacks(lacks, sizeof lacks / sizeof lacks[0]);
}
END_TEST

START_TEST(a_denied_request_is_reported)
{
	static const struct lack lacks[] = {
		{"publish $JS.API.CONSUMER.MSG.NEXT.main-queue.*", "publish to \"$JS.API.CONSUMER.MSG.NEXT.main-queue.>\""},
		{"publish $JS.API.CONSUMER.INFO.main-queue.*", "publish to \"$JS.API.CONSUMER.INFO.main-queue.>\""},
		{"publish $JS.API.CONSUMER.DURABLE.CREATE.main-queue.*",
	     "publish to \"$JS.API.CONSUMER.DURABLE.CREATE.main-queue.>\""},
		{"publish $JS.API.STREAM.INFO.main-queue", "publish to \"$JS.API.STREAM.INFO.main-queue\""},
		{"publish $JS.API.STREAM.CREATE.main-queue", "publish to \"$JS.API.STREAM.CREATE.main-queue\""},
		{"publish $JS.API.STREAM.MSG.GET.KV_postprocessing", "publish to \"$JS.API.STREAM.MSG.GET.KV_postprocessing\""},
		{"publish $JS.API.CONSUMER.CREATE.KV_postprocessing",
	     "publish to \"$JS.API.CONSUMER.CREATE.KV_postprocessing\""},
	};
	check_lacks(lacks, sizeof lacks / sizeof lacks[0]);
}
END_TEST

START_TEST(a_denied_subscription_is_reported)
{
	static const struct lack lacks[] = {
		{"subscribe _INBOX.>", "subscribe to \"_INBOX.>\""},
		{"subscribe postprocessing.postprocessing.instances",
	     "subscribe to \"postprocessing.postprocessing.instances\""},
	};
	check_lacks(lacks, sizeof lacks / sizeof lacks[0]);
}
END_TEST

/* While uploads are under way. */
START_TEST(a_later_denial_is_reported)
{
	char lines[LINES_SIZE];
	struct nats_options nats;
	open_with(&nats, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 1s\n"},
	          users(lines, service, NULL));
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_bytes_received(&scenario, "one", "/none", 3);
	records_await(&scenario, "one", "phase", "waiting");
	scenario.nats.options.lines = users(lines, service, "publish $KV.postprocessing.>");
	ck_assert(nats_fixture_reload(&scenario.nats));
	storage_bytes_received(&scenario, "two", "/none", 3);
	scenario_await_fault(&scenario, "permission", "$KV.postprocessing.>");
	stop_at_once();
	scenario_start_service(&scenario);
	scenario.nats.options.lines = users(lines, service, NULL);
	ck_assert(nats_fixture_reload(&scenario.nats));
	storage_check_finished(&scenario, "one", "continue");
	storage_check_finished(&scenario, "two", "continue");
	scenario_close(&scenario);
}
END_TEST

/* Tests of the permissions have no effect. */
START_TEST(testing_permissions_has_no_effect)
{
	jsStreamInfo *info = NULL;
	char lines[LINES_SIZE];
	struct nats_options nats;
	open_with(&nats, &(struct scenario_options){0}, users(lines, service, NULL));
	for (unsigned i = 0; i < 2; i++) {
		scenario_start_service(&scenario);
		scenario_await_ready(&scenario);
		scenario_stop_service(&scenario);
	}
	const char *const streams[] = {"main-queue", "KV_postprocessing"};
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(js_GetStreamInfo(&info, scenario.js, streams[i], NULL, NULL), NATS_OK);
		ck_assert_uint_eq(info->State.LastSeq, 0);
		jsStreamInfo_Destroy(info);
	}
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_the_manual_lists_is_enough, each_broker_needs_its_own_part,   commands_need_no_more_than_the_manual_says,
		a_denied_write_is_reported,      a_denied_request_is_reported,     a_denied_subscription_is_reported,
		a_later_denial_is_reported,      testing_permissions_has_no_effect};
	return scenario_run("scenario: permissions", tests, sizeof tests / sizeof tests[0]);
}
