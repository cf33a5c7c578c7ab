/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bench/bench_files.h"
#include "core/bench/bench_baseline.h"
#include "core/bench/bench_plot.h"
#include "core/bench/bench_usage.h"
#include "core/nats/bus_connect.h"
#include "core/client/options.h"
#include "core/config/config_source.h"
#include "core/base/signals.h"

static const char usage[] =
	"usage: postprocessing bench [-c FILE] [OPTIONS]\n"
	"Loads the running service with uploads, as a storage provider (and a remote step) that answers at once, and\n"
	"shows how many it does, how long they take, and what they cost. Ctrl-C ends it in order.\n"
	"  -n COUNT         uploads (default: 10000; with -d as many as there is time for)\n"
	"  -f COUNT         in flight: a new one is announced when one is finished (default: 1000)\n"
	"  --rate COUNT     announce so many per second instead, whatever comes back\n"
	"  -d DURATION      announce no longer than this, 30s for example\n"
	"  -t DURATION      give up when nothing is finished for this long (default: 1m)\n"
	"  --noise COUNT    irrelevant events with each upload (default: 0)\n"
	"  --spaces COUNT   spaces of different users that the uploads are of (default: 1)\n"
	"  --size SIZE      serve files of this size (default: a URL that nobody serves, for steps that fetch nothing)\n"
	"  -a ADDR          serve them on this HOST:PORT (default: a free port of 127.0.0.1)\n"
	"  --url URL        … which the service reaches as this, http://HOST:PORT\n"
	"  --greedy COUNT   first so many uploads of another user at once, then -n (20) uploads one by one: how long do\n"
	"                   these take behind that backlog, and without it?\n"
	"  --greedy-size SIZE  their size (default: 10MB)\n"
	"  --floor          also the same broker operations without a service, in turns, on the same broker\n"
	"  --bare           only these\n"
	"  -r COUNT         rounds, of which the medians are shown (default: 1, with --floor 3)\n"
	"  --plot FILE      latency over load, from --rate (100) up to what is too much, drawn as .png or .svg by gnuplot\n"
	"  -y               load a broker on another host, too\n"
	"  --json           for programs\n"
	OPTION_CONFIG_USAGE;

#define GROWTH 1.5
#define POINTS_LIMIT 40
/* Less than this share of the offered load done is too much. */
#define SATURATED 0.9
#define POINT_DURATION (3 * SECOND)

struct settings {
	int64_t count, in_flight, rate, duration, timeout, noise, spaces, size, greedy, greedy_size, rounds;
	const char *addr, *url, *plot;
	bool baseline, bare, remote;
};

/* What takes a number. */
static const struct {
	int letter;
	struct pp_key key;
	size_t at;
} numbers[] = {
#define NUMBER(letter, key_type, member, least, most) \
	{letter, {.type = key_type, .min = least, .max = most}, offsetof(struct settings, member)}
	NUMBER('n', PP_KEY_INTEGER, count, 1, 100000000),
	NUMBER('f', PP_KEY_INTEGER, in_flight, 1, 100000000),
	NUMBER('R', PP_KEY_INTEGER, rate, 1, 10000000),
	NUMBER('d', PP_KEY_DURATION, duration, MILLISECOND, 1000 * HOUR),
	NUMBER('t', PP_KEY_DURATION, timeout, SECOND, 1000 * HOUR),
	NUMBER('N', PP_KEY_INTEGER, noise, 0, 10000),
	NUMBER('P', PP_KEY_INTEGER, spaces, 1, 100000),
	NUMBER('S', PP_KEY_SIZE, size, 1, (int64_t)1 << 40),
	NUMBER('G', PP_KEY_INTEGER, greedy, 1, 10000000),
	NUMBER('Z', PP_KEY_SIZE, greedy_size, 1, (int64_t)1 << 40),
	NUMBER('r', PP_KEY_INTEGER, rounds, 1, BENCH_ROUNDS_LIMIT),
#undef NUMBER
};

static const struct option names[] = {
	{"rate", required_argument, NULL, 'R'},   {"noise", required_argument, NULL, 'N'},
	{"spaces", required_argument, NULL, 'P'}, {"size", required_argument, NULL, 'S'},
	{"greedy", required_argument, NULL, 'G'}, {"greedy-size", required_argument, NULL, 'Z'},
	{"plot", required_argument, NULL, 'O'},   {"floor", no_argument, NULL, 'F'},
	{"bare", no_argument, NULL, 'B'},         {"address", required_argument, NULL, 'a'},
	{"url", required_argument, NULL, 'U'},    {0},
};

static bool take_number(struct settings *settings, size_t which, const char *value)
{
	char why[160];
	int64_t *number = (int64_t *)(void *)((char *)settings + numbers[which].at);
	if (value_parse(&numbers[which].key, value, number, why, sizeof why))
		return true;
	fprintf(stderr, "%s\n", why);
	return false;
}

static bool take_option(void *closure, int letter, const char *value)
{
	struct settings *settings = closure;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (numbers[i].letter == letter)
			return take_number(settings, i, value);
	switch (letter) {
	case 'a':
		settings->addr = value;
		break;
	case 'U':
		settings->url = value;
		break;
	case 'O':
		settings->plot = value;
		break;
	case 'F':
		settings->baseline = true;
		break;
	case 'B':
		settings->bare = true;
		break;
	default:
		settings->remote = true;
	}
	return true;
}

struct session {
	struct settings settings;
	struct client client;
	struct bench bench;
	struct bench_load load;
	struct bench_files files;
	struct bench_report report;
	bool json, shown; /* the progress is */
};

/* One turn with its progress shown. */
static bool take_turn(struct session *session, enum bench_side side, const struct bench_load *load, struct bench_figures *figures)
{
	struct bench_load watched = *load;
	const char *name = side == BENCH_FLOOR ? "floor" : "service";
	watched.progress = session->shown ? bench_report_progress : NULL;
	watched.closure = &name;
	bool good = bench_turn(&session->bench, side, &watched, figures);
	if (session->shown)
		bench_report_progress_end();
	return good && figures->uploads > 0;
}

static bool show(struct session *session)
{
	struct bench_report *report = &session->report;
	report->interrupted = session->bench.interrupted;
	report->rejected = session->bench.rejected;
	if (session->json)
		return bench_report_json(report);
	if (report->points > 0)
		bench_report_points(report->point, report->points, report->baseline);
	if (report->columns > 0)
		bench_report_table(report->column, report->columns);
	const struct bench_backlog *backlog = &report->backlog;
	if (backlog->done > 0)
		printf("\nthe backlog was taken in after %.2f s and done after %.2f s: with one line for all, the others would have waited so long\n"
		       "from one end to the next of its uploads it took %.0f ms at most\n",
		       backlog->taken_in, backlog->done, backlog->gap * 1e3);
	return true;
}

/* The service, the floor, or both in turns. */
static bool measure_rounds(struct session *session)
{
	struct bench_figures round[2][BENCH_ROUNDS_LIMIT];
	struct bench_figures median[2];
	const struct settings *settings = &session->settings;
	bool wanted[] = {[BENCH_SERVICE] = !settings->bare, [BENCH_FLOOR] = settings->baseline || settings->bare};
	static const char *const name[] = {[BENCH_SERVICE] = "service", [BENCH_FLOOR] = "floor"};
	size_t done[2] = {0}, rounds = settings->rounds > 0 ? (size_t)settings->rounds : settings->baseline && !settings->bare ? 3 : 1;
	bool good = true;
	for (size_t turn = 0; good && turn < 2 * rounds && !session->bench.interrupted; turn++) {
		/* The one that comes first changes, so that what the first turn leaves in the broker hits both. */
		size_t side = (turn / 2 + turn) % 2 == 0 ? BENCH_FLOOR : BENCH_SERVICE;
		if (!wanted[side])
			continue;
		good = take_turn(session, (enum bench_side)side, &session->load, &round[side][done[side]]);
		done[side] += good;
	}
	for (size_t side = 0; side < 2; side++) {
		if (done[side] == 0)
			continue;
		bench_median(round[side], done[side], &median[side]);
		session->report.column[session->report.columns++] = (struct bench_column){name[side], &median[side]};
	}
	return session->report.columns > 0 && show(session) && good;
}

/* One user's uploads behind another's backlog, and alone. */
static bool measure_greedy(struct session *session)
{
	struct bench_figures alone, behind;
	struct bench_load load = session->load;
	load.greedy = 0;
	if (!take_turn(session, BENCH_SERVICE, &load, &alone) || session->bench.interrupted)
		return false;
	load.greedy = (size_t)session->settings.greedy;
	if (!take_turn(session, BENCH_SERVICE, &load, &behind))
		return false;
	session->report.column[0] = (struct bench_column){"behind", &behind};
	session->report.column[1] = (struct bench_column){"alone", &alone};
	session->report.columns = 2;
	session->report.backlog = session->bench.backlog;
	return show(session);
}

/* The open loop at rising rates until the service does not keep up. */
static bool measure_load(struct session *session)
{
	struct bench_load_point point[POINTS_LIMIT];
	const struct settings *settings = &session->settings;
	struct bench_load load = session->load;
	double rate = load.rate > 0 ? load.rate : 100;
	size_t count = 0;
	bool good = true, enough = false;
	load.count = 0;
	load.duration = load.duration > 0 ? load.duration : POINT_DURATION;
	while (!enough && count < POINTS_LIMIT) {
		load.rate = point[count].offered = rate;
		good = (!settings->baseline || take_turn(session, BENCH_FLOOR, &load, &point[count].side[BENCH_FLOOR])) &&
		       take_turn(session, BENCH_SERVICE, &load, &point[count].side[BENCH_SERVICE]);
		if (!good || session->bench.interrupted)
			break;
		enough = point[count++].side[BENCH_SERVICE].rate < SATURATED * rate;
		rate *= GROWTH;
	}
	session->report.point = point;
	session->report.points = count;
	session->report.baseline = settings->baseline;
	return count > 0 && show(session) && bench_plot_draw(settings->plot, point, count, settings->baseline) && good;
}

static bool serve_files(struct session *session)
{
	const struct settings *settings = &session->settings;
	session->load.greedy_file.size = settings->greedy_size;
	if (settings->size == 0)
		return true;
	return bench_files_serve(&session->files, settings->addr, settings->url, settings->size, &session->load.file) &&
	       (settings->greedy == 0 ||
	        bench_files_serve(&session->files, settings->addr, settings->url, settings->greedy_size, &session->load.greedy_file));
}

/* Looks at the broker, and says what it has to bear. */
static bool greet_broker(struct session *session)
{
	const struct settings *settings = &session->settings;
	natsConnection *connection = client_connect(&session->client, session->client.events);
	if (connection == NULL)
		return false;
	session->bench.broker = bench_usage_find_broker(connection);
	bool local = bench_usage_is_local(connection);
	natsConnection_Destroy(connection);
	session->report.broker = session->client.events->endpoint;
	fprintf(stderr, "the broker to be loaded: %s%s\n", session->report.broker, local ? "" : ", on another host");
	if (local || settings->remote)
		return true;
	fputs("others may use it: with -y it is loaded nevertheless\n", stderr);
	return false;
}

static bool measure(struct session *session)
{
	if (session->settings.plot != NULL)
		return measure_load(session);
	return session->settings.greedy > 0 ? measure_greedy(session) : measure_rounds(session);
}

static void set_load(struct session *session)
{
	const struct settings *settings = &session->settings;
	bool greedy = settings->greedy > 0;
	session->load = (struct bench_load){
		.count = (size_t)(settings->count > 0 ? settings->count : settings->duration > 0 ? 0 : greedy ? 20 : 10000),
		.in_flight = (size_t)(settings->in_flight > 0 ? settings->in_flight : greedy ? 1 : 1000),
		.rate = (double)settings->rate,
		.duration = settings->duration,
		.timeout = settings->timeout,
		.noise = (size_t)settings->noise,
		.spaces = (size_t)settings->spaces,
	};
}

int command_bench(int argc, char **argv); /* called by main() */

int command_bench(int argc, char **argv)
{
	struct command_options options;
	struct session session = {.settings = {.timeout = MINUTE, .spaces = 1, .greedy_size = 10000000}};
	if (argc > 1 && strcmp(argv[1], BENCH_FLOOR_ARGUMENT) == 0)
		return bench_baseline_main(argc - 1, argv + 1);
	const struct command_syntax syntax = {.usage = usage, .letters = "n:f:d:t:r:a:y", .names = names, .take = take_option, .closure = &session.settings};
	int first = command_read(argc, argv, &syntax, &options);
	if (first < 0)
		return -1 - first;
	signals_block(); /* they are looked for in bench_load_run() */
	if ((session.settings.plot != NULL && !bench_plot_check(session.settings.plot)) || !client_open(&session.client, options.config_path))
		return EXIT_ERROR;
	session.json = options.json;
	session.shown = isatty(STDERR_FILENO) != 0;
	session.bench = (struct bench){.client = &session.client, .config_path = options.config_path};
	set_load(&session);
	bool good = greet_broker(&session) && serve_files(&session) && measure(&session);
	bench_files_end(&session.files);
	client_close(&session.client);
	return good && !session.bench.incomplete ? EXIT_SUCCESS : EXIT_ERROR;
}
