/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/signals.h"
#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/cli/findings.h"
#include "core/nats/bus.h"
#include "core/server/server.h"
#include "core/steps/cgroup.h"
#include "core/steps/preflight.h"

static const char usage[] =
	"usage: postprocessing server [-c FILE]\n"
	"Runs the service in the foreground, with its log on standard error, until SIGTERM or SIGINT.\n" OPTION_CONFIG_USAGE;

/* The service manager may start the service again after this status. After EXIT_ERROR, it should wait for an
 * administrator. */
#define EXIT_NOT_STARTED 1

static void stop_server(void *server)
{
	server_stop(server);
}

static void reload_server(void *server)
{
	server_reload(server);
}

/* Worker processes may be of the service's user. They must not look into its memory, which has passwords. If it is
 * root, they have a user of their own. */
static void hide(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* the search for leaks looks into it */
	if (geteuid() != 0)
		prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* Whether the processes of the modules have control groups. groups: why not; "": they have. */
static void announce_groups(const struct steps *steps, const char *groups, const struct log *log)
{
	bool isolated = false;
	for (size_t i = 0; i < steps->count; i++)
		isolated = isolated || steps->step[i].isolated;
	if (isolated && groups[0] == '\0')
		log_info(log, "each process of a module runs in a control group of its own");
	else if (isolated)
		log_info(log,
		         "the processes of modules have no control groups of their own, so memory_limit is kept for each "
		         "process alone: %s",
		         groups);
}

static int serve(const struct preflight *preflight, const char *path, struct log *log, struct signals *signals)
{
	char why[1024];
	config_announce(preflight->config, log);
	bus_open_library();
	bool passing;
	struct server *server = server_create(preflight, path, log, why, sizeof why, &passing);
	if (server == NULL) {
		log_error(log, "%s", why);
		return passing ? EXIT_NOT_STARTED : EXIT_ERROR;
	}
	const struct alloc_handler handler = {server_out_of_memory, server};
	alloc_set_handler(&handler);
	signals_serve(signals, &(struct signals_service){stop_server, reload_server, server}, log);
	server_run(server);
	bool clean = server_destroy(server);
	alloc_set_handler(NULL);
	if (!clean) { /* threads are stuck in modules: nothing may be freed under them */
		log_warning(log, "stopped although a module was still working; unfinished runs are repeated after the next "
		                 "start");
		_exit(EXIT_SUCCESS);
	}
	log_info(log, "stopped");
	return EXIT_SUCCESS;
}

int command_server(int argc, char **argv)
{
	struct command_options options;
	int first = command_read(argc, argv, &(struct command_syntax){.usage = usage}, &options);
	if (first < 0)
		return -1 - first;
	struct preflight preflight;
	struct signals signals;
	struct log log = {.fd = STDERR_FILENO};
	char groups[256] = "";
	int status = EXIT_ERROR;
	hide();
	if (!signals_start(&signals)) {
		fprintf(stderr, "cannot start the signal thread: %s\n", strerror(errno));
		return EXIT_NOT_STARTED;
	}
	if (cgroups_take(CGROUP_MOUNT, CGROUP_MEMBERSHIP, groups, sizeof groups))
		groups[0] = '\0';
	if (preflight_make(&preflight, options.config_path)) {
		log.level = preflight.config->log_level;
		log_info(&log, "postprocessing %s", PACKAGE_VERSION);
		announce_groups(preflight.steps, groups, &log);
		status = serve(&preflight, options.config_path, &log, &signals);
	}
	for (size_t i = 0; i < preflight.problems.count; i++)
		terminal_error("%s", preflight.problems.line[i]);
	if (preflight.problems.count > 0)
		terminal_error("%s", FINDINGS_HINT);
	preflight_free(&preflight);
	/* Not nats_Close(): after TLS, libnats 3.4 frees memory that OpenSSL frees again when the process ends. */
	signals_end(&signals);
	return status;
}
