/* SPDX-License-Identifier: Apache-2.0
 * Step module: has each upload looked at by a virus scanner. Only a scanner's own verdict on all that was
 * to be scanned lets an upload on or ends it; whatever goes wrong is PP_RETRY. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "scanner.h"

#define SECOND_NANOS INT64_C(1000000000)

/* In the order of the key's choices; "truncate" is what the documentation of others calls "partial". */
enum { OVERSIZE_PARTIAL, OVERSIZE_SKIP, OVERSIZE_TRUNCATE };

struct virusscan {
	const struct pp_host *host;
	const struct scanner *scanner;
	void *state;          /* the scanner's */
	uint32_t on_infected; /* what run() returns then */
	uint32_t on_suspicious, on_blocked, on_unscannable;
	int64_t max_size; /* bytes; 0: all */
	bool skip_larger;
};

/* clang-format off */
static const struct pp_key virusscan_keys[] = {
	{.name = "scanner", .type = PP_KEY_CHOICE, .fallback = "clamav", .choices = "clamav icap",
	 .environment = "ANTIVIRUS_SCANNER_TYPE",
	 .help = "The kind of scanner. clamav: clamd, ClamAV's daemon. icap: any scanner behind an ICAP server."},
	{.name = "clamav_socket", .type = PP_KEY_STRING, .fallback = "/run/clamav/clamd.ctl",
	 .environment = "ANTIVIRUS_CLAMAV_SOCKET",
	 .help = "Where clamd listens: a path, unix:///path, host:port or tcp://host:port."},
	{.name = "icap_url", .type = PP_KEY_STRING, .fallback = "icap://127.0.0.1:1344",
	 .environment = "ANTIVIRUS_ICAP_URL",
	 .help = "Where the ICAP server listens: icap://host, icap://host:port, or with the service "
	         "icap://host:port/service. icaps:// in place of icap:// is with TLS; the server's certificate is always "
	         "verified. The port is 1344 by default, with TLS 11344."},
	{.name = "icap_service", .type = PP_KEY_STRING, .fallback = "avscan", .environment = "ANTIVIRUS_ICAP_SERVICE",
	 .help = "The name of the ICAP server's service, if icap_url does not have it."},
	{.name = "icap_ca", .type = PP_KEY_PATH,
	 .help = "The absolute path of a file with the certificates (PEM) that sign the ICAP server's, for icaps://. Default: "
	         "those of the system."},
	{.name = "infected", .type = PP_KEY_CHOICE, .fallback = "delete", .choices = "delete abort continue hold",
	 .environment = "ANTIVIRUS_INFECTED_FILE_HANDLING",
	 .help = "What to do with an infected file. delete: delete its bytes. abort: keep its bytes, but nobody can access "
	         "them. continue: go on to the next step. hold: keep the file out of reach until an administrator decides."},
	{.name = "suspicious", .type = PP_KEY_CHOICE, .fallback = "abort", .choices = "abort continue hold",
	 .help = "What to do with a file that clamd reports as Heuristics.* although it finds no known virus, for example "
	         "because the file is encrypted, broken or has macros. abort: keep its bytes, but nobody can access them. "
	         "continue: go on to the next step. hold: until an administrator decides. Such a file is never deleted."},
	{.name = "blocked", .type = PP_KEY_CHOICE, .fallback = "abort", .choices = "abort continue hold",
	 .help = "What to do with a file that an ICAP server blocks by its policy, without naming a virus, for example "
	         "because "
	         "of its type."},
	{.name = "unscannable", .type = PP_KEY_CHOICE, .fallback = "abort", .choices = "abort continue hold",
	 .help = "What to do with a file that an ICAP server says it could not scan, for example because it is encrypted or "
	         "too large for it."},
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
	{.name = NULL},
};
/* clang-format on */

/* How clamav_socket begins if it is a Unix socket. */
#define UNIX_ADDRESS "/ unix:"

static const struct pp_need virusscan_needs[] = {
	{.kind = PP_NEED_UNIX, .key = "clamav_socket", .when = UNIX_ADDRESS},
	{.kind = PP_NEED_NETWORK, .key = "clamav_socket", .unless = UNIX_ADDRESS},
	{.kind = PP_NEED_NETWORK, .key = "scanner", .when = "icap"},
	{.kind = PP_NEED_PATH, .key = "icap_ca"},
	{.kind = 0},
};

ssize_t source_read(struct source *source, const void **bytes)
{
	if (source->left == 0 && source->cut)
		return 0;
	ssize_t length = source->host->read(source->run, bytes);
	if (length <= 0 || source->left < 0)
		return length;
	if (length > source->left) {
		length = (ssize_t)source->left;
		source->cut = true;
	}
	source->left -= length;
	return length;
}

/* What run() returns for a finding, by the value of its key. False: rejected. */
static bool read_outcome(const struct pp_host *host, struct pp_setup *setup, const char *key, uint32_t *outcome)
{
	static const struct {
		const char *word;
		uint32_t outcome;
	} words[] = {{"delete", PP_DELETE}, {"abort", PP_ABORT}, {"continue", PP_CONTINUE}, {"hold", PP_HOLD}};
	const char *word = host->string(setup, key);
	for (size_t i = 0; word != NULL && i < sizeof words / sizeof words[0]; i++) {
		if (strcasecmp(word, words[i].word) == 0) {
			*outcome = words[i].outcome;
			return true;
		}
	}
	host->reject(setup, key, "the host passed a choice that virusscan does not know");
	return false;
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
	scan->scanner = scanner[kind];
	scan->max_size = host->number(setup, "max_scan_size");
	scan->skip_larger = host->number(setup, "max_scan_size_mode") == OVERSIZE_SKIP;
	bool good = read_outcome(host, setup, "infected", &scan->on_infected) &&
	            read_outcome(host, setup, "suspicious", &scan->on_suspicious) &&
	            read_outcome(host, setup, "blocked", &scan->on_blocked) &&
	            read_outcome(host, setup, "unscannable", &scan->on_unscannable);
	scan->state = good ? scan->scanner->create(host, setup) : NULL;
	if (scan->state == NULL) {
		free(scan);
		return -1;
	}
	*instance = scan;
	return 0;
}

static void virusscan_destroy(void *instance)
{
	struct virusscan *scan = instance;
	scan->scanner->destroy(scan->state);
	free(scan);
}

/* RFC 3339 in UTC. */
static bool format_time(int64_t time, char text[40])
{
	time_t seconds = (time_t)(time / SECOND_NANOS);
	struct tm tm;
	if (time < 0 || gmtime_r(&seconds, &tm) == NULL)
		return false;
	size_t used = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	int rest = snprintf(text + used, 40 - used, ".%09dZ", (int)(time % SECOND_NANOS));
	return used > 0 && rest > 0 && (size_t)rest < 40 - used;
}

/* Virus names are ASCII; whatever else comes must not reach a log, nor break the JSON text. */
static void make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

/* What readers of the Result take for a virus is that it says Infected, or has a Description. */
struct verdict {
	bool infected;
	const char *description, *error;
};

static char *quote(const char *text)
{
	json_t *string = json_string(text);
	char *quoted = string == NULL ? NULL : json_dumps(string, JSON_ENCODE_ANY);
	json_decref(string);
	return quoted;
}

/* Puts the Result together; the resource ID goes in as it came. */
static bool set_result(const struct virusscan *scan, struct pp_run *run, const struct verdict *verdict,
                       const char *resource)
{
	char when[40], *result = NULL, *description = quote(verdict->description), *error = quote(verdict->error);
	bool set = false;
	if (description != NULL && error != NULL && format_time(scan->host->now(run), when)) {
		size_t size = strlen(description) + strlen(error) + strlen(resource) + 256;
		result = malloc(size);
		if (result != NULL) {
			snprintf(result, size,
			         "{\"Infected\":%s,\"Description\":%s,\"Scandate\":\"%s\",\"ResourceID\":%s,"
			         "\"ErrorMsg\":%s,\"Timestamp\":null}",
			         verdict->infected ? "true" : "false", description, when, resource, error);
			set = scan->host->set_result(run, result) == 0;
		}
	}
	free(result);
	free(error);
	free(description);
	return set;
}

/* The verdict stands, whether its Result can be kept or not. */
static void keep_result(const struct virusscan *scan, struct pp_run *run, const struct verdict *verdict)
{
	const char *resource = scan->host->resource_id(run);
	if (set_result(scan, run, verdict, resource != NULL ? resource : "null"))
		return;
	if (set_result(scan, run, verdict, "null"))
		scan->host->log(run, PP_LOG_WARNING, "the Result omits the upload's ResourceID, which is too large");
	else
		scan->host->log(run, PP_LOG_WARNING, "the Result is omitted: cannot build it");
}

/* A word for people and for later steps. */
static void set_verdict(const struct virusscan *scan, struct pp_run *run, const char *word)
{
	if (PP_HOST_HAS(scan->host, set_verdict))
		scan->host->set_verdict(run, word, NULL);
}

/* No virus was found, but the file is not clean either. */
static uint32_t question(const struct virusscan *scan, struct pp_run *run, const char *word, const char *text,
                         uint32_t outcome)
{
	char reason[FINDING_TEXT_SIZE + 16];
	snprintf(reason, sizeof reason, "%s: %s", word, text);
	scan->host->log(run, PP_LOG_WARNING, "%s", reason);
	scan->host->set_reason(run, "%s", reason);
	set_verdict(scan, run, word);
	keep_result(scan, run, &(struct verdict){.description = "", .error = reason});
	return outcome;
}

static uint32_t decide(const struct virusscan *scan, struct pp_run *run, enum finding finding, const char *text)
{
	const struct pp_host *host = scan->host;
	switch (finding) {
	case FINDING_CLEAN:
		set_verdict(scan, run, "clean");
		keep_result(scan, run, &(struct verdict){.description = "", .error = ""});
		return PP_CONTINUE;
	case FINDING_INFECTED:
		host->log(run, PP_LOG_WARNING, "infected: %s", text);
		host->set_reason(run, "infected: %s", text);
		set_verdict(scan, run, "infected");
		keep_result(scan, run, &(struct verdict){.infected = true, .description = text, .error = ""});
		return scan->on_infected;
	case FINDING_SUSPICIOUS:
		return question(scan, run, "suspicious", text, scan->on_suspicious);
	case FINDING_BLOCKED:
		return question(scan, run, "blocked", text, scan->on_blocked);
	case FINDING_UNSCANNABLE:
		return question(scan, run, "unscannable", text, scan->on_unscannable);
	case FINDING_NONE:
		break;
	}
	host->set_reason(run, "%s", text[0] != '\0' ? text : "the scanner gave no verdict");
	return PP_RETRY;
}

static uint32_t virusscan_run(void *instance, struct pp_run *run)
{
	const struct virusscan *scan = instance;
	const struct pp_host *host = scan->host;
	int64_t announced = host->filesize(run); /* -1: unknown */
	bool larger = scan->max_size > 0 && announced > scan->max_size, perhaps = scan->max_size > 0 && announced < 0;
	struct source source = {.host = host, .run = run, .left = larger || perhaps ? scan->max_size : -1, .cut = larger};
	char text[FINDING_TEXT_SIZE];
	if (larger && scan->skip_larger) {
		/* No Result: nothing was found out about the file. */
		host->log(run, PP_LOG_WARNING, "not scanned: %lld bytes exceed max_scan_size", (long long)announced);
		host->set_reason(run, "not scanned: larger than max_scan_size");
		return PP_CONTINUE;
	}
	enum finding finding = scan->scanner->scan(scan->state, &source, text);
	make_printable(text);
	if (source.cut && finding == FINDING_CLEAN) {
		/* Not in the Result's Description: readers take one that is not empty for a virus's name. */
		snprintf(text, sizeof text, "only the first %lld bytes were scanned (max_scan_size)",
		         (long long)scan->max_size);
		host->log(run, PP_LOG_WARNING, "%s", text);
		host->set_reason(run, "%s", text);
	}
	return decide(scan, run, finding, text);
}

static int virusscan_check(void *instance, char *why, size_t size)
{
	const struct virusscan *scan = instance;
	return scan->scanner->check(scan->state, why, size);
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
	.check = virusscan_check,
	.needs = virusscan_needs,
};
