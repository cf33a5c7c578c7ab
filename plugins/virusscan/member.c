/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NANOS INT64_C(1000000000)
/* The version is asked for again after this time. */
#define VERSION_TIME (10 * SECOND_NANOS)
/* One that failed is asked after the others for this time. */
#define OUT_TIME (30 * SECOND_NANOS)
/* Signatures that are too old are said once in this time. */
#define WARNING_TIME (24 * 3600 * SECOND_NANOS)

struct member {
	const struct pp_host *host;
	const struct scanner *scanner;
	void *endpoint;
	char text[SCANNER_TEXT_SIZE], address[SCANNER_ADDRESS_SIZE];
	int64_t self_test, max_age; /* nanoseconds; 0: off */
	int64_t workers;            /* of the step; 0: unknown */
	bool needs_version;
	pthread_mutex_t lock; /* of what follows; times are monotonic, and 0 is never */
	char version[REPORT_VERSION_SIZE], tested_version[REPORT_VERSION_SIZE];
	int64_t identified, tested, failed, warned;
	int64_t said_connections; /* a limit that was said to be too low */
	bool said_unknown;
};

struct member *member_create(const struct pp_host *host, struct pp_setup *setup, const struct scanner *scanner,
                             const char *address)
{
	struct member *member = calloc(1, sizeof *member);
	if (member == NULL || pthread_mutex_init(&member->lock, NULL) != 0) {
		host->reject(setup, NULL, "out of memory");
		free(member);
		return NULL;
	}
	member->host = host;
	member->scanner = scanner;
	member->self_test = host->number(setup, "self_test");
	member->max_age = host->number(setup, "signatures_max_age");
	member->workers = host->number(setup, "workers");
	member->needs_version = member->self_test > 0 || host->number(setup, "cache") != 0;
	member->endpoint = scanner->create(host, setup, address, member->address);
	if (member->endpoint != NULL) {
		snprintf(member->text, sizeof member->text, "%.8s (%s)", scanner->kind, member->address);
		return member;
	}
	pthread_mutex_destroy(&member->lock);
	free(member);
	return NULL;
}

void member_destroy(struct member *member)
{
	member->scanner->destroy(member->endpoint);
	pthread_mutex_destroy(&member->lock);
	free(member);
}

const char *member_text(const struct member *member)
{
	return member->text;
}

const char *member_address(const struct member *member)
{
	return member->address;
}

bool member_is_local(const struct member *member)
{
	return member->scanner->is_local(member->endpoint);
}

void member_version(struct member *member, char version[REPORT_VERSION_SIZE])
{
	pthread_mutex_lock(&member->lock);
	memcpy(version, member->version, sizeof member->version);
	pthread_mutex_unlock(&member->lock);
}

/* The time in the version of ClamAV with its database, as "ClamAV 1.4.3/27824/Sun Nov 16 10:40:01 2025", in seconds.
 * 0: there is none. */
static int64_t signatures_time(const char *version)
{
	struct tm tm = {.tm_isdst = -1};
	const char *slash = strchr(version, '/');
	slash = slash != NULL ? strchr(slash + 1, '/') : NULL;
	if (slash == NULL || strptime(slash + 1, "%a %b %d %H:%M:%S %Y", &tm) == NULL)
		return 0;
	time_t time = mktime(&tm);
	return time > 0 ? (int64_t)time : 0;
}

bool member_signatures_known(struct member *member)
{
	char version[REPORT_VERSION_SIZE];
	member_version(member, version);
	if (strstr(version, "ISTag ") == NULL)
		return strchr(version, '/') != NULL;
	/* The ISTag of c-icap stays the same when the signatures of the clamd behind it change. */
	return strncmp(version, "C-ICAP/", 7) != 0;
}

/* It cannot be used now, unless it was not heard out because the run was cancelled. */
static bool fail(struct member *member, const struct limits *limits)
{
	bool cancelled = limits_cancelled(limits);
	pthread_mutex_lock(&member->lock);
	if (!cancelled)
		member->failed = monotonic_now();
	member->tested = member->identified = 0;
	pthread_mutex_unlock(&member->lock);
	return false;
}

bool member_is_out(struct member *member)
{
	pthread_mutex_lock(&member->lock);
	bool out = member->failed != 0 && monotonic_now() - member->failed < OUT_TIME;
	pthread_mutex_unlock(&member->lock);
	return out;
}

static bool identify(struct member *member, const struct limits *limits, struct cause *cause)
{
	char version[REPORT_VERSION_SIZE];
	if (!member->scanner->identify(member->endpoint, limits, version, cause))
		return fail(member, limits);
	pthread_mutex_lock(&member->lock);
	memcpy(member->version, version, sizeof version);
	member->identified = monotonic_now();
	pthread_mutex_unlock(&member->lock);
	return true;
}

static enum finding probe(struct member *member, const char *name, const char *text, const struct limits *limits,
                          struct report *report)
{
	struct source source;
	source_of_text(&source, name, text, limits);
	*report = (struct report){0};
	enum finding finding = member->scanner->scan(member->endpoint, &source, report);
	source_clear(&source);
	return finding;
}

/* The EICAR test file. It is put together here, so that no scanner finds it in this file or in the module. */
static void make_eicar(char text[69])
{
	snprintf(text, 69, "%s%s%s%s", "X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!", "$H+H*");
}

/* The answer to one of the two texts is not the right one, or did not come in the time since `begin`. */
static bool fail_test(struct member *member, const struct limits *limits, int64_t begin, const char *what,
                      const struct report *report, struct cause *cause)
{
	char prefix[SCANNER_TEXT_SIZE + 32], span[SPAN_SIZE];
	const char *reason = report->text;
	size_t own = strlen(member->text);
	/* It is named in front already. */
	bool named = strncmp(reason, member->text, own) == 0;
	if (named)
		reason += own + strspn(reason + own, ": ");
	bool late = report->finding == FINDING_NONE && monotonic_now() >= limits->until && !limits_cancelled(limits);
	snprintf(prefix, sizeof prefix, "%s %s", member->text, late ? "" : "failed its test: ");
	if (late)
		cause_set(cause, prefix, "gave no answer to its test within %s", format_span(limits->until - begin, span));
	else
		cause_set(cause, prefix, "%s%s%s%.150s", what, reason[0] != '\0' ? ": " : "",
		          named && report->text[own] == ' ' ? "it " : "", reason);
	return fail(member, limits);
}

static bool self_test(struct member *member, const struct limits *limits, struct cause *cause)
{
	char eicar[69], version[REPORT_VERSION_SIZE];
	struct report report;
	int64_t begin = monotonic_now();
	make_eicar(eicar);
	member_version(member, version);
	enum finding clean = probe(member, "clean.txt", "a text without a virus\n", limits, &report);
	if (clean != FINDING_CLEAN) {
		const char *what = clean == FINDING_NONE ? "no verdict on a clean text" : "it reports a clean text";
		return fail_test(member, limits, begin, what, &report, cause);
	}
	enum finding infected = probe(member, "eicar.com", eicar, limits, &report);
	if (infected != FINDING_INFECTED && infected != FINDING_BLOCKED) {
		const char *what =
			infected == FINDING_NONE ? "no verdict on the EICAR test file" : "it does not find the EICAR test file";
		return fail_test(member, limits, begin, what, &report, cause);
	}
	pthread_mutex_lock(&member->lock);
	member->tested = monotonic_now();
	member->failed = 0;
	memcpy(member->tested_version, version, sizeof version);
	pthread_mutex_unlock(&member->lock);
	return true;
}

bool member_test(struct member *member, const struct limits *limits, struct cause *cause)
{
	return identify(member, limits, cause) && (member->self_test == 0 || self_test(member, limits, cause));
}

bool member_ready(struct member *member, const struct limits *limits, bool *tested, struct cause *cause)
{
	int64_t now = monotonic_now();
	pthread_mutex_lock(&member->lock);
	bool known = member->identified != 0 && now - member->identified < VERSION_TIME;
	pthread_mutex_unlock(&member->lock);
	if (member->needs_version && !known && !identify(member, limits, cause))
		return false;
	pthread_mutex_lock(&member->lock);
	bool passed = member->tested != 0 && now - member->tested < member->self_test &&
	              strcmp(member->version, member->tested_version) == 0;
	pthread_mutex_unlock(&member->lock);
	*tested = member->self_test > 0 && !passed;
	return !*tested || self_test(member, limits, cause);
}

enum finding member_scan(struct member *member, struct source *source, struct report *report)
{
	enum finding finding = member->scanner->scan(member->endpoint, source, report);
	pthread_mutex_lock(&member->lock);
	/* The signatures have changed: the next scan asks and tests first. */
	if (strcmp(report->version, member->version) != 0)
		member->identified = 0;
	pthread_mutex_unlock(&member->lock);
	const struct limits limits = source_limits(source, 0);
	if (finding == FINDING_NONE && !source->failed)
		fail(member, &limits);
	return finding;
}

static void warn_of_connections(struct member *member, struct pp_run *run)
{
	int64_t limit = member->scanner->connections != NULL ? member->scanner->connections(member->endpoint) : 0;
	bool low = limit > 0 && limit < member->workers;
	pthread_mutex_lock(&member->lock);
	bool said = !low || member->said_connections == limit;
	member->said_connections = low ? limit : 0;
	pthread_mutex_unlock(&member->lock);
	if (!said)
		member->host->log(run, PP_LOG_WARNING,
		                  "%s allows %lld connections at a time, and the step has %lld workers: further scans may wait "
		                  "or fail. Set workers to at most %lld, or raise the limit of the server (Max-Connections)",
		                  member->text, (long long)limit, (long long)member->workers, (long long)limit);
}

void member_announce(struct member *member, struct pp_run *run)
{
	char version[REPORT_VERSION_SIZE];
	warn_of_connections(member, run);
	member_version(member, version);
	if (version[0] == '\0' || member_signatures_known(member))
		return;
	pthread_mutex_lock(&member->lock);
	bool said = member->said_unknown;
	member->said_unknown = true;
	pthread_mutex_unlock(&member->lock);
	if (!said)
		member->host->log(
			run, PP_LOG_INFO,
			"%s does not tell a version of its signatures (%s): its verdicts are not cached, and their age is "
			"unknown",
			member->text, version);
}

int64_t member_watch_signatures(struct member *member, struct pp_run *run)
{
	char version[REPORT_VERSION_SIZE];
	member_version(member, version);
	int64_t time = signatures_time(version), age = member->host->now(run) / SECOND_NANOS - time;
	bool old = time > 0 && member->max_age > 0 && age > member->max_age / SECOND_NANOS;
	pthread_mutex_lock(&member->lock);
	bool warn = old && (member->warned == 0 || monotonic_now() - member->warned > WARNING_TIME);
	if (warn)
		member->warned = monotonic_now();
	pthread_mutex_unlock(&member->lock);
	if (warn)
		member->host->log(
			run, PP_LOG_WARNING,
			"%s: its signatures are %lld days old (%s): is freshclam running? signatures_max_age sets the "
			"age from which this warning is logged",
			member->text, (long long)(age / 86400), version);
	return time;
}
