/* SPDX-License-Identifier: Apache-2.0
 * Calls what step ABI 1.1 has added, and tells what came of it. `calls` has the words for what to call. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PP_STEP_NEEDS_MINOR 1
#include <postprocessing/step.h>

struct tells {
	const struct pp_host *host;
	const char *calls, *step;
};

static const struct pp_key keys[] = {
	{.name = "calls", .fallback = ""},
	{.name = NULL},
};

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct tells *tells = calloc(1, sizeof *tells);
	if (tells == NULL)
		return -1;
	*tells = (struct tells){host, host->string(setup, "calls"), host->step_name(setup)};
	*instance = tells;
	if (!PP_HOST_HAS(host, log_setup)) {
		host->reject(setup, NULL, "the host lacks log_setup()");
		return -1;
	}
	host->log_setup(setup, PP_LOG_INFO, "created to call \"%s\"", tells->calls);
	host->log_setup(setup, 77, "a level that does not exist");
	return 0;
}

static const char *or_none(const char *text)
{
	return text != NULL ? text : "(none)";
}

static void tell_earlier(const struct pp_host *host, struct pp_run *run)
{
	static const char *const steps[] = {"first", "second", "third", "a-step", "last", "none", NULL};
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		host->log(run, PP_LOG_INFO, "%s: %u, verdict %s, result %s.", or_none(steps[i]),
		          (unsigned)host->step_outcome(run, steps[i]), or_none(host->step_verdict(run, steps[i])),
		          or_none(host->step_result(run, steps[i])));
}

/* The last valid one counts. */
static void give_verdicts(const struct pp_host *host, struct pp_run *run)
{
	char long_word[34], details[PP_DETAILS_LIMIT + 2];
	memset(long_word, 'a', sizeof long_word);
	long_word[PP_VERDICT_LIMIT + 1] = '\0';
	memset(details, ' ', sizeof details);
	details[0] = '{';
	details[PP_DETAILS_LIMIT] = '}';
	details[PP_DETAILS_LIMIT + 1] = '\0';
	const struct {
		const char *word, *details;
		int returned;
	} calls[] = {{"first", "{\"a\":1}", 0}, {NULL, NULL, -1},         {"", NULL, -1},
	             {"Upper", NULL, -1},       {"two words", NULL, -1},  {long_word, NULL, -1},
	             {"list", "[]", -1},        {"text", "text", -1},     {"open", "{", -1},
	             {"long", details, -1},     {long_word + 1, NULL, 0}, {"0-last", " { \"n\": 0.10 }", 0},
	             {"Not", "{}", -1}};
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (host->set_verdict(run, calls[i].word, calls[i].details) != calls[i].returned)
			host->log(run, PP_LOG_ERROR, "set_verdict() returned something else for number %zu", i);
	if (strstr(host->filename(run), "bare") != NULL && host->set_verdict(run, "bare", NULL) != 0)
		host->log(run, PP_LOG_ERROR, "set_verdict() fails");
}

/* Many calls; then it waits until it is cancelled. */
static void make_progress(const struct pp_host *host, struct pp_run *run)
{
	struct pollfd cancel = {.fd = host->cancel_fd(run), .events = POLLIN};
	for (int64_t i = 1; i <= 100000; i++)
		host->set_progress(run, i, strcmp(host->filename(run), "unknown") == 0 ? -5 : 200000);
	while (poll(&cancel, 1, 10) == 0)
		host->cancelled(run);
}

static void give_metrics(const struct pp_host *host, struct pp_run *run)
{
	char name[PP_METRIC_NAME_LIMIT + 2];
	for (unsigned i = 0; i < 1000; i++)
		host->count(run, "pages", 2);
	host->gauge(run, "level", 0.25);
	host->gauge(run, "level", -1.5);
	host->gauge(run, "level", 1e300 * 1e300);
	host->count(run, "Bad", 1);
	host->count(run, NULL, 1);
	host->count(run, "", 1);
	/* Names of the service. */
	host->gauge(run, "seconds", 1);
	host->gauge(run, "seconds_sum", 1);
	host->gauge(run, "suspended_uploads", 1);
	/* One that is both. */
	host->gauge(run, "pages_total", 1);
	memset(name, 'n', sizeof name);
	name[PP_METRIC_NAME_LIMIT + 1] = '\0';
	host->count(run, name, 1);
	host->count(run, name + 1, 1);
}

static void give_many_metrics(const struct pp_host *host, struct pp_run *run)
{
	char name[16];
	for (unsigned i = 0; i < 2 * PP_METRICS_LIMIT; i++) {
		snprintf(name, sizeof name, "many_%u", i);
		host->count(run, name, 1);
	}
}

static uint32_t run(void *instance, struct pp_run *run)
{
	const struct tells *tells = instance;
	const struct pp_host *host = tells->host;
	if (strstr(tells->calls, "facts") != NULL)
		host->log(run, PP_LOG_INFO, "step %s, user %s, space %s.", host->step(run), or_none(host->user_id(run)),
		          or_none(host->space_id(run)));
	if (strstr(tells->calls, "earlier") != NULL)
		tell_earlier(host, run);
	if (strstr(tells->calls, "verdict") != NULL)
		give_verdicts(host, run);
	if (strstr(tells->calls, "progress") != NULL)
		make_progress(host, run);
	if (strstr(tells->calls, "some metrics") != NULL)
		give_metrics(host, run);
	if (strstr(tells->calls, "many metrics") != NULL)
		give_many_metrics(host, run);
	return strstr(tells->calls, "retry") != NULL ? PP_RETRY : PP_CONTINUE;
}

/* Whether the functions of the upload say that there is none. */
static int has_no_upload(const struct tells *tells, struct pp_run *run)
{
	const struct pp_host *host = tells->host;
	const void *bytes = NULL;
	return host->upload_id(run) == NULL && host->filename(run) == NULL && host->filesize(run) == -1 &&
	       host->resource_id(run) == NULL && host->attempt(run) == 0 && host->woken_at(run) == 0 &&
	       host->read(run, &bytes) == -1 && strcmp(host->read_error(run), "a check has no upload") == 0 &&
	       host->set_result(run, "{}") == -1 && host->set_verdict(run, "clean", NULL) == -1 &&
	       host->step_outcome(run, "a-step") == 0 && host->step_result(run, "a-step") == NULL &&
	       host->step_verdict(run, "a-step") == NULL && host->user_id(run) == NULL && host->space_id(run) == NULL &&
	       strcmp(host->step(run), tells->step) == 0;
}

static int check_run(void *instance, struct pp_run *run)
{
	const struct tells *tells = instance;
	const struct pp_host *host = tells->host;
	struct pollfd cancel = {.fd = host->cancel_fd(run), .events = POLLIN};
	int64_t left = host->deadline(run) - host->now(run);
	host->count(run, "checks", 1);
	host->set_progress(run, 1, 2);
	if (strstr(tells->calls, "hang") != NULL) {
		host->log(run, PP_LOG_INFO, "the check waits");
		poll(&cancel, 1, 20000);
		host->set_reason(run, "cancelled: %d", host->cancelled(run) != 0);
		return -1;
	}
	if (!has_no_upload(tells, run))
		host->set_reason(run, "there is an upload");
	else if (host->cancelled(run) || poll(&cancel, 1, 0) != 0 || left <= 0)
		host->set_reason(run, "cancelled at once");
	else if (strstr(tells->calls, "fail") != NULL)
		host->set_reason(run, "no server for \"%s\"", tells->calls);
	else if (strstr(tells->calls, "note") != NULL)
		return host->set_reason(run, "one of two servers does not answer"), 0;
	else
		return host->log(run, PP_LOG_DEBUG, "the check passes"), 0;
	return 1;
}

/* The host calls check_run() in its place. */
static int check(void *instance, char *why, size_t size)
{
	(void)instance;
	(void)why;
	(void)size;
	abort();
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD, .name = "tells", .keys = keys,   .create = create,
	.run = run,   .destroy = free, .check = check, .check_run = check_run};
