/* SPDX-License-Identifier: Apache-2.0
 * One user's small files behind another's backlog of large ones, while one worker scans. */
#include <math.h>
#include <stdio.h>

#include "tests/bench/bench.h"
#include "tests/bench/command.h"
#include "tests/harness/fixture_clamd.h"

#define BACKLOG 30
#define BACKLOG_FILE "20MB"

static json_t *run(const struct fixture_clamd *clamd)
{
	char lines[256], options[128];
	struct nats_fixture nats;
	struct service service;
	json_t *shown = NULL;
	if (!nats_fixture_start(&nats, NULL))
		return NULL;
	snprintf(lines, sizeof lines, "steps = virusscan\n[step:virusscan]\nworkers = 1\nclamav_socket = %s\n",
	         clamd->socket);
	snprintf(options, sizeof options, "-n 10 --size 10KB --greedy %d --greedy-size " BACKLOG_FILE, BACKLOG);
	if (service_start(&service, &nats, lines)) {
		shown = command_run(&service, options);
		service_end(&service);
	}
	nats_fixture_end(&nats);
	return shown;
}

bool measure_fairness(struct bench *bench)
{
	struct fixture_clamd clamd;
	/* Otherwise clamd would not scan again what it has found clean, and all files of the backlog have the same
	 * bytes. */
	if (!fixture_clamd_start(&clamd, "DisableCache yes\n"))
		return false;
	json_t *shown = run(&clamd);
	fixture_clamd_stop(&clamd);
	double behind = command_figure(shown, "behind", "latency_max_seconds"),
		   alone = command_figure(shown, "alone", "latency_p50_seconds");
	double scan = command_figure(shown, "backlog", "gap_max_seconds"),
		   all = command_figure(shown, "backlog", "done_seconds");
	json_decref(shown);
	if (isnan(behind) || isnan(alone) || isnan(scan) || isnan(all))
		return false;
	figures_add(&bench->figures,
	            &(struct figure){"10 KB held up by another's 30 x 20 MB, max", "ms", (behind - alone) * 1e3, scan * 1e3,
	                             "one of the backlog's scans, max", TARGET_RATIO, 1});
	figures_add(&bench->figures, &(struct figure){"  one of the backlog's scans, mean", "ms", all / BACKLOG * 1e3, 0,
	                                              "", TARGET_NONE, 0});
	figures_add(&bench->figures, &(struct figure){"  without that backlog", "ms", alone * 1e3, 0, "", TARGET_NONE, 0});
	figures_add(&bench->figures, &(struct figure){"  the whole backlog: the wait in a single queue", "ms", all * 1e3, 0,
	                                              "", TARGET_NONE, 0});
	return true;
}
