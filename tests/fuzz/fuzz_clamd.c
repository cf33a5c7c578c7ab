/* SPDX-License-Identifier: Apache-2.0
 * The input is clamd's output, preceded by three bytes: bits of `enum option`, the action for infected files, and
 * the number of bytes per read. The module scans two uploads; an oracle reads the same bytes. Only an exact verdict
 * on a whole upload counts, and everything else is a retry.
 *
 * Linked with --wrap for the module's waits and connections: no time passes, and nobody listens. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "plugins/virusscan/endpoint.h"
#include "plugins/virusscan/scanner.h"
#include "plugins/virusscan/session.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/require.h"
#include "tests/plugins/stub_host.h"

enum option {
	OPTION_SILENT = 1,  /* clamd is silent at the end of the input, instead of closing */
	OPTION_CANCEL = 2,  /* … and the run is cancelled then */
	OPTION_EARLY = 4,   /* clamd writes when it should read */
	OPTION_LARGE = 8,   /* the upload does not fit into the socket */
	OPTION_BREAKS = 16, /* the upload cannot be read to its end */
	OPTION_CHECK = 32   /* the module's check instead of scans */
};

#define LARGE ((size_t)400 * 1024)
#define SMALL 3

/* The scanner's end of the only session. */
static struct {
	int peer; /* -1: none yet */
	const uint8_t *data;
	size_t left, piece;
	unsigned options;
	unsigned long number; /* of the commands of the session */
	bool early;           /* wrote in the middle of this upload */
	char heard[ANSWER_SIZE];
	size_t heard_length; /* of this upload, on this session */
} clamd;

int __wrap_endpoint_connect(const struct endpoint *endpoint, const struct limits *limits, struct cause *cause);
enum waited __wrap_socket_wait(int fd, short events, const struct limits *limits);

int __wrap_endpoint_connect(const struct endpoint *endpoint, const struct limits *limits, struct cause *cause)
{
	(void)endpoint;
	(void)limits;
	(void)cause;
	int pair[2], room = 16 * 1024;
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0);
	if (clamd.peer >= 0)
		close(clamd.peer);
	clamd.peer = pair[1];
	clamd.number = 0;
	clamd.early = false;
	clamd.heard_length = 0;
	return pair[0];
}

static void take_all(void)
{
	static char bytes[64 * 1024];
	while (recv(clamd.peer, bytes, sizeof bytes, 0) > 0)
		continue;
}

/* False: no output is left. */
static bool speak(void)
{
	size_t length = clamd.left < clamd.piece ? clamd.left : clamd.piece;
	if (length > ANSWER_SIZE - clamd.heard_length)
		length = ANSWER_SIZE - clamd.heard_length; /* what does not fit is not examined */
	if (length == 0)
		return false;
	REQUIRE(send(clamd.peer, clamd.data, length, MSG_NOSIGNAL) == (ssize_t)length);
	memcpy(clamd.heard + clamd.heard_length, clamd.data, length);
	clamd.heard_length += length;
	clamd.data += length;
	clamd.left -= length;
	return true;
}

/* The scanner runs whenever the module waits. */
enum waited __wrap_socket_wait(int fd, short events, const struct limits *limits)
{
	(void)limits;
	struct pollfd look = {.fd = fd, .events = POLLIN};
	if (events & POLLOUT) {
		if (clamd.options & OPTION_EARLY && speak())
			clamd.early = true;
		else
			take_all();
		return WAIT_READY;
	}
	/* What clamd wrote while it should have read may be all that it has to say. */
	if (poll(&look, 1, 0) > 0 || speak())
		return WAIT_READY;
	if (clamd.options & OPTION_SILENT)
		return clamd.options & OPTION_CANCEL ? WAIT_CANCELLED : WAIT_TIMEOUT;
	/* With unread bytes, the close would become a reset. */
	take_all();
	shutdown(clamd.peer, SHUT_WR);
	return WAIT_READY;
}

/* By the documentation: the output is one whole answer, to the last command, that ends with `end`. */
static bool heard(const char *begin, const char *end)
{
	char head[64];
	size_t length = (size_t)snprintf(head, sizeof head, "%lu: %s", clamd.number, begin), tail = strlen(end) + 1;
	return clamd.heard_length >= length + tail && memcmp(clamd.heard, head, length) == 0 &&
	       memcmp(clamd.heard + clamd.heard_length - tail, end, tail) == 0 &&
	       memchr(clamd.heard, '\0', clamd.heard_length) == clamd.heard + clamd.heard_length - 1;
}

static bool heard_clean(void)
{
	return heard("stream: ", "OK") && clamd.heard_length == strlen("1: stream: OK") + 1;
}

static bool heard_name(void)
{
	size_t around = strlen("1: stream: ") + strlen(" FOUND") + 1;
	return heard("stream: ", " FOUND") && clamd.heard_length > around && clamd.heard_length - around < 512;
}

/* clamd refuses the size, before or after the end of the stream. */
static bool heard_refusal(void)
{
	static const char refusal[] = "INSTREAM size limit exceeded. ERROR";
	return heard(refusal, "") && clamd.heard_length == strlen("1: ") + sizeof refusal;
}

static bool heard_suspicion(void)
{
	return heard_name() && strncmp(clamd.heard + strlen("1: stream: "), "Heuristics.", 11) == 0;
}

static void check_texts(const struct pp_run *run, bool verdict)
{
	for (const char *c = run->reason; *c != '\0'; c++)
		REQUIRE(*c >= 0x20 && *c <= 0x7e);
	REQUIRE(verdict || run->reason[0] != '\0');
	REQUIRE(verdict == (run->result[0] != '\0'));
	json_t *result = json_loads(run->result, 0, NULL);
	REQUIRE(verdict == json_is_object(result));
	json_decref(result);
}

static void scan(void *instance, uint32_t on_infected)
{
	struct pp_run run;
	stub_run_init(&run, NULL, clamd.options & OPTION_LARGE ? LARGE : SMALL);
	run.breaks_at = clamd.options & OPTION_BREAKS ? run.length - 1 : SIZE_MAX;
	run.piece = run.length - 1;
	clamd.early = false;
	clamd.heard_length = 0;
	uint32_t outcome = pp_step_module.run(instance, &run);
	clamd.number++;
	bool whole = !clamd.early && !(clamd.options & OPTION_BREAKS);
	bool clean = whole && heard_clean(), found = whole && heard_name(), suspicious = whole && heard_suspicion();
	/* A refusal that comes early counts before the upload breaks. */
	bool refused = heard_refusal() && (clamd.early || !(clamd.options & OPTION_BREAKS));
	REQUIRE(outcome == (clean ? PP_CONTINUE : suspicious || refused ? PP_ABORT : found ? on_infected : PP_RETRY));
	REQUIRE((strstr(run.result, "\"Infected\":true") != NULL) == (found && !suspicious));
	check_texts(&run, clean || found || refused);
	take_all();
}

static void check_version(void *instance)
{
	struct pp_run run;
	stub_run_init(&run, NULL, 0);
	int failed = pp_step_module.check_run(instance, &run);
	clamd.number++;
	REQUIRE((failed == 0) == (heard("ClamAV ", "") && clamd.heard_length - strlen("1: ") <= REPORT_VERSION_SIZE));
	REQUIRE(failed == 0 || run.reason[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const handling[] = {"infected=delete", "infected=abort", "infected=continue", NULL};
	static const uint32_t outcome[] = {PP_DELETE, PP_ABORT, PP_CONTINUE, PP_DELETE};
	if (size < 3)
		return 0;
	clamd.peer = -1;
	clamd.options = data[0];
	clamd.piece = data[2] == 0 ? SIZE_MAX : data[2];
	clamd.data = data + 3;
	clamd.left = size - 3;
	void *instance = stub_create("self_test=0", "cache=0", handling[data[1] % 4]);
	if (clamd.options & OPTION_CHECK) {
		check_version(instance);
	} else {
		scan(instance, outcome[data[1] % 4]);
		scan(instance, outcome[data[1] % 4]);
	}
	pp_step_module.destroy(instance);
	if (clamd.peer >= 0)
		close(clamd.peer);
	return 0;
}
