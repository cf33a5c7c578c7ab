/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lookup.h"
#include "member.h"
#include "name_list.h"
#include "summary.h"

#define SECOND_NANOS INT64_C(1000000000)
/* How long a test of an endpoint may take while others are left. */
#define TEST_TIME (5 * SECOND_NANOS)
#define HOST_NAME_SIZE 256
/* A check is cancelled at its deadline. Its waits end before, so that a scanner that hangs is not taken for that. */
#define DEADLINE_MARGIN (SECOND_NANOS / 5)

struct fleet {
	const struct pp_host *host;
	const struct scanner *scanner;
	struct member *member[FLEET_LIMIT];
	size_t count;
	atomic_size_t turn; /* the endpoint that is asked first */
	bool all;           /* all have to agree */
	bool cache;
	int64_t timeout;
	const struct name_list *allowed, *blocked;      /* of others; NULL: none */
	char scanners[FLEET_LIMIT * SCANNER_TEXT_SIZE]; /* all addresses */
	char host_name[HOST_NAME_SIZE];                 /* "": no address is of this host */
};

/* Endpoints of the run in the order in which they are asked: those in order first. */
struct order {
	struct member *member[FLEET_LIMIT];
	size_t count;
};

static bool has_address(const struct fleet *fleet, const char *address)
{
	for (size_t i = 0; i < fleet->count; i++)
		if (strcmp(member_address(fleet->member[i]), address) == 0)
			return true;
	return false;
}

struct fleet *fleet_create(const struct pp_host *host, struct pp_setup *setup, const struct scanner *scanner)
{
	struct fleet *fleet = calloc(1, sizeof *fleet);
	if (fleet == NULL) {
		host->reject(setup, NULL, "out of memory");
		return NULL;
	}
	fleet->host = host;
	fleet->scanner = scanner;
	fleet->all = host->number(setup, "agree") == 1;
	fleet->cache = host->number(setup, "cache") != 0;
	fleet->timeout = host->number(setup, scanner->timeout);
	/* Each process begins with another one. */
	atomic_init(&fleet->turn, (size_t)getpid());
	const char *address;
	size_t used = 0;
	while (fleet->count < FLEET_LIMIT && (address = host->item(setup, scanner->address, fleet->count)) != NULL) {
		struct member *member = member_create(host, setup, scanner, address);
		if (member == NULL) {
			fleet_destroy(fleet);
			return NULL;
		}
		bool twice = has_address(fleet, member_address(member));
		fleet->member[fleet->count++] = member;
		if (twice) {
			host->reject(setup, scanner->address, "%s is in the list twice", member_address(member));
			fleet_destroy(fleet);
			return NULL;
		}
		/* The local scanner of another instance may have other settings, or signatures. */
		if (member_is_local(member) && gethostname(fleet->host_name, sizeof fleet->host_name - 1) != 0) {
			host->reject(setup, NULL, "the name of this host, which the cache needs, cannot be read: %s",
			             strerror(errno));
			fleet_destroy(fleet);
			return NULL;
		}
		used += (size_t)snprintf(fleet->scanners + used, sizeof fleet->scanners - used, "%s\n", member_text(member));
	}
	if (fleet->count > 0)
		return fleet;
	host->reject(setup, scanner->address, "the address of a scanner is needed");
	fleet_destroy(fleet);
	return NULL;
}

void fleet_destroy(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++)
		member_destroy(fleet->member[i]);
	free(fleet);
}

void fleet_use_lists(struct fleet *fleet, const struct name_list *allowed, const struct name_list *blocked)
{
	fleet->allowed = allowed;
	fleet->blocked = blocked;
}

bool fleet_caches(const struct fleet *fleet)
{
	return fleet->cache;
}

static void make_order(struct fleet *fleet, struct order *order)
{
	size_t first = atomic_fetch_add_explicit(&fleet->turn, 1, memory_order_relaxed), failures = 0;
	struct member *failed[FLEET_LIMIT];
	order->count = 0;
	/* Each is looked at once: other runs may change its state meanwhile. */
	for (size_t i = 0; i < fleet->count; i++) {
		struct member *member = fleet->member[(first + i) % fleet->count];
		if (member_is_out(member))
			failed[failures++] = member;
		else
			order->member[order->count++] = member;
	}
	for (size_t i = 0; i < failures; i++)
		order->member[order->count++] = failed[i];
}

/* Whether the endpoint may give a verdict. False: the report says why not. */
static bool is_ready(const struct fleet *fleet, struct member *member, const struct source *source,
                     struct report *report)
{
	bool short_test = source->share > 0 && fleet->timeout > TEST_TIME, tested = false;
	const struct limits limits = source_limits(source, short_test ? TEST_TIME : fleet->timeout);
	struct cause cause;
	if (!member_ready(member, &limits, &tested, &cause)) {
		report_none(report, "%s", cause.text);
		return false;
	}
	if (tested)
		member_watch_signatures(member, source->run);
	return true;
}

static enum finding look_up_or_scan(const struct fleet *fleet, struct member *member, struct source *source,
                                    struct report *report)
{
	char version[REPORT_VERSION_SIZE];
	member_version(member, version);
	/* Scanners of another step may have other settings, and signatures that their version does not show. */
	const struct lookup lookup = {.scanner = fleet->all ? report->scanner : fleet->scanners,
	                              .host = fleet->host_name,
	                              .version = version,
	                              .by_name = fleet->scanner->by_name};
	/* Without the version of the signatures nobody knows when a verdict is outdated. */
	bool cache = fleet->cache && member_signatures_known(member);
	snprintf(report->version, sizeof report->version, "%s", version);
	if (cache && source->sha256[0] != '\0' && lookup_find(&lookup, source, report))
		return report->finding;
	enum finding finding = member_scan(member, source, report);
	bool same = strcmp(report->version, version) == 0;
	if (cache && same)
		lookup_keep(&lookup, source, report);
	/* The signatures have changed since its test. */
	if (finding != FINDING_NONE && !same && !is_ready(fleet, member, source, report))
		return FINDING_NONE;
	return finding;
}

/* Has one endpoint scan the source; `others` are left after it. */
static enum finding ask(const struct fleet *fleet, struct member *member, struct source *source, size_t others,
                        struct report *report)
{
	*report = (struct report){.bytes = -1};
	snprintf(report->scanner, sizeof report->scanner, "%s", member_text(member));
	int64_t left = source->until - monotonic_now();
	source->share = others > 0 ? left / (int64_t)(others + 1) : 0;
	if (!is_ready(fleet, member, source, report))
		return FINDING_NONE;
	if (!source_rewind(source))
		return report_none(report, "%s", source_error(source));
	enum finding finding = look_up_or_scan(fleet, member, source, report);
	if (report->cached)
		report->bytes = source->size;
	else if (report->bytes < 0)
		report->bytes = source->handed;
	return finding;
}

static bool is_cancelled(const struct source *source)
{
	const struct limits limits = source_limits(source, 0);
	return monotonic_now() >= source->until || limits_cancelled(&limits);
}

/* An endpoint gave no verdict, and the next one is asked. Nobody else says so. */
static void log_failure(const struct fleet *fleet, const struct source *source, const struct report *report)
{
	fleet->host->log(source->run, PP_LOG_WARNING, "%s gave no verdict, asking the next scanner: %s", report->scanner,
	                 report->text);
	fleet->host->count(source->run, "scanner_failovers", 1);
}

/* The first verdict counts. */
static enum finding scan_by_one(const struct fleet *fleet, const struct order *order, struct source *source,
                                struct report *report)
{
	for (size_t i = 0; i < order->count; i++) {
		size_t others = order->count - 1 - i;
		enum finding finding = ask(fleet, order->member[i], source, others, report);
		if (finding != FINDING_NONE || source->failed || others == 0 || is_cancelled(source))
			return finding;
		log_failure(fleet, source, report);
	}
	return FINDING_NONE;
}

/* A finding that stands before another one if the scanners disagree. That no verdict was given stands before all but
 * "infected": another scanner cannot make up for the one that is missing. */
static int rank(enum finding finding)
{
	static const enum finding order[] = {FINDING_CLEAN,      FINDING_PARTIAL, FINDING_ENCRYPTED, FINDING_UNSCANNABLE,
	                                     FINDING_SUSPICIOUS, FINDING_BLOCKED, FINDING_NONE,      FINDING_INFECTED};
	for (int i = 0; i < FINDING_COUNT; i++)
		if (order[i] == finding)
			return i;
	return FINDING_COUNT;
}

/* The same with the lists: a name that is allowed must not keep other scanners from being heard. */
static int weigh(const struct fleet *fleet, const struct report *report)
{
	if (report->finding != FINDING_NONE && report->finding != FINDING_CLEAN) {
		if (name_list_find(fleet->blocked, report->text) > 0)
			return 2 * rank(FINDING_INFECTED);
		if (name_list_find(fleet->allowed, report->text) > 0)
			return 2 * rank(FINDING_CLEAN) + 1;
	}
	return 2 * rank(report->finding);
}

/* All have to say "clean"; "infected" decides at once. */
static enum finding scan_by_all(const struct fleet *fleet, const struct order *order, struct source *source,
                                struct report *report)
{
	struct report one;
	bool cached = true;
	for (size_t i = 0; i < order->count; i++) {
		size_t others = order->count - 1 - i;
		ask(fleet, order->member[i], source, others, &one);
		cached = cached && one.cached;
		if (i == 0 || weigh(fleet, &one) > weigh(fleet, report))
			*report = one;
		if (weigh(fleet, report) == 2 * rank(FINDING_INFECTED) || source->failed)
			break;
		if (others > 0 && is_cancelled(source)) {
			if (report->finding != FINDING_NONE)
				report_none(report, "the run ended before all scanners were asked (%zu of %zu were left)", others,
				            order->count);
			break;
		}
	}
	if (report->finding == FINDING_CLEAN && order->count > 1)
		snprintf(report->scanner, sizeof report->scanner, "%s, all %zu scanners", fleet->scanner->kind, order->count);
	report->cached = cached;
	return report->finding;
}

enum finding fleet_scan(struct fleet *fleet, struct source *source, struct report *report)
{
	struct order order;
	make_order(fleet, &order);
	return fleet->all ? scan_by_all(fleet, &order, source, report) : scan_by_one(fleet, &order, source, report);
}

/* Tests each endpoint within its share of the time. Keeps the causes of those that fail, in `failed`; returns how many.
 */
static size_t test_all(struct fleet *fleet, struct pp_run *run, struct failure failed[FLEET_LIMIT])
{
	const struct pp_host *host = fleet->host;
	int64_t oldest = 0;
	size_t failures = 0;
	int64_t until = monotonic_now() + host->deadline(run) - host->now(run) - DEADLINE_MARGIN;
	for (size_t i = 0; i < fleet->count; i++) {
		struct member *member = fleet->member[i];
		struct failure *failure = &failed[failures];
		int64_t now = monotonic_now();
		const struct limits limits = {.until = now + (until - now) / (int64_t)(fleet->count - i),
		                              .cancel_fd = host->cancel_fd(run)};
		failure->address = member_address(member);
		if (!member_test(member, &limits, &failure->cause))
			failures++;
		member_announce(member, run);
		int64_t time = member_watch_signatures(member, run);
		if (time > 0 && (oldest == 0 || time < oldest))
			oldest = time;
	}
	if (oldest > 0)
		host->gauge(run, "signatures_time_seconds", (double)oldest);
	return failures;
}

int fleet_check(struct fleet *fleet, struct pp_run *run)
{
	const struct pp_host *host = fleet->host;
	struct failure failed[FLEET_LIMIT];
	char summary[SUMMARY_SIZE];
	size_t failures = test_all(fleet, run, failed), passed = fleet->count - failures;
	host->gauge(run, "scanners", (double)fleet->count);
	host->gauge(run, "scanners_passing", (double)passed);
	if (failures > 0 && fleet->count > 1) {
		summarize(fleet->scanner->kind, failed, failures, fleet->count, PP_REASON_LIMIT, summary);
		host->set_reason(run, "%s", summary);
	} else if (failures > 0) {
		host->set_reason(run, "%s", failed[0].cause.text);
	}
	return failures == 0 || (passed > 0 && !fleet->all) ? 0 : -1;
}
