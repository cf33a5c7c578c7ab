/* SPDX-License-Identifier: Apache-2.0
 * A real scanner with many uploads, and with faults: it is killed, hangs, is slow, answers garbage, is full, loads its
 * signatures; storage gives other bytes than it announced. Nothing is lost, nothing ends twice, and there is no verdict
 * that the scanner did not give.
 *
 * It is built twice: with clamd as the scanner, and with BY_ICAP, c-icap in front of clamd. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/harness/fixture_icap.h"
#include "tests/harness/relay.h"
#include "tests/scenario/storage.h"

#ifdef BY_ICAP
static const bool by_icap = true;
#else
static const bool by_icap = false;
#endif

#define MANY 400
#define MOST 5000
#define FOUR_GIGABYTES ((size_t)4 << 30)

static struct scenario scenario;
static struct fixture_icap icap;
static struct relay relay;
static char address[FOLDER_PATH_SIZE + 128];
static const char *icap_lines;

static void start_icap(unsigned port)
{
	if (by_icap)
		ck_assert(fixture_icap_start_at(&icap, &scenario.clamd, icap_lines, port));
}

struct world {
	const char *ini;           /* of the step */
	unsigned workers, retries; /* 0: 8, and 100 */
	const char *clamd, *icap;  /* lines of their configurations */
	bool relayed;              /* the service asks the scanner through the relay */
};

static void begin(const struct world *world)
{
	static const char *const env[] = {address, NULL};
	static char ini[1024], socket[FOLDER_PATH_SIZE + 16];
	const unsigned port = port_reserve();
	snprintf(ini, sizeof ini,
	         "[step:virusscan]\nscanner = %s\ncheck_interval = 1s\nretry_backoff = 100ms\nmax_retries = %u\n"
	         "workers = %u\n%s",
	         by_icap ? "icap" : "clamav", world->retries != 0 ? world->retries : 100,
	         world->workers != 0 ? world->workers : 8, world->ini != NULL ? world->ini : "");
	scenario_open(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = ini, .env = env});
	snprintf(socket, sizeof socket, "%s/clamd.sock", scenario.folder);
	if (world->relayed)
		relay_start(&relay, by_icap ? NULL : socket, (uint16_t)port);
	if (by_icap)
		snprintf(address, sizeof address, "POSTPROCESSING_STEP_VIRUSSCAN_ICAP_URL=icap://127.0.0.1:%u/avscan",
		         world->relayed ? relay.port : port);
	else if (world->relayed)
		snprintf(address, sizeof address, "POSTPROCESSING_STEP_VIRUSSCAN_CLAMAV_SOCKET=127.0.0.1:%u", relay.port);
	else
		snprintf(address, sizeof address, "POSTPROCESSING_STEP_VIRUSSCAN_CLAMAV_SOCKET=%s", socket);
	icap_lines = world->icap;
	scenario_start_clamd(&scenario, world->clamd);
	start_icap(port);
	char eicar[EICAR_SIZE + 1];
	eicar_make(eicar);
	storage_server_put(&scenario.storage, "/eicar", eicar, EICAR_SIZE);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
}

static void end(const struct world *world)
{
	scenario_close(&scenario);
	if (world->relayed)
		relay_stop(&relay);
	if (by_icap)
		fixture_icap_stop(&icap);
}

/* The scanner, all of it. */
static void strike(int signal)
{
	if (by_icap)
		fixture_icap_signal(&icap, signal);
	else
		kill(scenario.clamd.pid, signal);
}

static bool is_infected(unsigned number)
{
	return number % 10 == 7;
}

/* Uploads `first` and on: "u0", "u1", … */
static void send_uploads(unsigned first, unsigned count)
{
	char id[16], path[32];
	for (unsigned i = first; i < first + count; i++) {
		const bool infected = is_infected(i);
		const size_t size = infected ? EICAR_SIZE : 100 + i % 5000;
		snprintf(id, sizeof id, "u%u", i);
		snprintf(path, sizeof path, infected ? "/eicar" : "/ok/%zu", size);
		storage_bytes_received(&scenario, id, path, size);
	}
}

/* How many uploads have ended. */
static unsigned count_ended(void)
{
	static bool ended[MOST];
	unsigned count = 0;
	memset(ended, 0, sizeof ended);
	recorder_update(&scenario.recorder);
	for (size_t i = 0; i < scenario.recorder.count; i++) {
		const struct recorded *event = &scenario.recorder.message[i];
		if (!event->ours || event->upload[0] != 'u' || strcmp(event->type, "PostprocessingFinished") != 0)
			continue;
		const unsigned number = (unsigned)strtoul(event->upload + 1, NULL, 10);
		ck_assert_uint_lt(number, MOST);
		count += !ended[number];
		ended[number] = true;
	}
	return count;
}

static bool have_ended(void *closure)
{
	return count_ended() >= *(unsigned *)closure;
}

static void await_ended(unsigned count)
{
	ck_assert_msg(wait_until(have_ended, &count, 4 * TEST_LIMIT), "only %u of %u uploads have ended", count_ended(),
	              count);
}

/* What the step and the service said of an upload must be what its bytes deserve. */
static void check_event(const struct recorded *event, unsigned number)
{
	const bool step = strcmp(event->type, "PostprocessingStepFinished") == 0;
	ck_assert_msg(strcmp(recorded_string(event, "Outcome"), is_infected(number) ? "delete" : "continue") == 0,
	              "u%u: %s", number, event->text);
	if (step) {
		const json_t *result = json_object_get(event->payload, "Result");
		ck_assert_msg(json_is_true(json_object_get(result, "Infected")) == is_infected(number), "u%u: %s", number,
		              event->text);
	}
}

/* The verdicts and the ends of an upload. */
struct tally {
	unsigned verdicts, ends;
	nanos ended;
};

/* Storage does not confirm the ends in these tests, so that a late one is a repetition. */
static void add(struct tally *tally, const struct recorded *event)
{
	if (strcmp(event->type, "PostprocessingFinished") != 0)
		tally->verdicts++;
	else if (tally->ends == 0 || event->time < tally->ended + 10 * SECOND)
		tally->ends++;
	if (tally->ends == 1 && tally->ended == 0)
		tally->ended = event->time;
}

/* Waits until uploads 0 to count - 1 have ended; each once, and as it should. */
static void check_all(unsigned count)
{
	static struct tally tallies[MOST];
	memset(tallies, 0, sizeof tallies);
	await_ended(count);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	for (size_t i = 0; i < scenario.recorder.count; i++) {
		const struct recorded *event = &scenario.recorder.message[i];
		if (!event->ours || event->upload[0] != 'u' ||
		    (strcmp(event->type, "PostprocessingFinished") != 0 &&
		     strcmp(event->type, "PostprocessingStepFinished") != 0))
			continue;
		const unsigned number = (unsigned)strtoul(event->upload + 1, NULL, 10);
		ck_assert_uint_lt(number, count);
		add(&tallies[number], event);
		check_event(event, number);
	}
	for (unsigned i = 0; i < count; i++)
		ck_assert_msg(tallies[i].verdicts == 1 && tallies[i].ends == 1, "u%u: %u verdicts, %u ends", i,
		              tallies[i].verdicts, tallies[i].ends);
}

START_TEST(it_is_killed)
{
	const struct world world = {.ini = ""};
	begin(&world);
	const unsigned port = icap.port;
	for (unsigned round = 0; round < 3; round++) {
		send_uploads(round * MANY, MANY / 2);
		strike(SIGKILL);
		send_uploads(round * MANY + MANY / 2, MANY / 2);
		if (by_icap)
			fixture_icap_stop(&icap);
		else
			scenario_stop_clamd(&scenario);
		if (round > 0)
			scenario_await_fault(&scenario, "step", by_icap ? "icap" : "clamd");
		if (by_icap)
			start_icap(port);
		else
			scenario_start_clamd(&scenario, world.clamd);
	}
	check_all(3 * MANY);
	end(&world);
}
END_TEST

START_TEST(it_hangs)
{
	const struct world world = {.ini = "timeout = 1s\nicap_timeout = 1s\n"};
	begin(&world);
	for (unsigned round = 0; round < 2; round++) {
		send_uploads(round * MANY, MANY / 2);
		strike(SIGSTOP);
		send_uploads(round * MANY + MANY / 2, MANY / 2);
		if (round == 0)
			recorder_await(&scenario.recorder, "PostprocessingRetry", NULL, 0);
		else
			scenario_await_fault(&scenario, "step", by_icap ? "icap" : "clamd");
		strike(SIGCONT);
	}
	check_all(2 * MANY);
	end(&world);
}
END_TEST

/* A step that is suspended connects no more. */
static bool is_spoiled_or_suspended(void *closure)
{
	return atomic_load(&relay.spoiled) >= *(unsigned *)closure || scenario_http(&scenario, "/readyz") == 503;
}

START_TEST(it_is_slow_or_garbled)
{
	static const enum relay_mode modes[] = {RELAY_SLOW, RELAY_GARBAGE, RELAY_CUT, RELAY_HOLD};
	const struct world world = {.ini = "timeout = 2s\nicap_timeout = 2s\n", .relayed = true};
	begin(&world);
	for (unsigned round = 0; round < 4; round++) {
		send_uploads(round * MANY, MANY / 2);
		unsigned spoiled = atomic_load(&relay.spoiled) + 30;
		const size_t retries = recorder_count(&scenario.recorder, "PostprocessingRetry", NULL);
		atomic_store(&relay.mode, modes[round]);
		send_uploads(round * MANY + MANY / 2, MANY / 2);
		if (modes[round] != RELAY_HOLD)
			ck_assert(wait_until(is_spoiled_or_suspended, &spoiled, TEST_LIMIT));
		if (modes[round] != RELAY_SLOW)
			recorder_await(&scenario.recorder, "PostprocessingRetry", NULL, retries);
		atomic_store(&relay.mode, RELAY_PASS);
		await_ended((round + 1) * MANY);
	}
	check_all(4 * MANY);
	end(&world);
}
END_TEST

/* More workers than the scanner has room for. */
START_TEST(it_has_few_connections)
{
	const struct world world = {
		.workers = 16,
		.clamd = "MaxConnectionQueueLength 1\nMaxThreads 2\nMaxQueue 4\n",
		.icap = "MaxServers 1\nThreadsPerChild 3\nMinSpareThreads 1\nMaxSpareThreads 3\n",
	};
	begin(&world);
	send_uploads(0, MANY);
	check_all(MANY);
	end(&world);
}
END_TEST

/* Asks clamd to load its signatures, by its own protocol. */
static void reload_signatures(void)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	char answer[64] = "";
	memcpy(where.sun_path, scenario.clamd.socket, sizeof where.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
	ck_assert_int_eq(write(fd, "zRELOAD", 8), 8);
	ck_assert_int_gt(read(fd, answer, sizeof answer - 1), 0);
	ck_assert_str_eq(answer, "RELOADING");
	close(fd);
}

/* Has it load them after every so many uploads. */
static void load_signatures(const char *lines, unsigned every)
{
	const struct world world = {.clamd = lines};
	begin(&world);
	for (unsigned sent = 0; sent < 2 * MANY; sent += every) {
		send_uploads(sent, every);
		reload_signatures();
	}
	check_all(2 * MANY);
	end(&world);
}

START_TEST(it_loads_signatures)
{
	load_signatures("ConcurrentDatabaseReload yes\n", MANY / 8);
}
END_TEST

/* clamd answers nobody meanwhile, and does not begin until its threads have had nothing to do for IdleTimeout. */
START_TEST(it_stops_for_signatures)
{
	load_signatures("ConcurrentDatabaseReload no\nIdleTimeout 1\n", MANY);
}
END_TEST

/* Wrong bytes are never scanned clean, and those of others suffer nothing. */
START_TEST(storage_fails)
{
	static const struct {
		const char *path;
		size_t size;
	} bad[] = {{"/cut/100000", 100000},
	           {"/cut-chunked/100000", 100000},
	           {"/cut/3", 3},
	           {"/ok/500", 501},
	           {"/ok/501", 500},
	           {"/chunked/501", 500},
	           {"/chunked/499", 500},
	           {"/status/500", 1000000},
	           {"/ok/0", 1}};
	const struct world world = {.retries = 1};
	char id[16];
	begin(&world);
	send_uploads(0, MANY / 2);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(id, sizeof id, "bad%zu", i);
		storage_bytes_received(&scenario, id, bad[i].path, bad[i].size);
	}
	send_uploads(MANY / 2, MANY / 2);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(id, sizeof id, "bad%zu", i);
		storage_check_finished(&scenario, id, "abort");
		const struct recorded *step = recorder_find(&scenario.recorder, "PostprocessingStepFinished", id, 0);
		ck_assert_msg(step == NULL || !json_is_object(json_object_get(step->payload, "Result")), "%s: %s", bad[i].path,
		              step->text);
	}
	check_all(MANY);
	end(&world);
}
END_TEST

START_TEST(thousands)
{
	const struct world world = {.workers = 16};
	begin(&world);
	send_uploads(0, MOST);
	check_all(MOST);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingRetry", NULL), 0);
	end(&world);
}
END_TEST

/* A file of 4 GB: not scanned, scanned in part, or too large for the scanner. */
START_TEST(four_gigabytes)
{
	static const struct {
		const char *ini, *clamd, *outcome, *verdict, *log;
	} table[] = {
		{"max_scan_size = 1MB\nmax_scan_size_mode = skip\n", NULL, "continue", "skipped", "4294967296 bytes"},
		{"max_scan_size = 1MB\nmax_scan_size_mode = partial\n", NULL, "continue", "partial", "max_scan_size"},
		{"", "StreamMaxLength 2M\n", "abort", "unscannable", "StreamMaxLength"},
	};
	char text[16384], verdict[32];
	/* c-icap lets a file above a limit of its own pass, and nobody can tell. */
	const size_t rows = sizeof table / sizeof table[0] - (by_icap ? 1 : 0);
	for (size_t i = 0; i < rows; i++) {
		const struct world world = {.ini = table[i].ini, .clamd = table[i].clamd, .retries = 1};
		begin(&world);
		storage_expect(&scenario, "four", "/ok/4294967296", FOUR_GIGABYTES, table[i].outcome);
		ck_assert_int_eq(
			scenario_command(&scenario, (const char *const[]){"show", "--json", "four", NULL}, text, sizeof text), 0);
		snprintf(verdict, sizeof verdict, "\"%s\"", table[i].verdict);
		ck_assert_msg(strstr(text, verdict) != NULL, "not %s: %s", verdict, text);
		ck_assert_msg(scenario_log_count(&scenario, table[i].log) >= 1, "the log does not say \"%s\"", table[i].log);
		end(&world);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		thousands,           it_is_slow_or_garbled,   it_hangs,      it_is_killed,  it_has_few_connections,
		it_loads_signatures, it_stops_for_signatures, storage_fails, four_gigabytes};
	if (by_icap && !fixture_icap_present()) {
		puts("skipped: there is no c-icap with virus_scan (Debian: c-icap, libc-icap-mod-virus-scan)");
		return 77;
	}
	return scenario_run("scan faults", tests, sizeof tests / sizeof tests[0]);
}
