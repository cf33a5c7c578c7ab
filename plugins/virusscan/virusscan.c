/* SPDX-License-Identifier: Apache-2.0
 * Step module: has each upload looked at by a virus scanner. Only a scanner's own verdict on all that was
 * to be scanned lets an upload on or ends it; whatever goes wrong is PP_RETRY. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Lists, the cache, metrics and verdicts. */
#define PP_STEP_NEEDS_MINOR 1u
#include <postprocessing/step.h>

#include "fleet.h"
#include "name_list.h"
#include "unused.h"
#include "verdict.h"

#define SECOND_NANOS INT64_C(1000000000)
#define LIST_WHY_SIZE 400

/* In the order of the key's choices; "truncate" is what the documentation of others calls "partial". */
enum { OVERSIZE_PARTIAL, OVERSIZE_SKIP, OVERSIZE_TRUNCATE };
/* In the order of the key's choices. */
enum { FORCED_NONE, FORCED_CONTINUE, FORCED_ABORT, FORCED_DELETE, FORCED_RETRY };

struct virusscan {
	const struct pp_host *host;
	struct fleet *fleet;
	struct verdict_rules rules;
	struct name_list *allowed, *blocked; /* NULL: none */
	int64_t max_size;                    /* bytes; 0: all */
	bool skip_larger;
	int64_t first_lookup; /* files up to this size are looked up before they are scanned */
	int64_t forced;       /* of the enum above */
	bool announced;       /* the rules were said */
	bool untested;        /* self_test = 0 */
	bool lets_pass;       /* on_exhausted = continue */
	struct unused unused[UNUSED_LIMIT];
	size_t unused_count;
};

/* clang-format off */
static const struct pp_key virusscan_keys[] = {
	{.name = "scanner", .type = PP_KEY_CHOICE, .fallback = "clamav", .choices = "clamav icap",
	 .environment = "ANTIVIRUS_SCANNER_TYPE",
	 .help = "The kind of scanner. clamav: clamd, ClamAV's daemon. icap: any scanner behind an ICAP server."},
	{.name = "clamav_socket", .type = PP_KEY_LIST, .fallback = "/run/clamav/clamd.ctl", .min = 1, .max = FLEET_LIMIT,
	 .environment = "ANTIVIRUS_CLAMAV_SOCKET",
	 .help = "Where clamd listens: a path, unix:///path, host:port or tcp://host:port. There can be more than one "
	         "clamd."},
	{.name = "icap_url", .type = PP_KEY_LIST, .fallback = "icap://127.0.0.1:1344", .min = 1, .max = FLEET_LIMIT,
	 .environment = "ANTIVIRUS_ICAP_URL",
	 .help = "Where the ICAP server listens: icap://host, icap://host:port, or with the service "
	         "icap://host:port/service. There can be more than one server. icaps:// in place of icap:// is with TLS; the "
	         "server's certificate is always verified. The port is 1344 by default, with TLS 11344."},
	{.name = "icap_service", .type = PP_KEY_STRING, .fallback = "avscan", .environment = "ANTIVIRUS_ICAP_SERVICE",
	 .help = "The name of the ICAP server's service, if icap_url does not have it."},
	{.name = "icap_ca", .type = PP_KEY_PATH,
	 .help = "The absolute path of a file with the certificates (PEM) that sign the ICAP server's, for icaps://. "
	         "Default: those of the system."},
	{.name = "agree", .type = PP_KEY_CHOICE, .fallback = "one", .choices = "one all",
	 .help = "With more than one scanner. one: uploads are spread over them, and the first verdict counts; if one "
	         "gives none, the next one is asked. all: every scanner has to scan each file and to say that it is "
	         "clean; if one finds a virus, the file is infected, and if one gives no verdict, there is none."},
	{.name = "infected", .type = PP_KEY_CHOICE, .fallback = "delete",
	 .choices = "delete abort continue hold quarantine", .environment = "ANTIVIRUS_INFECTED_FILE_HANDLING",
	 .help = "What to do with an infected file. delete: delete its bytes. abort: keep its bytes, but nobody can access "
	         "them. continue: go on to the next step. hold: keep the file out of reach until an administrator decides. "
	         "quarantine: as abort, with an encrypted copy in [quarantine] folder."},
	{.name = "blocked", .type = PP_KEY_CHOICE, .fallback = "abort", .choices = "abort continue hold quarantine",
	 .help = "What to do with a file that an ICAP server blocks by its policy, without naming a virus, for example "
	         "because of its type. A file of this kind, or of one of the next four, is never deleted. abort: keep its "
	         "bytes, but nobody can access them. continue: go on to the next step. hold: until an administrator "
	         "decides. quarantine: as abort, with an encrypted copy in [quarantine] folder."},
	{.name = "suspicious", .type = PP_KEY_CHOICE, .fallback = "abort", .choices = "abort continue hold quarantine",
	 .help = "What to do with a file in which the scanner finds no known virus, but which it reports as Heuristics.*, "
	         "for example because it has macros."},
	{.name = "encrypted", .type = PP_KEY_CHOICE, .fallback = "abort", .choices = "abort continue hold quarantine",
	 .help = "What to do with a file that is encrypted, so that the scanner cannot look into it (clamd reports that "
	         "only with AlertEncrypted, as Heuristics.Encrypted.*)."},
	{.name = "partial", .type = PP_KEY_CHOICE, .choices = "abort continue hold quarantine",
	 .help = "What to do with a file of which only a part was scanned, and in which nothing was found. By default, a "
	         "file continues if max_scan_size ended the scan, and is aborted if a limit of the scanner's ended it "
	         "(clamd reports that only with AlertExceedsMax, as Heuristics.Limits.Exceeded.*)."},
	{.name = "unscannable", .type = PP_KEY_CHOICE, .fallback = "abort", .choices = "abort continue hold quarantine",
	 .help = "What to do with a file that the scanner says it cannot scan, for example because it is broken, or larger "
	         "than StreamMaxLength of clamd."},
	{.name = "max_scan_size", .type = PP_KEY_SIZE, .fallback = "0", .environment = "ANTIVIRUS_MAX_SCAN_SIZE",
	 .help = "The size above which max_scan_size_mode applies to a file. 0: no limit."},
	{.name = "max_scan_size_mode", .type = PP_KEY_CHOICE, .fallback = "partial", .choices = "partial skip truncate",
	 .environment = "ANTIVIRUS_MAX_SCAN_SIZE_MODE",
	 .help = "What to do with a file larger than max_scan_size. partial or truncate: scan only its first max_scan_size "
	         "bytes. skip: accept it without a scan."},
	{.name = "timeout", .type = PP_KEY_DURATION, .fallback = "5m", .environment = "ANTIVIRUS_CLAMAV_SCAN_TIMEOUT",
	 .min = 1, .max = 24 * 3600 * SECOND_NANOS,
	 .help = "How long clamd may take to answer, and to receive each part of a file."},
	{.name = "icap_timeout", .type = PP_KEY_DURATION, .fallback = "5m", .environment = "ANTIVIRUS_ICAP_SCAN_TIMEOUT",
	 .min = 1, .max = 24 * 3600 * SECOND_NANOS,
	 .help = "The same for an ICAP server."},
	{.name = "self_test", .type = PP_KEY_DURATION, .fallback = "5m",
	 .help = "How often each scanner is tested: it has to find the EICAR test file, and to let a clean text pass. "
	         "Until it does, it gives no verdicts. It is also tested before its first verdict, and when its "
	         "signatures have changed. 0: never; then a scanner that finds nothing goes unnoticed."},
	{.name = "signatures_max_age", .type = PP_KEY_DURATION, .fallback = "168h",
	 .help = "A warning is logged if the signatures of a scanner are older than this. Only clamd says how old they "
	         "are. 0: no warning."},
	{.name = "cache", .type = PP_KEY_BOOL, .fallback = "true",
	 .help = "Whether a file with the same bytes as one that the same scanners have scanned with the same signatures "
	         "gets its verdict without another scan. See [cache]. clamd names only the version of ClamAV's own "
	         "signatures: verdicts from before a change of others, or of clamd.conf, count until the ttl of [cache] "
	         "ends."},
	{.name = "cache_first", .type = PP_KEY_SIZE, .fallback = "1MiB", .min = 0, .max = 64 * 1024 * 1024,
	 .help = "Files up to this size are looked up in the cache before they are scanned, and are kept in memory for "
	         "that. A larger file is looked up only if an earlier step has asked for the digest of its bytes."},
	{.name = "allow_list", .type = PP_KEY_PATH,
	 .help = "A file with one SHA-256 of a file, or one full name of a signature, in each line. Behind a SHA-256, the "
	         "name of the file may follow, as sha256sum prints it. # begins a comment. A file that the scanner reports "
	         "continues if its digest is listed, or the name that the scanner reports. The service reads the list when "
	         "it starts, and when it is reloaded."},
	{.name = "block_list", .type = PP_KEY_PATH,
	 .help = "The same, for files that are infected, whatever the scanner says: those whose digest is listed, and "
	         "those that the scanner reports by a name that is listed. It outranks allow_list. If it has digests, "
	         "each file is read to its end, also if max_scan_size applies to it."},
	{.name = "debug_outcome", .type = PP_KEY_CHOICE, .fallback = "none", .choices = "none continue abort delete retry",
	 .environment = "ANTIVIRUS_DEBUG_SCAN_OUTCOME",
	 .help = "For tests of other services only: nothing is scanned. Each upload is reported as infected, and gets this "
	         "outcome."},
	{.name = NULL},
};
/* clang-format on */

/* How clamav_socket begins if it is a Unix socket. */
#define UNIX_ADDRESS "/ . unix:"

static const struct pp_need virusscan_needs[] = {
	{.kind = PP_NEED_UNIX, .key = "clamav_socket", .when = UNIX_ADDRESS},
	{.kind = PP_NEED_NETWORK, .key = "clamav_socket", .unless = UNIX_ADDRESS},
	{.kind = PP_NEED_NETWORK, .key = "scanner", .when = "icap"},
	{.kind = PP_NEED_PATH, .key = "icap_ca"},
	{.kind = PP_NEED_PATH, .key = "allow_list"},
	{.kind = PP_NEED_PATH, .key = "block_list"},
	{.kind = 0},
};

/* False after reject(). */
static bool read_list(const struct pp_host *host, struct pp_setup *setup, const char *key, struct name_list **list)
{
	char why[LIST_WHY_SIZE];
	const char *path = host->string(setup, key);
	if (path == NULL || *path == '\0')
		return true;
	*list = name_list_read(path, why, sizeof why);
	if (*list == NULL)
		host->reject(setup, key, "%s", why);
	return *list != NULL;
}

static void virusscan_destroy(void *instance)
{
	struct virusscan *scan = instance;
	if (scan->fleet != NULL)
		fleet_destroy(scan->fleet);
	name_list_free(scan->allowed);
	name_list_free(scan->blocked);
	free(scan);
}

static int virusscan_create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	static const struct scanner *const scanner[] = {&clamd_scanner, &icap_scanner};
	int64_t kind = host->number(setup, "scanner");
	if (kind < 0 || kind >= (int64_t)(sizeof scanner / sizeof scanner[0])) {
		host->reject(setup, "scanner", "the host passed a choice that virusscan does not know");
		return -1;
	}
	struct virusscan *scan = calloc(1, sizeof *scan);
	if (scan == NULL) {
		host->reject(setup, NULL, "out of memory");
		return -1;
	}
	scan->host = host;
	scan->max_size = host->number(setup, "max_scan_size");
	scan->skip_larger = host->number(setup, "max_scan_size_mode") == OVERSIZE_SKIP;
	scan->first_lookup = host->number(setup, "cache_first");
	scan->forced = host->number(setup, "debug_outcome");
	scan->untested = host->number(setup, "self_test") == 0;
	scan->lets_pass = host->number(setup, "on_exhausted") == 1;
	if (verdict_rules_read(&scan->rules, host, setup) && read_list(host, setup, "allow_list", &scan->allowed) &&
	    read_list(host, setup, "block_list", &scan->blocked))
		scan->fleet = fleet_create(host, setup, scanner[kind]);
	if (scan->fleet == NULL) {
		virusscan_destroy(scan);
		return -1;
	}
	fleet_use_lists(scan->fleet, scan->allowed, scan->blocked);
	scan->unused_count = unused_find(host, setup, virusscan_keys, scanner[kind], scan->unused);
	*instance = scan;
	return 0;
}

/* Names of viruses are ASCII; whatever else comes must not reach a log, nor break the JSON text. */
static void make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

/* Small files are loaded, so that their digest is known before they are scanned; of others it is computed meanwhile if
 * somebody needs it, and if one is known, as the bytes may have changed since. False: the bytes cannot be had. */
static bool prepare(const struct virusscan *scan, struct source *source)
{
	bool listed = name_list_has_digests(scan->allowed) || name_list_has_digests(scan->blocked);
	if (!listed && !fleet_caches(scan->fleet))
		return true;
	if (source->size >= 0 && source->size <= scan->first_lookup && !source->cut)
		return source_load(source);
	const char *known = source->cut ? NULL : scan->host->known_sha256(source->run);
	if (known != NULL)
		snprintf(source->sha256, sizeof source->sha256, "%s", known);
	return (known == NULL && !listed) || source_begin_digest(source);
}

/* A verdict that was given by the scanner, with its name and all. */
static struct verdict verdict_of(const struct report *report, int64_t took)
{
	return (struct verdict){.word = verdict_word(report->finding),
	                        .reason = report->text,
	                        .scanner = report->scanner,
	                        .version = report->version,
	                        .infected = report->finding == FINDING_INFECTED,
	                        .doubtful = report->finding != FINDING_INFECTED && report->finding != FINDING_CLEAN,
	                        .cached = report->cached,
	                        .bytes = report->bytes,
	                        .took = took};
}

#define REASON_SIZE (REPORT_TEXT_SIZE + 128)

/* What the administrator's lists say, if they say anything. */
static void apply_lists(const struct virusscan *scan, const struct source *source, const struct report *report,
                        struct verdict *verdict, char reason[REASON_SIZE])
{
	size_t blocked = name_list_find(scan->blocked, source->sha256), blocked_name = 0, allowed = 0;
	bool part = false;
	if (report->finding != FINDING_CLEAN) {
		blocked_name = name_list_find(scan->blocked, report->text);
		allowed = name_list_find(scan->allowed, source->sha256);
		part = allowed == 0 && source->cut;
		if (allowed == 0)
			allowed = name_list_find(scan->allowed, report->text);
	}
	if (blocked > 0 || blocked_name > 0) {
		snprintf(reason, REASON_SIZE, "%s%sblock_list line %zu", report->text, report->text[0] != '\0' ? ", " : "",
		         blocked > 0 ? blocked : blocked_name);
		verdict->word = verdict_word(FINDING_INFECTED);
		verdict->outcome = scan->rules.outcome[FINDING_INFECTED];
		verdict->infected = true;
		verdict->doubtful = false;
	} else if (allowed > 0) {
		/* That a name is allowed says nothing about what was not scanned. */
		snprintf(reason, REASON_SIZE, "%s (%s) is allowed by allow_list line %zu%s", report->text, verdict->word,
		         allowed, part ? "; only a part was scanned (max_scan_size)" : "");
		verdict->word = part ? verdict_word(FINDING_PARTIAL) : "allowed";
		verdict->outcome = part ? scan->rules.cut : PP_CONTINUE;
		verdict->infected = verdict->doubtful = false;
	} else {
		return;
	}
	verdict->reason = reason;
}

/* Has the digest if a list may need it: scanners give verdicts before they have seen the whole file, and max_scan_size
 * ends a scan. False: the bytes cannot be had. */
static bool find_digest(const struct virusscan *scan, struct source *source, const struct report *report)
{
	bool needed = name_list_has_digests(scan->blocked) ||
	              (report->finding != FINDING_CLEAN && name_list_has_digests(scan->allowed));
	return !needed || source_finish_digest(source);
}

static uint32_t decide(const struct virusscan *scan, struct pp_run *run, struct source *source, struct report *report,
                       int64_t took)
{
	char reason[REASON_SIZE];
	make_printable(report->text);
	make_printable(report->version);
	if (report->finding == FINDING_NONE) {
		scan->host->set_reason(run, "%s", report->text[0] != '\0' ? report->text : "the scanner gave no verdict");
		return PP_RETRY;
	}
	if (!find_digest(scan, source, report)) {
		scan->host->set_reason(run, "%s", source_error(source));
		return PP_RETRY;
	}
	struct verdict verdict = verdict_of(report, took);
	verdict.outcome = scan->rules.outcome[report->finding];
	if (source->cut && report->finding == FINDING_CLEAN) {
		/* Not in the Result: readers would not keep the scan then. */
		snprintf(reason, sizeof reason, "only the first %lld bytes were scanned (max_scan_size)",
		         (long long)scan->max_size);
		verdict.word = verdict_word(FINDING_PARTIAL);
		verdict.outcome = scan->rules.cut;
		verdict.reason = reason;
	}
	apply_lists(scan, source, report, &verdict, reason);
	return verdict_give(&verdict, scan->host, run);
}

/* The digest is listed: no scanner is asked. */
static bool is_blocked(const struct virusscan *scan, struct pp_run *run, const struct source *source, uint32_t *outcome)
{
	char reason[64];
	size_t line = name_list_find(scan->blocked, source->sha256);
	if (line == 0)
		return false;
	snprintf(reason, sizeof reason, "block_list line %zu", line);
	*outcome = verdict_give(&(struct verdict){.word = verdict_word(FINDING_INFECTED),
	                                          .outcome = scan->rules.outcome[FINDING_INFECTED],
	                                          .reason = reason,
	                                          .scanner = "",
	                                          .version = "",
	                                          .infected = true},
	                        scan->host, run);
	return true;
}

static uint32_t scan_source(struct virusscan *scan, struct pp_run *run, struct source *source)
{
	struct report report = {0};
	uint32_t outcome = PP_RETRY;
	int64_t begin = monotonic_now();
	if (!prepare(scan, source)) {
		scan->host->set_reason(run, "%s", source_error(source));
		return PP_RETRY;
	}
	if (is_blocked(scan, run, source, &outcome))
		return outcome;
	fleet_scan(scan->fleet, source, &report);
	return decide(scan, run, source, &report, monotonic_now() - begin);
}

/* What debug_outcome asks for, as the service does that had it first: a find that is none. */
static uint32_t force(const struct virusscan *scan, struct pp_run *run)
{
	static const uint32_t outcome[] = {[FORCED_CONTINUE] = PP_CONTINUE,
	                                   [FORCED_ABORT] = PP_ABORT,
	                                   [FORCED_DELETE] = PP_DELETE,
	                                   [FORCED_RETRY] = PP_RETRY};
	if (scan->forced == FORCED_RETRY) {
		scan->host->set_reason(run, "debug_outcome is retry");
		return PP_RETRY;
	}
	return verdict_give(&(struct verdict){.word = "infected",
	                                      .outcome = outcome[scan->forced],
	                                      .reason = "DEBUG: forced outcome",
	                                      .scanner = "",
	                                      .version = "",
	                                      .infected = true},
	                    scan->host, run);
}

/* The file is larger than what is scanned. */
static uint32_t skip(const struct virusscan *scan, struct pp_run *run, struct source *source)
{
	char reason[96];
	uint32_t outcome = PP_RETRY;
	if (name_list_has_digests(scan->blocked)) {
		if (!source_finish_digest(source)) {
			scan->host->set_reason(run, "%s", source_error(source));
			return PP_RETRY;
		}
		if (is_blocked(scan, run, source, &outcome))
			return outcome;
	}
	snprintf(reason, sizeof reason, "not scanned: %lld bytes are more than max_scan_size", (long long)source->size);
	return verdict_give(&(struct verdict){.word = "skipped",
	                                      .outcome = PP_CONTINUE,
	                                      .reason = reason,
	                                      .scanner = "",
	                                      .version = "",
	                                      .no_result = true},
	                    scan->host, run);
}

static uint32_t virusscan_run(void *instance, struct pp_run *run)
{
	struct virusscan *scan = instance;
	struct source source;
	if (scan->forced != FORCED_NONE)
		return force(scan, run);
	source_of_run(&source, scan->host, run, scan->max_size);
	bool skipped = scan->skip_larger && scan->max_size > 0 && source.size > scan->max_size;
	uint32_t outcome = skipped ? skip(scan, run, &source) : scan_source(scan, run, &source);
	source_clear(&source);
	return outcome;
}

/* Settings that let a virus through, or may do so. */
static void warn_of_risks(const struct virusscan *scan, struct pp_run *run)
{
	const struct pp_host *host = scan->host;
	if (scan->rules.outcome[FINDING_INFECTED] == PP_CONTINUE)
		host->log(run, PP_LOG_WARNING, "infected files are accepted (infected = continue)");
	if (scan->untested)
		host->log(run, PP_LOG_WARNING,
		          "scanners are not tested (self_test = 0): one that finds nothing any more goes unnoticed");
	if (scan->lets_pass)
		host->log(run, PP_LOG_WARNING,
		          "files on which no scanner gave a verdict are accepted after all retries (on_exhausted = continue)");
}

/* What the configuration means, once: the original service had only two verdicts. */
static void announce(struct virusscan *scan, struct pp_run *run)
{
	const struct pp_host *host = scan->host;
	char rules[VERDICT_RULES_SIZE];
	scan->announced = true;
	if (scan->forced != FORCED_NONE) {
		host->log(run, PP_LOG_WARNING,
		          "debug_outcome is set: NOTHING IS SCANNED, every upload is reported as infected");
		return;
	}
	verdict_rules_format(&scan->rules, scan->max_size > 0, rules);
	host->log(run, PP_LOG_INFO, "outcomes by verdict: %s (set by the keys of the same names)", rules);
	warn_of_risks(scan, run);
	for (size_t i = 0; i < scan->unused_count; i++)
		host->log(run, PP_LOG_WARNING, "%s is not used: %s", scan->unused[i].key, scan->unused[i].why);
	if (scan->max_size > 0)
		host->log(run, PP_LOG_WARNING, "a file larger than max_scan_size (%lld bytes) %s", (long long)scan->max_size,
		          scan->skip_larger                ? "is accepted without a scan"
		          : scan->rules.cut == PP_CONTINUE ? "is accepted after a scan of its first bytes"
		                                           : "is not accepted, even if nothing is found in its first bytes");
}

static int virusscan_check_run(void *instance, struct pp_run *run)
{
	struct virusscan *scan = instance;
	if (!scan->announced)
		announce(scan, run);
	return scan->forced != FORCED_NONE ? 0 : fleet_check(scan->fleet, run);
}

const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD,
	.name = "virusscan",
	.version = "1.0",
	.summary = "scans each upload for viruses",
	.keys = virusscan_keys,
	.create = virusscan_create,
	.run = virusscan_run,
	.destroy = virusscan_destroy,
	.needs = virusscan_needs,
	.check_run = virusscan_check_run,
};
