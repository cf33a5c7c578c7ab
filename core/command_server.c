/* SPDX-License-Identifier: Apache-2.0 */
#include <nats/nats.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/arrangement.h"
#include "core/command.h"
#include "core/server.h"

static const char usage[] = "usage: postprocessing server [-c FILE]\n"
                            "Runs the service in the foreground, with its log on standard error, until SIGTERM or SIGINT.\n"
                            OPTION_CONFIG_USAGE;

struct signals {
	sigset_t set;
	struct server *server;
	pthread_t thread;
	atomic_bool over; /* the service has ended */
};

/* Signals that come together are one: timeout(1), for one, sends two. */
#define TOGETHER (500 * MILLISECOND)

/* The first SIGTERM or SIGINT ends the service in order, the second at once. Nothing is lost either way. */
static void *await_signals(void *closure)
{
	struct signals *signals = closure;
	int number;
	if (sigwait(&signals->set, &number) == 0)
		server_stop(signals->server);
	nanos first = clock_monotonic();
	while (sigwait(&signals->set, &number) == 0 && !atomic_load(&signals->over))
		if (clock_monotonic() - first > TOGETHER)
			_exit(128 + number);
	return NULL;
}

/* Shows the pipeline that applies, and what a user may not expect of it. */
static void announce(const struct config *config, const struct log *log)
{
	char list[1024] = "";
	size_t used = 0;
	for (size_t i = 0; i < config->step_count && used < sizeof list; i++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", config->step[i].name);
	if (config->step_count == 0)
		log_warning(log, "no steps are configured: every upload is accepted as it comes; set [postprocessing] steps (POSTPROCESSING_STEPS)");
	else
		log_info(log, "steps: %s", list);
	if (config->delay_appended)
		log_warning(log, "a delay is set, but the step `delay` is not in the list of steps: it runs last");
}

static int serve(const struct config *config, const struct steps *steps, const struct log *log)
{
	struct signals signals = {.over = false};
	char why[1024];
	/* Blocked before any thread starts, so that all inherit it. */
	sigemptyset(&signals.set);
	sigaddset(&signals.set, SIGTERM);
	sigaddset(&signals.set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals.set, NULL);
	signal(SIGPIPE, SIG_IGN);
	announce(config, log);
	signals.server = server_create(config, steps, log, why, sizeof why);
	if (signals.server == NULL) {
		log_error(log, "%s", why);
		return EXIT_ERROR;
	}
	if (pthread_create(&signals.thread, NULL, await_signals, &signals) != 0) {
		log_error(log, "no thread for signals");
		server_destroy(signals.server);
		return EXIT_ERROR;
	}
	server_run(signals.server);
	bool clean = server_destroy(signals.server);
	if (!clean) { /* threads are stuck in modules: nothing may be freed under them */
		log_warning(log, "stopped; some steps would not end and are run again at the next start");
		_exit(EXIT_SUCCESS);
	}
	atomic_store(&signals.over, true);
	pthread_kill(signals.thread, SIGTERM); /* out of its sigwait() */
	pthread_join(signals.thread, NULL);
	log_info(log, "stopped");
	return EXIT_SUCCESS;
}

int command_server(int argc, char **argv)
{
	struct command_options options;
	int first = command_read_options(argc, argv, usage, &options, NULL, NULL, NULL);
	if (first < 0)
		return -1 - first;
	if (first < argc) {
		fputs(usage, stderr);
		return EXIT_ERROR;
	}
	struct arrangement arrangement;
	int status = EXIT_ERROR;
	if (arrangement_make(&arrangement, options.config_path)) {
		struct log log = {.fd = STDERR_FILENO, .level = arrangement.config->log_level};
		status = serve(arrangement.config, arrangement.steps, &log);
	}
	for (size_t i = 0; i < arrangement.problems.count; i++)
		fprintf(stderr, "%s\n", arrangement.problems.line[i]);
	arrangement_free(&arrangement);
	nats_Close();
	return status;
}
