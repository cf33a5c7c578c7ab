/* SPDX-License-Identifier: Apache-2.0
 * postprocessing-bench: measures the running service under load, beside a process that only performs the same broker
 * operations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/signals.h"
#include "core/base/terminal.h"
#include "core/bench/baseline.h"
#include "core/bench/files.h"
#include "core/bench/plot.h"
#include "core/bench/settings.h"
#include "core/bench/usage.h"
#include "core/client/options.h"
#include "core/client/standard_streams.h"

/* Of the rate, from point to point of --plot. */
#define GROWTH 1.5
#define POINTS_LIMIT 40
/* The service does not keep up when it finishes less than this share of what is announced. */
#define SATURATED 0.9
#define POINT_DURATION (3 * SECOND)

struct session {
	struct bench_settings settings;
	struct client client;
	struct bench bench;
	struct bench_load load;
	struct bench_files files;
	struct bench_report report;
	bool progress; /* show it */
};

static bool take_turn(struct session *session, enum bench_side side, const struct bench_load *load,
                      struct bench_figures *figures)
{
	struct bench_load watched = *load;
	const char *name = bench_side_name(side);
	watched.progress = session->progress ? bench_report_progress : NULL;
	watched.closure = &name;
	bool good = bench_turn(&session->bench, side, &watched, figures);
	if (session->progress)
		bench_report_progress_end();
	return good && figures->uploads > 0;
}

static bool show(struct session *session)
{
	struct bench_report *report = &session->report;
	report->interrupted = session->bench.interrupted;
	report->rejected = session->bench.rejected;
	if (session->settings.json)
		return bench_report_json(report);
	if (report->points > 0)
		bench_report_points(report->point, report->points, report->baseline);
	if (report->columns > 0)
		bench_report_table(report->column, report->columns);
	const struct bench_backlog *backlog = &report->backlog;
	if (backlog->done > 0)
		printf(
			"\nbacklog: read after %.2f s, finished after %.2f s (in a single queue, the other uploads would have waited that long)\n"
			"longest time until another upload of the backlog finished: %.0f ms\n",
			backlog->taken_in, backlog->done, backlog->gap * 1e3);
	return true;
}

/* The service, the baseline, or both in turns. */
static bool measure_rounds(struct session *session)
{
	struct bench_figures round[2][BENCH_ROUNDS_LIMIT];
	struct bench_figures median[2];
	const struct bench_settings *settings = &session->settings;
	bool wanted[] = {[BENCH_SERVICE] = !settings->bare, [BENCH_BASELINE] = settings->baseline || settings->bare};
	size_t done[2] = {0}, rounds = settings->rounds > 0                    ? (size_t)settings->rounds
	                               : settings->baseline && !settings->bare ? 3
	                                                                       : 1;
	bool good = true;
	for (size_t turn = 0; good && turn < 2 * rounds && !session->bench.interrupted; turn++) {
		/* They alternate in going first, so that what a turn leaves behind in the broker affects both. */
		size_t side = (turn / 2 + turn) % 2 == 0 ? BENCH_BASELINE : BENCH_SERVICE;
		if (!wanted[side])
			continue;
		good = take_turn(session, (enum bench_side)side, &session->load, &round[side][done[side]]);
		done[side] += good;
	}
	for (size_t side = 0; side < 2; side++) {
		if (done[side] == 0)
			continue;
		bench_figures_median(round[side], done[side], &median[side]);
		session->report.column[session->report.columns++] =
			(struct bench_column){bench_side_name((enum bench_side)side), &median[side]};
	}
	return session->report.columns > 0 && show(session) && good;
}

/* One user's uploads alone, then behind another user's backlog. */
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
	const struct bench_settings *settings = &session->settings;
	struct bench_load load = session->load;
	double rate = load.rate > 0 ? load.rate : 100;
	size_t count = 0;
	bool good = true, enough = false;
	load.count = 0;
	load.duration = load.duration > 0 ? load.duration : POINT_DURATION;
	while (!enough && count < POINTS_LIMIT) {
		load.rate = point[count].offered = rate;
		good = (!settings->baseline || take_turn(session, BENCH_BASELINE, &load, &point[count].side[BENCH_BASELINE])) &&
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
	const struct bench_settings *settings = &session->settings;
	session->load.greedy_file.size = settings->greedy_size;
	if (settings->size == 0)
		return true;
	return bench_files_serve(&session->files, settings->addr, settings->url, settings->size, settings->distinct,
	                         &session->load.file) &&
	       (settings->greedy == 0 ||
	        bench_files_serve(&session->files, settings->addr, settings->url, settings->greedy_size, settings->distinct,
	                          &session->load.greedy_file));
}

/* Finds the broker's process and says which broker is loaded. False: not this one. */
static bool check_broker(struct session *session)
{
	const struct bench_settings *settings = &session->settings;
	natsConnection *connection = client_connect(&session->client, session->client.events, false);
	if (connection == NULL)
		return false;
	session->bench.broker = bench_usage_find_broker(connection);
	bool local = bench_usage_is_local(connection);
	natsConnection_Destroy(connection);
	session->report.broker = session->client.events->endpoint;
	terminal_error("broker under load: %s%s", session->report.broker, local ? "" : ", on another host");
	if (local || settings->remote)
		return true;
	fputs("others may be using that broker: give -y to load it all the same\n", stderr);
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
	const struct bench_settings *settings = &session->settings;
	bool greedy = settings->greedy > 0;
	session->load = (struct bench_load){
		.count = (size_t)(settings->count > 0      ? settings->count
	                      : settings->duration > 0 ? 0
	                      : greedy                 ? 20
	                                               : 10000),
		.in_flight = (size_t)(settings->in_flight > 0 ? settings->in_flight
	                          : greedy                ? 1
	                                                  : 1000),
		.rate = (double)settings->rate,
		.duration = settings->duration,
		.timeout = settings->timeout,
		.noise = (size_t)settings->noise,
		.spaces = (size_t)settings->spaces,
	};
}

static int run(int argc, char **argv)
{
	struct session session = {0};
	int status;
	if (!bench_settings_read(&session.settings, argc, argv, &status))
		return status;
	const struct bench_settings *settings = &session.settings;
	signals_block(); /* bench_load_run() looks for them */
	if ((settings->plot != NULL && !bench_plot_check(settings->plot)) ||
	    !client_open(&session.client, settings->config_path))
		return EXIT_ERROR;
	session.progress = isatty(STDERR_FILENO) != 0;
	session.bench = (struct bench){.client = &session.client, .config_path = settings->config_path};
	set_load(&session);
	bool good = check_broker(&session) && serve_files(&session) && measure(&session);
	bench_files_end(&session.files);
	client_close(&session.client);
	return good && !session.bench.incomplete ? EXIT_SUCCESS : EXIT_ERROR;
}

int main(int argc, char **argv)
{
	if (!standard_streams_open())
		return EXIT_ERROR;
	const char *first = argc > 1 ? argv[1] : "";
	if (strcmp(first, BENCH_BASELINE_ARGUMENT) == 0)
		return bench_baseline_main(argc - 1, argv + 1);
	int status = EXIT_SUCCESS;
	if (strcmp(first, "--version") == 0)
		puts("postprocessing-bench " PACKAGE_VERSION);
	else
		status = run(argc, argv);
	return standard_streams_finish("postprocessing-bench", status);
}
