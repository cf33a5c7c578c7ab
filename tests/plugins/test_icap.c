/* SPDX-License-Identifier: Apache-2.0
 * The module with a scripted ICAP server: what real ones answer, and what none should. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/folder.h"
#include "tests/harness/suite.h"
#include "tests/plugins/icap_server.h"
#include "tests/plugins/scan.h"

#define OPTIONS(more) \
	"ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nISTag: \"A-1\"\r\n" more "Encapsulated: null-body=0\r\n\r\n"
#define NO_CONTENT "ICAP/1.0 204 Unmodified\r\nISTag: \"A-1\"\r\n\r\n"
#define HTTP_200 "HTTP/1.1 200 OK\r\n\r\n"
#define HTTP_403 "HTTP/1.1 403 Forbidden\r\n\r\n"
#define ICAP_200(fields) "ICAP/1.0 200 OK\r\nISTag: \"A-1\"\r\n" fields
#define BODY_HELLO "5\r\nhello\r\n0\r\n\r\n"

static struct icap_server server;
static struct pp_run run;

static void *begin(const char *value)
{
	icap_server_start(&server);
	return create_icap(server.url, value);
}

static void end(void *instance)
{
	pp_step_module.destroy(instance);
	icap_server_stop(&server);
}

/* One file, "hello", and the server's answer. */
static uint32_t ask(const char *options, const char *answer, const char *value)
{
	server = (struct icap_server){.options = options, .answer = answer, .closes = true};
	void *instance = begin(value);
	stub_run_init(&run, "hello", 5);
	uint32_t outcome = scan(instance, &run);
	end(instance);
	return outcome;
}

static const struct {
	const char *options, *answer;
	uint32_t outcome;
	const char *text; /* in the reason, or in the Result if there is one */
} answers[] = {
	{OPTIONS("Allow: 204\r\n"), NO_CONTENT, PP_CONTINUE, "\"Infected\":false"},
	{OPTIONS("Allow: 204\r\nPreview: 1024\r\n"), NO_CONTENT, PP_CONTINUE, "\"Infected\":false"},
	{OPTIONS("Allow: 204\r\nPreview: 0\r\n"), NO_CONTENT, PP_CONTINUE, "\"Infected\":false"},
	/* In answer to a preview it is always allowed. */
	{OPTIONS("Preview: 1024\r\n"), NO_CONTENT, PP_CONTINUE, "\"Infected\":false"},
	{OPTIONS(""), NO_CONTENT, PP_RETRY, "answered 204, which it was not allowed to"},
	/* The same bytes. */
	{OPTIONS(""), ICAP_200("Encapsulated: res-hdr=0, res-body=19\r\n\r\n") HTTP_200 BODY_HELLO, PP_CONTINUE,
     "\"Infected\":false"},
	{OPTIONS("Allow: 204\r\n"),
     ICAP_200("Encapsulated: res-hdr=0, res-body=19\r\n\r\n") HTTP_200
     "2;x=y\r\nhe\r\n03\r\nllo\r\n0\r\nTrailer: x\r\n\r\n",
     PP_CONTINUE, "\"Infected\":false"},
	/* Others, or none. */
	{OPTIONS(""), ICAP_200("Encapsulated: res-hdr=0, res-body=19\r\n\r\n") HTTP_200 "5\r\nhellO\r\n0\r\n\r\n", PP_RETRY,
     "without the same bytes"},
	{OPTIONS(""), ICAP_200("Encapsulated: res-hdr=0, res-body=19\r\n\r\n") HTTP_200 "4\r\nhell\r\n0\r\n\r\n", PP_RETRY,
     "without the same bytes"},
	{OPTIONS(""), ICAP_200("Encapsulated: res-hdr=0, null-body=19\r\n\r\n") HTTP_200, PP_RETRY,
     "without the same bytes"},
	{OPTIONS(""), ICAP_200("\r\n"), PP_RETRY, "without the same bytes"},
	/* c-icap, as it answers. */
	{OPTIONS("Allow: 204\r\n"),
     ICAP_200("X-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test.UNOFFICIAL;\r\n"
              "X-Violations-Found: 1\r\n\t-\r\n\tEicar-Test.UNOFFICIAL\r\n\t0\r\n\t0\r\n"
              "Encapsulated: res-hdr=0, res-body=26\r\n\r\n") HTTP_403 BODY_HELLO,
     PP_DELETE, "\"Infected\":true,\"Description\":\"Eicar-Test.UNOFFICIAL\""},
	/* What was found outranks the status. */
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=0; Resolution=0; Threat=Bad;\r\n\r\n",
     PP_DELETE, "\"Description\":\"Bad\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Virus-ID: Worm.A\r\n\r\n", PP_DELETE,
     "\"Description\":\"Worm.A\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Virus-Name: Worm.B\r\n\r\n", PP_DELETE,
     "\"Description\":\"Worm.B\""},
	{OPTIONS("Allow: 204\r\n"),
     "ICAP/1.0 204 OK\r\nX-Violations-Found: 1\r\n file.exe\r\n Trojan.C\r\n 12\r\n 1\r\n\r\n", PP_DELETE,
     "\"Description\":\"Trojan.C\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 500 Error\r\nX-Virus-ID: Worm.D\r\n\r\n", PP_DELETE,
     "\"Description\":\"Worm.D\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Violations-Found: 0\r\n\r\n", PP_CONTINUE, "\"Infected\":false"},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=1; Resolution=2; Threat=macro;\r\n\r\n",
     PP_ABORT, "\"ErrorMsg\":\"blocked: macro\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=2; Resolution=0; Threat=encrypted;\r\n\r\n",
     PP_ABORT, "\"ErrorMsg\":\"unscannable: encrypted\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 200 OK\r\nX-Block-Reason: no archives\r\n\r\n", PP_ABORT,
     "\"ErrorMsg\":\"blocked: no archives\""},
	/* Blanks at the end, or before the colon. */
	{OPTIONS("Allow: 204 \r\n"), "ICAP/1.0 204 OK \r\nX-Violations-Found: 0 \r\n\r\n", PP_CONTINUE,
     "\"Infected\":false"},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=1 ; Threat=macro \r\n\r\n", PP_ABORT,
     "\"ErrorMsg\":\"blocked: macro\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Infection-Found : Type=0; Threat=Bad;\r\n\r\n", PP_DELETE,
     "\"Description\":\"Bad\""},
	/* Several of them, and a type that nobody knows. */
	{OPTIONS("Allow: 204\r\n"),
     "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=0; Threat=Bad;\r\nX-Infection-Found: Type=2; Threat=large;\r\n\r\n",
     PP_DELETE, "\"Description\":\"Bad\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=3; Threat=odd;\r\n\r\n", PP_ABORT,
     "\"ErrorMsg\":\"blocked: odd\""},
	{OPTIONS("Allow: 204\r\n"),
     "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=0; Threat=Bad;\r\nX-Infection-Found: Type=0; Threat=Worse;\r\n\r\n",
     PP_DELETE, "\"Description\":\"Bad, Worse\""},
	{OPTIONS("Allow: 204\r\n"),
     "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=0; Threat=Heuristics.Odd;\r\n"
     "X-Infection-Found: Type=0; Threat=Worse;\r\n\r\n",
     PP_DELETE, "\"Description\":\"Heuristics.Odd, Worse\""},
	{OPTIONS("Allow: 204\r\n"),
     "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=0; Threat=Bad;\r\n"
     "X-Violations-Found: 2\r\n\ta\r\n\tBad\r\n\t0\r\n\t0\r\n\tb\r\n\tWorse\r\n\t0\r\n\t0\r\n\r\n",
     PP_DELETE, "\"Description\":\"Bad, Worse\""},
	{OPTIONS("Allow: 204\r\n"),
     "ICAP/1.0 204 OK\r\nX-Violations-Found: 2\r\n\ta\r\n\tBad\r\n\t0\r\n\t0\r\n\tb\r\n\tBad\r\n\t0\r\n\t0\r\n\r\n",
     PP_DELETE, "\"Description\":\"Bad\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Violations-Found: 3\r\n\ta\r\n\tBad\r\n\t0\r\n\t0\r\n\r\n",
     PP_DELETE, "\"Description\":\"Bad, others\""},
	/* Kaspersky, as it is reported. */
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 200 OK\r\nX-Virus-ID: no threats\r\nX-Response-Info: blocked\r\n\r\n",
     PP_ABORT, "\"ErrorMsg\":\"blocked: "},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Response-Info: passed\r\n\r\n", PP_CONTINUE,
     "\"Infected\":false"},
	/* MetaDefender, from its documentation. */
	{OPTIONS("Allow: 204\r\n"),
     "ICAP/1.0 200 OK\r\nX-Blocked-Reason: Encrypted Archive\r\nX-Response-Info: Blocked\r\n\r\n", PP_ABORT,
     "\"ErrorMsg\":\"blocked: Encrypted Archive\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Blocked: False\r\nX-Response-Info: Allowed\r\n\r\n", PP_CONTINUE,
     "\"Infected\":false"},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Blocked: true\r\n\r\n", PP_ABORT, "\"ErrorMsg\":\"blocked: "},
	/* F-Secure, as public clients read it. */
	{OPTIONS("Allow: 204\r\n"),
     ICAP_200("X-FSecure-Scan-Result: infected\r\nX-FSecure-Infection-Name: \"Malware.W97M/Agent\"\r\n"
              "Encapsulated: res-hdr=0, res-body=19\r\n\r\n") HTTP_200 BODY_HELLO,
     PP_DELETE, "\"Infected\":true,\"Description\":\"Malware.W97M/Agent\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-FSecure-Scan-Result: clean\r\n\r\n", PP_CONTINUE,
     "\"Infected\":false"},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-FSecure-Scan-Result: suspicious\r\n\r\n", PP_ABORT,
     "\"ErrorMsg\":\"suspicious: the scanner calls the file suspicious"},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Av-Scan-Result: Infected\r\n\r\n", PP_DELETE,
     "\"Infected\":true,\"Description\":\"a threat without a name\""},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Av-Scan-Result: grey\r\n\r\n", PP_RETRY,
     "calls its result \"grey\", which is not known"},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nX-Av-Scan-Result: \r\n\r\n", PP_RETRY,
     "calls its result \"no word\", which is not known"},
	/* A page of the server's own. */
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 OK\r\nEncapsulated: res-hdr=0, res-body=26\r\n\r\n" HTTP_403 BODY_HELLO,
     PP_RETRY, "answered 204, and sent a page"},
	{OPTIONS("Allow: 204\r\n"), ICAP_200("Encapsulated: res-hdr=0, res-body=26\r\n\r\n") HTTP_403 BODY_HELLO, PP_ABORT,
     "\"ErrorMsg\":\"blocked: the server sent a page of its own"},
	/* No verdicts. */
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 404 Service not found\r\n\r\n", PP_RETRY, "answered 404"},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 500 Server error\r\n\r\n", PP_RETRY, "answered 500"},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 100 Continue\r\n\r\n", PP_RETRY, "answered 100"},
	{OPTIONS("Allow: 204\r\n"), "HTTP/1.1 204 No Content\r\n\r\n", PP_RETRY, "no ICAP answer"},
	{OPTIONS("Allow: 204\r\n"), "220 mail.example ESMTP\r\n\r\n", PP_RETRY, "no ICAP answer"},
	{OPTIONS("Allow: 204\r\n"), NO_CONTENT NO_CONTENT, PP_RETRY, "sent more than its answer"},
	{OPTIONS("Allow: 204\r\n"), NULL, PP_RETRY, "closed the connection before it had answered"},
	{OPTIONS("Allow: 204\r\n"), "ICAP/1.0 204 Unmod", PP_RETRY, "closed the connection before it had answered"},
	{OPTIONS(""), ICAP_200("Encapsulated: res-hdr=0, res-body=19\r\n\r\n") HTTP_200 "5\r\nhel", PP_RETRY,
     "closed the connection before it had answered"},
	{OPTIONS(""), ICAP_200("Encapsulated: res-hdr=0, res-body=19\r\n\r\n") HTTP_200 "x\r\nhello", PP_RETRY,
     "a chunk with an invalid size"},
	{OPTIONS(""), ICAP_200("Encapsulated: res-hdr=0, res-body=19\r\n\r\n") HTTP_200 "5\r\nhello!\r\n", PP_RETRY,
     "a chunk is longer than its size"},
	{OPTIONS(""), ICAP_200("Encapsulated: res-hdr=9, res-body=1\r\n\r\n"), PP_RETRY, "an invalid Encapsulated header"},
	{OPTIONS(""), ICAP_200("Encapsulated: res-hdr=0, res-body=999999999\r\n\r\n"), PP_RETRY,
     "an invalid Encapsulated header"},
	/* What is wrong with the service. */
	{"ICAP/1.0 404 Service not found\r\n\r\n", NO_CONTENT, PP_RETRY, "it has no service \"scan\" (icap_url)"},
	{"ICAP/1.0 200 OK\r\nMethods: FILEMOD\r\nEncapsulated: null-body=0\r\n\r\n", NO_CONTENT, PP_RETRY,
     "offers no scan"},
	{NULL, NO_CONTENT, PP_RETRY, "closed the connection before it had answered"},
};

START_TEST(what_answers_mean)
{
	uint32_t outcome = ask(answers[_i].options, answers[_i].answer, NULL);
	ck_assert_msg(outcome == answers[_i].outcome, "%s: %u, %s %s", answers[_i].answer, (unsigned)outcome, run.reason,
	              run.result);
	const char *text = outcome == PP_RETRY ? run.reason : run.result;
	ck_assert_msg(strstr(text, answers[_i].text) != NULL, "%s: %s", answers[_i].answer, text);
}
END_TEST

START_TEST(what_is_done_then)
{
	static const char block[] = "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=1; Resolution=2; Threat=macro;\r\n\r\n",
					  large[] = "ICAP/1.0 204 OK\r\nX-Infection-Found: Type=2; Resolution=2; Threat=large;\r\n\r\n",
					  virus[] = "ICAP/1.0 204 OK\r\nX-Virus-ID: Worm\r\n\r\n";
	ck_assert_uint_eq(ask(OPTIONS("Allow: 204\r\n"), block, "blocked=continue"), PP_CONTINUE);
	ck_assert_uint_eq(ask(OPTIONS("Allow: 204\r\n"), block, "blocked=hold"), PP_HOLD);
	ck_assert_uint_eq(ask(OPTIONS("Allow: 204\r\n"), large, "unscannable=hold"), PP_HOLD);
	ck_assert_uint_eq(ask(OPTIONS("Allow: 204\r\n"), large, "infected=continue"), PP_ABORT);
	ck_assert_uint_eq(ask(OPTIONS("Allow: 204\r\n"), virus, "infected=hold"), PP_HOLD);
	ck_assert_uint_eq(ask(OPTIONS("Allow: 204\r\n"), virus, "infected=abort"), PP_ABORT);
}
END_TEST

/* The request, byte for byte. */
START_TEST(requests)
{
	char expected[1024];
	server = (struct icap_server){.options = OPTIONS("Allow: 204\r\nPreview: 3\r\n"),
	                              .preview = "ICAP/1.0 100 Continue\r\n\r\n",
	                              .answer = NO_CONTENT};
	void *instance = begin(NULL);
	const char *host = strstr(server.url, "127");
	stub_run_init(&run, "hello", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	snprintf(expected, sizeof expected,
	         "RESPMOD icap://%s ICAP/1.0\r\nHost: %.*s\r\nUser-Agent: postprocessing\r\nAllow: 204\r\nPreview: 3\r\n"
	         "Encapsulated: req-hdr=0, res-hdr=49, res-body=127\r\n\r\n"
	         "GET http://upload/stub HTTP/1.1\r\nHost: upload\r\n\r\n"
	         "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 5\r\n\r\n"
	         "3\r\nhel\r\n0\r\n\r\n2\r\nlo\r\n0\r\n\r\n",
	         host, (int)strcspn(host, "/"), host);
	ck_assert_str_eq(server.request, expected);
	/* The connection is used again, and the options are known. */
	stub_run_init(&run, "hel", 3);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	ck_assert_ptr_nonnull(strstr(server.request, "3\r\nhel\r\n0; ieof\r\n\r\n"));
	ck_assert_uint_eq(server.connections, 1);
	ck_assert_uint_eq(server.asked, 1);
	ck_assert_uint_eq(server.requests, 2);
	end(instance);
}
END_TEST

/* A server that wants no more than the preview: the connection is used again. */
START_TEST(answers_to_previews)
{
	server = (struct icap_server){.options = OPTIONS("Preview: 3\r\n"), .preview = NO_CONTENT, .answer = NO_CONTENT};
	void *instance = begin(NULL);
	for (unsigned i = 0; i < 3; i++) {
		stub_run_init(&run, "hello", 5);
		ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	}
	ck_assert_uint_eq(server.requests, 3);
	ck_assert_uint_eq(server.connections, 1);
	end(instance);
}
END_TEST

/* After the preview, 204 is an answer only if the server offered it. */
START_TEST(the_rest_of_a_preview)
{
	server = (struct icap_server){
		.options = OPTIONS("Preview: 3\r\n"), .preview = "ICAP/1.0 100 Continue\r\n\r\n", .answer = NO_CONTENT};
	void *instance = begin(NULL);
	stub_run_init(&run, "hello", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "answered 204, which it was not allowed to");
	end(instance);
}
END_TEST

/* It decided by the preview: that is what was scanned. */
START_TEST(bytes_of_a_preview)
{
	server = (struct icap_server){.options = OPTIONS("Preview: 3\r\n"), .preview = NO_CONTENT};
	void *instance = begin(NULL);
	stub_run_init(&run, "hello", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	assert_holds(run.details, "\"bytes\":3,");
	end(instance);
}
END_TEST

/* The server has seen the preview only, but the lists are about the whole file. */
START_TEST(lists_and_previews)
{
	static const struct {
		const char *key, *answer;
		uint32_t outcome;
	} table[] = {{"block_list", NO_CONTENT, PP_DELETE},
	             {"allow_list", NO_CONTENT, PP_CONTINUE},
	             {"allow_list", "ICAP/1.0 204 OK\r\nX-Virus-ID: Bad\r\n\r\n", PP_CONTINUE}};
	static const char digest[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n";
	char folder[FOLDER_PATH_SIZE], list[FOLDER_PATH_SIZE + 32];
	ck_assert(folder_create(folder));
	ck_assert(folder_write(folder, "list", digest, strlen(digest)));
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		server = (struct icap_server){.options = OPTIONS("Preview: 3\r\n"), .preview = table[i].answer};
		icap_server_start(&server);
		snprintf(list, sizeof list, "%s=%s/list", table[i].key, folder);
		const char *const values[] = {"scanner=icap", "self_test=0", "cache=0", "cache_first=0",
		                              server.url,     list,          NULL};
		void *instance = stub_create_with(values);
		stub_run_init(&run, "hello", 5);
		run.piece = 2;
		ck_assert_msg(scan(instance, &run) == table[i].outcome, "%zu: %s", i, run.reason);
		end(instance);
	}
	folder_remove(folder);
}
END_TEST

START_TEST(a_server_without_respmod)
{
	server = (struct icap_server){
		.options = "ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nAllow: 204\r\nEncapsulated: null-body=0\r\n\r\n",
		.answer = NO_CONTENT};
	void *instance = begin(NULL);
	stub_run_init(&run, "hello", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	ck_assert_msg(strncmp(server.request, "REQMOD ", 7) == 0 &&
	                  strstr(server.request, "PUT http://upload/stub") != NULL,
	              "%s", server.request);
	end(instance);
}
END_TEST

/* A kept connection that has ended in the meantime costs nothing. */
START_TEST(connections_that_end)
{
	server = (struct icap_server){.options = OPTIONS("Allow: 204\r\n"), .answer = NO_CONTENT, .closes = true};
	void *instance = begin(NULL);
	for (unsigned i = 0; i < 3; i++) {
		stub_run_init(&run, "hello", 5);
		ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	}
	end(instance);
}
END_TEST

/* An answer before all is sent: a find counts, anything else does not. */
START_TEST(early_answers)
{
	static const struct {
		const char *answer;
		uint32_t outcome;
	} table[] = {{"ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Bad;\r\n\r\n", PP_DELETE},
	             {NO_CONTENT, PP_RETRY}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		server = (struct icap_server){
			.options = OPTIONS("Allow: 204\r\n"), .answer = table[i].answer, .early = 3 * MEGABYTE};
		void *instance = begin(NULL);
		stub_run_init(&run, NULL, 64 * MEGABYTE);
		ck_assert_msg(scan(instance, &run) == table[i].outcome, "%s", run.reason);
		end(instance);
	}
}
END_TEST

START_TEST(bytes_that_cannot_be_had)
{
	server = (struct icap_server){.options = OPTIONS("Allow: 204\r\n"), .answer = NO_CONTENT};
	void *instance = begin(NULL);
	stub_run_init(&run, NULL, MEGABYTE);
	run.piece = 1000;
	run.breaks_at = 500000;
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "the stub's download broke");
	end(instance);
}
END_TEST

/* As long as the server's ISTag is the same. */
START_TEST(equal_bytes_are_scanned_once)
{
	static struct stub_cache cache;
	server = (struct icap_server){.options = OPTIONS("Allow: 204\r\n"), .answer = NO_CONTENT};
	icap_server_start(&server);
	void *instance = stub_create("scanner=icap", server.url, "self_test=0");
	for (int i = 0; i < 2; i++) {
		stub_run_init(&run, "hello", 5);
		run.cache = &cache;
		ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
		ck_assert_uint_eq(server.requests, 1);
	}
	assert_holds(run.details, "\"version\":\"ISTag \\\"A-1\\\"\"");
	assert_holds(run.details, "\"cached\":true");
	/* An answer shows that it has changed: the verdict is not kept under the old one. */
	server.options =
		"ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nAllow: 204\r\nISTag: \"A-2\"\r\nEncapsulated: null-body=0\r\n\r\n";
	server.answer = "ICAP/1.0 204 Unmodified\r\nISTag: \"A-2\"\r\n\r\n";
	for (unsigned i = 0; i < 3; i++) {
		stub_run_init(&run, "other", 5);
		run.cache = &cache;
		ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
		ck_assert_uint_eq(server.requests, i == 0 ? 2 : 3);
		assert_holds(run.details, "A-2");
	}
	end(instance);
}
END_TEST

START_TEST(a_silent_server)
{
	server = (struct icap_server){.options = OPTIONS("Allow: 204\r\n"), .answer = ""};
	void *instance = begin("icap_timeout=50ms");
	stub_run_init(&run, "hello", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "gave no answer within ");
	ck_assert_uint_eq(server.requests, 1);
	end(instance);
}
END_TEST

START_TEST(cancelled)
{
	int cancel[2];
	server = (struct icap_server){.options = OPTIONS("Allow: 204\r\n"), .answer = ""};
	void *instance = begin(NULL);
	ck_assert_int_eq(pipe(cancel), 0);
	stub_run_init(&run, "hello", 5);
	run.cancel_fd = cancel[0];
	ck_assert_int_eq(write(cancel[1], "", 1), 1);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "cancel");
	close(cancel[0]);
	close(cancel[1]);
	end(instance);
}
END_TEST

START_TEST(checks)
{
	char why[256];
	server = (struct icap_server){.options = OPTIONS("Allow: 204\r\n")};
	void *instance = begin(NULL);
	ck_assert_msg(check(instance, why, sizeof why), "%s", why);
	server.options = "ICAP/1.0 503 Overloaded\r\n\r\n";
	ck_assert(!check(instance, why, sizeof why));
	assert_holds(why, "answered OPTIONS with 503");
	end(instance);
}
END_TEST

/* Said once, and again for another limit. */
START_TEST(fewer_connections_than_workers)
{
	static const struct {
		const char *options, *logged;
	} table[] = {{OPTIONS("Max-Connections: 4\r\n"), NULL},
	             {OPTIONS("Max-Connections: 3\r\n"), "allows 3 connections at a time, and the step has 4 workers"},
	             {OPTIONS("Max-Connections: 3\r\n"), NULL},
	             {OPTIONS("Max-Connections: 1\r\n"), "Set workers to at most 1"},
	             {OPTIONS("Max-Connections: 0\r\n"), NULL},
	             {OPTIONS("Max-Connections: many\r\n"), NULL},
	             {OPTIONS(""), NULL}};
	server = (struct icap_server){.options = table[0].options};
	void *instance = begin(NULL);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		server.options = table[i].options;
		stub_run_init(&run, NULL, 0);
		ck_assert_int_eq(pp_step_module.check_run(instance, &run), 0);
		if (table[i].logged != NULL)
			assert_holds(run.logged, table[i].logged);
		else
			ck_assert_ptr_null(strstr(run.logged, "connections"));
	}
	end(instance);
}
END_TEST

START_TEST(certificates_without_tls)
{
	server = (struct icap_server){.options = OPTIONS("Allow: 204\r\n")};
	void *instance = begin("icap_ca=/nonexistent");
	stub_run_init(&run, NULL, 0);
	ck_assert_int_eq(pp_step_module.check_run(instance, &run), 0);
	assert_holds(run.logged, "icap_ca is not used: no icap_url begins with icaps://");
	end(instance);
}
END_TEST

/* The ISTag of an answer tells that the signatures have changed: the answer counts if the scanner passes its test. */
START_TEST(other_signatures)
{
	server = (struct icap_server){.options = OPTIONS("Allow: 204\r\n"),
	                              .answer = NO_CONTENT,
	                              .found = "ICAP/1.0 204 OK\r\nISTag: \"A-1\"\r\nX-Virus-ID: Eicar\r\n\r\n"};
	icap_server_start(&server);
	const char *const values[] = {"scanner=icap", "cache=0", server.url, NULL};
	void *instance = stub_create_with(values);
	for (unsigned i = 0; i < 2; i++) {
		stub_run_init(&run, "hello", 5);
		ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	}
	ck_assert_uint_eq(server.requests, 4);
	server.options = "ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nISTag: \"A-2\"\r\nAllow: 204\r\n\r\n";
	server.answer = "ICAP/1.0 204 Unmodified\r\nISTag: \"A-2\"\r\n\r\n";
	const char *found = server.found;
	server.found = NULL;
	ck_assert_uint_eq(icap_server_answered(&server), 4);
	stub_run_init(&run, "hello", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "it does not find the EICAR test file");
	server.found = found;
	icap_server_answered(&server);
	stub_run_init(&run, "hello", 5);
	ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	end(instance);
}
END_TEST

START_TEST(default_ports)
{
	char why[256];
	static const char *const table[][2] = {{"icap_url=icap://[::1]/scan", "cannot connect to [::1]:1344"},
	                                       {"icap_url=icaps://[::1]", "cannot connect to [::1]:11344"},
	                                       {"icap_url=icap://[::1]:1/scan", "cannot connect to [::1]:1:"},
	                                       {"icap_url=icap://127.0.0.1/scan", "cannot connect to 127.0.0.1:1344"}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		void *instance = create_icap(table[i][0], NULL);
		stub_run_init(&run, "hello", 5);
		ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
		assert_holds(run.reason, table[i][1]);
		ck_assert(!check(instance, why, sizeof why));
		assert_holds(why, table[i][1]);
		assert_holds(why, "; is the server running, and is icap_url correct?");
		pp_step_module.destroy(instance);
	}
}
END_TEST

START_TEST(invalid_addresses)
{
	static const char *const urls[] = {"icap_url=http://host/", "icap_url=icap://", "icap_url=icap://host:0x/",
	                                   "icap_url=icap://host/a b", "icap_url=host:1344"};
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		void *instance = NULL;
		struct pp_setup setup = {.keys = pp_step_module.keys, .value = {"scanner=icap", urls[i]}};
		ck_assert_msg(pp_step_module.create(&stub_host, &setup, &instance) != 0, "%s", urls[i]);
		assert_holds(setup.rejected, "expected icap://host");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("icap");
	TCase *tests = tcase_create("icap");
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, what_answers_mean, 0, (int)(sizeof answers / sizeof answers[0]));
	const TTest *const others[] = {answers_to_previews,
	                               what_is_done_then,
	                               requests,
	                               a_server_without_respmod,
	                               connections_that_end,
	                               early_answers,
	                               cancelled,
	                               bytes_that_cannot_be_had,
	                               a_silent_server,
	                               fewer_connections_than_workers,
	                               certificates_without_tls,
	                               equal_bytes_are_scanned_once,
	                               checks,
	                               other_signatures,
	                               the_rest_of_a_preview,
	                               bytes_of_a_preview,
	                               lists_and_previews,
	                               default_ports,
	                               invalid_addresses};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		tcase_add_test(tests, others[i]);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
