/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SECOND_NANOS INT64_C(1000000000)

static const char *const finding_word[FINDING_COUNT] = {[FINDING_CLEAN] = "clean",
                                                        [FINDING_INFECTED] = "infected",
                                                        [FINDING_BLOCKED] = "blocked",
                                                        [FINDING_SUSPICIOUS] = "suspicious",
                                                        [FINDING_ENCRYPTED] = "encrypted",
                                                        [FINDING_PARTIAL] = "partial",
                                                        [FINDING_UNSCANNABLE] = "unscannable"};

static const struct {
	const char *word;
	uint32_t outcome;
} outcome_word[] = {{"delete", PP_DELETE},
                    {"abort", PP_ABORT},
                    {"continue", PP_CONTINUE},
                    {"hold", PP_HOLD},
                    {"quarantine", VERDICT_QUARANTINE}};

#define OUTCOME_WORDS (sizeof outcome_word / sizeof outcome_word[0])

const char *verdict_word(enum finding finding)
{
	return finding_word[finding];
}

/* By the value of a key. False: rejected. */
static bool read_outcome(const struct pp_host *host, struct pp_setup *setup, const char *key, const char *word,
                         uint32_t *outcome)
{
	size_t i = 0;
	while (word != NULL && i < OUTCOME_WORDS && strcasecmp(word, outcome_word[i].word) != 0)
		i++;
	if (word == NULL || i == OUTCOME_WORDS) {
		host->reject(setup, key, "the host passed a choice that virusscan does not know");
		return false;
	}
	*outcome = outcome_word[i].outcome;
	if (*outcome != VERDICT_QUARANTINE)
		return true;
	if (host->number(setup, "quarantine") != 1) {
		host->reject(setup, key, "the service has no quarantine: set folder and public_key in [quarantine]");
		return false;
	}
	if (host->number(setup, "on_exhausted") != 1)
		return true;
	host->reject(setup, key,
	             "a file of which no copy can be made would go on to the next step: set on_exhausted = abort");
	return false;
}

bool verdict_rules_read(struct verdict_rules *rules, const struct pp_host *host, struct pp_setup *setup)
{
	const char *partial = host->string(setup, "partial");
	rules->outcome[FINDING_CLEAN] = PP_CONTINUE;
	for (int finding = FINDING_INFECTED; finding < FINDING_COUNT; finding++) {
		const char *key = finding_word[finding], *word = host->string(setup, key);
		/* Unset is two things: a limit of the scanner's was not asked for, but max_scan_size was. */
		if (finding == FINDING_PARTIAL && word == NULL)
			word = "abort";
		if (!read_outcome(host, setup, key, word, &rules->outcome[finding]))
			return false;
	}
	rules->cut = partial != NULL ? rules->outcome[FINDING_PARTIAL] : PP_CONTINUE;
	return true;
}

static const char *format_outcome(uint32_t outcome)
{
	for (size_t i = 0; i < OUTCOME_WORDS; i++)
		if (outcome_word[i].outcome == outcome)
			return outcome_word[i].word;
	return "retry";
}

void verdict_rules_format(const struct verdict_rules *rules, bool cuts, char text[VERDICT_RULES_SIZE])
{
	size_t used = 0;
	for (int finding = FINDING_CLEAN; finding < FINDING_COUNT && used < VERDICT_RULES_SIZE; finding++) {
		used += (size_t)snprintf(text + used, VERDICT_RULES_SIZE - used, "%s%s: %s", used > 0 ? ", " : "",
		                         finding_word[finding], format_outcome(rules->outcome[finding]));
		if (finding == FINDING_PARTIAL && cuts && rules->cut != rules->outcome[finding] && used < VERDICT_RULES_SIZE)
			used +=
				(size_t)snprintf(text + used, VERDICT_RULES_SIZE - used,
			                     " (by a limit of the scanner) or %s (by max_scan_size)", format_outcome(rules->cut));
	}
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

static char *quote(const char *text)
{
	json_t *string = json_string(text);
	char *quoted = string == NULL ? NULL : json_dumps(string, JSON_ENCODE_ANY);
	json_decref(string);
	return quoted;
}

/* Puts the Result together; the resource ID goes in as it came. What readers take for a virus is that it says
 * Infected, or has a Description. */
static bool set_result(const struct verdict *verdict, const char *doubt, const struct pp_host *host, struct pp_run *run,
                       const char *resource)
{
	char when[40], *result = NULL, *description = quote(verdict->infected ? verdict->reason : ""),
				   *error = quote(doubt);
	bool set = false;
	if (description != NULL && error != NULL && format_time(host->now(run), when)) {
		size_t size = strlen(description) + strlen(error) + strlen(resource) + 256;
		result = malloc(size);
		if (result != NULL) {
			snprintf(result, size,
			         "{\"Infected\":%s,\"Description\":%s,\"Scandate\":\"%s\",\"ResourceID\":%s,"
			         "\"ErrorMsg\":%s,\"Timestamp\":null}",
			         verdict->infected ? "true" : "false", description, when, resource, error);
			set = host->set_result(run, result) == 0;
		}
	}
	free(result);
	free(error);
	free(description);
	return set;
}

/* The verdict stands, whether its Result can be kept or not. */
static void keep_result(const struct verdict *verdict, const char *reason, const struct pp_host *host,
                        struct pp_run *run)
{
	const char *resource = host->resource_id(run), *doubt = verdict->doubtful ? reason : "";
	if (set_result(verdict, doubt, host, run, resource != NULL ? resource : "null"))
		return;
	if (set_result(verdict, doubt, host, run, "null"))
		host->log(run, PP_LOG_WARNING, "the Result omits the upload's ResourceID, which is too large");
	else
		host->log(run, PP_LOG_WARNING, "the Result is omitted: cannot build it");
}

/* For people and for later steps. */
static void keep_details(const struct verdict *verdict, const struct pp_host *host, struct pp_run *run)
{
	int64_t milliseconds = verdict->took / 1000000;
	json_t *details = json_object();
	char *text = NULL;
	int bad = details == NULL;
	if (!bad && verdict->reason[0] != '\0')
		bad |= json_object_set_new(details, "reason", json_string(verdict->reason));
	if (!bad && verdict->scanner[0] != '\0')
		bad |= json_object_set_new(details, "scanner", json_string(verdict->scanner));
	if (!bad && verdict->version[0] != '\0')
		bad |= json_object_set_new(details, "version", json_string(verdict->version));
	if (!bad && verdict->scanner[0] != '\0') {
		if (verdict->bytes >= 0)
			bad |= json_object_set_new(details, "bytes", json_integer(verdict->bytes));
		bad |= json_object_set_new(details, "seconds", json_real((double)milliseconds / 1000));
	}
	if (!bad && verdict->cached)
		bad |= json_object_set_new(details, "cached", json_true());
	if (!bad)
		text = json_dumps(details, JSON_COMPACT | JSON_REAL_PRECISION(9));
	host->set_verdict(run, verdict->word, text);
	free(text);
	json_decref(details);
}

static void log_verdict(const struct verdict *verdict, const char *reason, const struct pp_host *host,
                        struct pp_run *run)
{
	bool clean = strcmp(verdict->word, "clean") == 0;
	if (verdict->scanner[0] == '\0')
		host->log(run, PP_LOG_WARNING, "%s", reason);
	else
		host->log(run, clean ? PP_LOG_DEBUG : PP_LOG_WARNING, "%s (%lld bytes in %.3f s; %s%s%s%s)",
		          clean ? "clean" : reason, (long long)verdict->bytes, (double)verdict->took / 1e9, verdict->scanner,
		          verdict->version[0] != '\0' ? "; " : "", verdict->version, verdict->cached ? "; from the cache" : "");
}

/* With all that was said so far. */
static bool quarantine(const char *reason, const struct pp_host *host, struct pp_run *run)
{
	if (host->quarantine(run) == 0)
		return true;
	host->set_reason(run, "%.60s, but %s", reason, host->read_error(run));
	return false;
}

uint32_t verdict_give(const struct verdict *verdict, const struct pp_host *host, struct pp_run *run)
{
	char reason[REPORT_TEXT_SIZE + 64], counter[40];
	snprintf(reason, sizeof reason, "%s%s%s", verdict->word, verdict->reason[0] != '\0' ? ": " : "", verdict->reason);
	log_verdict(verdict, reason, host, run);
	if (verdict->reason[0] != '\0')
		host->set_reason(run, "%s", reason);
	keep_details(verdict, host, run);
	/* The verdict counts once the copy is there. */
	if (verdict->outcome == VERDICT_QUARANTINE && !quarantine(reason, host, run))
		return PP_RETRY;
	if (!verdict->no_result)
		keep_result(verdict, reason, host, run);
	snprintf(counter, sizeof counter, "files_%.32s", verdict->word);
	host->count(run, counter, 1);
	if (verdict->cached)
		host->count(run, "cached_verdicts", 1);
	return verdict->outcome == VERDICT_QUARANTINE ? PP_ABORT : verdict->outcome;
}
