/* SPDX-License-Identifier: Apache-2.0
 * Step module: asks a service on the web about each upload. Only its own complete answer is a verdict; whatever goes
 * wrong is PP_RETRY. */
#define PP_STEP_NEEDS_MINOR 1u
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"
#include "signature.h"

#define SECOND_NANOS INT64_C(1000000000)
#define LONGEST_WAIT (24 * 3600) /* of Retry-After, seconds */
#define ID_SIZE 256

/* In the order of the key's choices. */
enum { SEND_FACTS, SEND_BYTES };

struct http {
	const struct pp_host *host;
	char *step;
	struct endpoint endpoint;
	struct secret secret;
	int64_t send, timeout, max_wait;
};

/* clang-format off */
static const struct pp_key http_keys[] = {
	{.name = "url", .type = PP_KEY_STRING, .required = 1,
	 .help = "The address that each upload is posted to. Redirections are not followed, and certificates are always "
	         "verified."},
	{.name = "send", .type = PP_KEY_CHOICE, .fallback = "facts", .choices = "facts bytes",
	 .help = "What the body of the request is. facts: what is known of the upload, as JSON. bytes: the upload's "
	         "bytes; the facts are in the header postprocessing-facts."},
	{.name = "secret", .type = PP_KEY_SECRET,
	 .help = "The key of the signature that each request has: whsec_ and base64, or another text. Default: requests "
	         "have no signature."},
	{.name = "ca_file", .type = PP_KEY_PATH,
	 .help = "The absolute path of a file with the certificates (PEM) that sign the server's. Default: those of the "
	         "system."},
	{.name = "timeout", .type = PP_KEY_DURATION, .fallback = "1m", .min = 1000000, .max = 24 * 3600 * SECOND_NANOS,
	 .help = "How long a request may take, until its whole answer is there."},
	{.name = NULL},
};
/* clang-format on */

static const struct pp_need http_needs[] = {
	{.kind = PP_NEED_NETWORK},
	{.kind = PP_NEED_PATH, .key = "ca_file"},
	{.kind = 0},
};

static bool take_secret(struct http *http, struct pp_setup *setup)
{
	const struct pp_host *host = http->host;
	const char *text = host->string(setup, "secret");
	if (text == NULL || secret_parse(&http->secret, text))
		return true;
	host->reject(setup, "secret", "expected whsec_ and base64, or a text of at most %d bytes", SECRET_SIZE);
	return false;
}

static void http_destroy(void *instance)
{
	struct http *http = instance;
	endpoint_free(&http->endpoint);
	secret_clear(&http->secret);
	free(http->step);
	free(http);
}

static int http_create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	const char *why = NULL;
	struct http *http = calloc(1, sizeof *http);
	if (http == NULL) {
		host->reject(setup, NULL, "out of memory");
		return -1;
	}
	http->host = host;
	http->send = host->number(setup, "send");
	http->timeout = host->number(setup, "timeout");
	http->max_wait = host->number(setup, "max_wait");
	http->step = strdup(host->step_name(setup));
	bool good = endpoint_init(&http->endpoint, host->string(setup, "url"), host->string(setup, "ca_file"), &why);
	if (http->step == NULL || !good)
		host->reject(setup, "url", "%s", why != NULL ? why : "out of memory");
	else
		good = take_secret(http, setup);
	if (!good || http->step == NULL) {
		http_destroy(http);
		return -1;
	}
	*instance = http;
	return 0;
}

/* The facts as JSON in ASCII, the resource ID as it came. The caller frees it; NULL: out of memory. */
static char *make_facts(const struct http *http, const struct pp_run *run)
{
	const struct pp_host *host = http->host;
	const char *resource = host->resource_id(run);
	json_t *facts =
		json_pack("{s:s?, s:s?, s:I, s:s, s:I, s:s?, s:s?}", "id", host->upload_id(run), "filename",
	              host->filename(run), "filesize", (json_int_t)host->filesize(run), "step", http->step, "attempt",
	              (json_int_t)host->attempt(run), "user_id", host->user_id(run), "space_id", host->space_id(run));
	if (facts != NULL && host->filesize(run) < 0)
		json_object_set_new(facts, "filesize", json_null());
	char *text = facts == NULL ? NULL : json_dumps(facts, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(facts);
	json_t *id = resource == NULL ? NULL : json_loads(resource, JSON_DECODE_ANY, NULL);
	char *ascii = id == NULL ? NULL : json_dumps(id, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	json_decref(id);
	size_t size = text == NULL ? 0 : strlen(text) + (ascii == NULL ? 4 : strlen(ascii)) + 32;
	char *whole = text == NULL ? NULL : malloc(size);
	if (whole != NULL)
		snprintf(whole, size, "%.*s,\"resource_id\":%s}", (int)strlen(text) - 1, text, ascii == NULL ? "null" : ascii);
	free(ascii);
	free(text);
	return whole;
}

/* The same for each attempt, so that the service can tell a repetition. It stands before a point in what is signed. */
static void make_id(const struct http *http, const struct pp_run *run, char id[ID_SIZE])
{
	snprintf(id, ID_SIZE, "%.150s_%.90s", http->host->upload_id(run), http->step);
	for (char *c = id; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || *c == '.')
			*c = '_';
}

static bool add_header(struct curl_slist **headers, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 3;
	char *line = malloc(size);
	struct curl_slist *grown = NULL;
	if (line != NULL) {
		snprintf(line, size, "%s:%s%s", name, value[0] != '\0' ? " " : "", value);
		grown = curl_slist_append(*headers, line);
	}
	free(line);
	if (grown != NULL)
		*headers = grown;
	return grown != NULL;
}

/* An empty value: libcurl does not send the header. */
static bool add_headers(const struct http *http, const struct pp_run *run, const char *facts,
                        struct curl_slist **headers)
{
	char id[ID_SIZE], timestamp[24], signature[SIGNATURE_SIZE];
	bool bytes = http->send == SEND_BYTES;
	make_id(http, run, id);
	snprintf(timestamp, sizeof timestamp, "%" PRId64, http->host->now(run) / SECOND_NANOS);
	bool good = add_header(headers, "Content-Type", bytes ? "application/octet-stream" : "application/json") &&
	            add_header(headers, "Expect", "") && add_header(headers, "webhook-id", id) &&
	            add_header(headers, "webhook-timestamp", timestamp) &&
	            (!bytes || add_header(headers, "postprocessing-facts", facts)) &&
	            (!bytes || http->host->filesize(run) >= 0 || add_header(headers, "Transfer-Encoding", "chunked"));
	if (good && http->secret.length > 0)
		good = signature_make(&http->secret, id, timestamp, facts, strlen(facts), signature) &&
		       add_header(headers, "webhook-signature", signature);
	return good;
}

static void keep_result(const struct http *http, struct pp_run *run, const json_t *result)
{
	char *text = result == NULL ? NULL : json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text != NULL)
		http->host->set_result(run, text);
	free(text);
}

static void explain(const struct http *http, struct pp_run *run, const json_t *verdict, const char *word)
{
	const struct pp_host *host = http->host;
	const char *name = http->endpoint.host;
	if (verdict == NULL)
		host->set_reason(run, "%s answered 200, but its answer is not JSON", name);
	else if (word == NULL)
		host->set_reason(run, "%s answered 200 without an outcome", name);
	else
		host->set_reason(
			run, "%s answered 200 with the outcome \"%.40s\", which is none of continue, abort, delete, hold and retry",
			name, word);
}

/* An answer with status 200. */
static uint32_t take_verdict(const struct http *http, struct pp_run *run, const struct answer *answer)
{
	static const struct {
		const char *word;
		uint32_t outcome;
	} words[] = {
		{"continue", PP_CONTINUE}, {"abort", PP_ABORT}, {"delete", PP_DELETE}, {"hold", PP_HOLD}, {"retry", PP_RETRY}};
	json_t *verdict = json_loadb(answer->text, answer->used, JSON_REJECT_DUPLICATES, NULL);
	const char *word = json_string_value(json_object_get(verdict, "outcome"));
	const char *reason = json_string_value(json_object_get(verdict, "reason"));
	for (size_t i = 0; word != NULL && i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(word, words[i].word) != 0)
			continue;
		if (reason != NULL)
			http->host->set_reason(run, "%s", reason);
		if (words[i].outcome != PP_RETRY)
			keep_result(http, run, json_object_get(verdict, "result"));
		json_decref(verdict);
		return words[i].outcome;
	}
	explain(http, run, verdict, word);
	json_decref(verdict);
	return PP_RETRY;
}

static uint32_t take_answer(const struct http *http, struct pp_run *run, const struct answer *answer)
{
	const struct pp_host *host = http->host;
	if (answer->status == 0) {
		host->set_reason(run, "%s", answer->error);
		return PP_RETRY;
	}
	if (answer->status == 204)
		return PP_CONTINUE;
	if (answer->status == 200)
		return take_verdict(http, run, answer);
	host->set_reason(run, "%s answered %ld", http->endpoint.host, answer->status);
	int64_t wait = answer->wait;
	if ((answer->status != 429 && answer->status != 503) || wait <= 0 || wait > LONGEST_WAIT ||
	    wait * SECOND_NANOS > http->max_wait)
		return PP_RETRY;
	host->wait_until(run, host->now(run) + wait * SECOND_NANOS);
	return PP_WAIT;
}

static uint32_t http_run(void *instance, struct pp_run *run)
{
	struct http *http = instance;
	const struct pp_host *host = http->host;
	int64_t left = host->deadline(run) - host->now(run);
	struct request request = {.host = host, .run = run, .timeout = left < http->timeout ? left : http->timeout};
	struct answer answer = {0};
	uint32_t outcome = PP_RETRY;
	char *facts = make_facts(http, run);
	if (facts != NULL && add_headers(http, run, facts, &request.headers)) {
		request.body = http->send == SEND_FACTS ? facts : NULL;
		request.length = http->send == SEND_FACTS ? (int64_t)strlen(facts) : host->filesize(run);
		endpoint_post(&http->endpoint, &request, &answer);
		outcome = take_answer(http, run, &answer);
	} else {
		host->set_reason(run, "out of memory");
	}
	curl_slist_free_all(request.headers);
	free(answer.text);
	free(facts);
	return outcome;
}

static int http_check(void *instance, char *why, size_t size)
{
	const struct http *http = instance;
	return endpoint_connect(&http->endpoint, why, size) ? 0 : -1;
}

const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD,        .name = "http",
	.version = "1.0",    .summary = "asks a service on the web about each upload",
	.keys = http_keys,   .create = http_create,
	.run = http_run,     .destroy = http_destroy,
	.check = http_check, .needs = http_needs,
};
