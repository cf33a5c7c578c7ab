/* SPDX-License-Identifier: Apache-2.0
 * postprocessing-worker: runs one step module for the service, in a process and a sandbox of its own.
 *
 * The service starts it with three descriptors (abi/protocol.h) and tells it all else by the first of them. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/abi/description.h"
#include "core/abi/library.h"
#include "core/worker/sandbox.h"
#include "core/worker/session.h"

#ifdef __SANITIZE_ADDRESS__
/* It would stop this process at its end to look into it, which the sandbox does not allow. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

#define MODULE_FILE "/proc/self/fd/4"

static void nothing(int number)
{
	(void)number;
}

/* The service's masks and handlers are not ours. SIGPIPE does nothing; it is not ignored, as programs that a module
 * starts would inherit that. */
static void reset_signals(void)
{
	const struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
	sigset_t none;
	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigaction(SIGPIPE, &action, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool is_ours(int descriptor)
{
	int type = 0;
	socklen_t size = sizeof type;
	return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

static void answer(enum message_kind kind, const char *text)
{
	struct text packet = {0};
	text_encode(&packet, kind, text);
	channel_send(WORKER_CONTROL, &packet, NULL, 0, -1, true);
	text_free(&packet);
}

static void describe(const struct pp_step_module *module)
{
	struct text packet = {0};
	description_encode(&packet, module);
	if (packet.length > PACKET_LIMIT)
		answer(MESSAGE_REFUSED, "the module's description is too long");
	else
		channel_send(WORKER_CONTROL, &packet, NULL, 0, -1, true);
	text_free(&packet);
}

static int serve(const struct start_message *start, struct channel_buffer *buffer)
{
	char why[1024], title[17];
	struct pp_step_module module;
	struct text missing = {0};
	text_add(&missing, "");
	snprintf(title, sizeof title, "pp-%s", start->step[0] != '\0' ? start->step : start->name);
	prctl(PR_SET_NAME, title);
	bool entered = sandbox_enter(start, &missing, why, sizeof why);
	if (start->copies_folder >= 0)
		close(start->copies_folder);
	if (!entered || !library_load(MODULE_FILE, start->path, start->name, &module, why, sizeof why)) {
		answer(MESSAGE_REFUSED, why);
		return EXIT_SUCCESS;
	}
	if (start->describe) {
		describe(&module);
		/* Nothing of the module's is run at the end. */
		_exit(EXIT_SUCCESS);
	}
	return session_serve(&module, start, missing.data, buffer);
}

int main(void)
{
	struct channel_buffer first, rest;
	struct packet packet;
	struct start_message start;
	int descriptor;
	if (!is_ours(WORKER_CONTROL)) {
		fputs("postprocessing-worker: the service starts this program; see postprocessing(1)\n", stderr);
		return EXIT_FAILURE;
	}
	reset_signals();
	close_range(WORKER_CANCEL + 1, ~0u, 0);
	for (int own = WORKER_CONTROL; own <= WORKER_CANCEL; own++)
		fcntl(own, F_SETFD, FD_CLOEXEC);
	channel_buffer_init(&first);
	channel_buffer_init(&rest);
	if (channel_receive(WORKER_CONTROL, &first, &packet, &descriptor, true) != RECEIVED_PACKET ||
	    packet.kind != MESSAGE_START || !start_decode(&packet, &start))
		return EXIT_FAILURE;
	start.copies_folder = descriptor;
	int status = serve(&start, &rest);
	channel_buffer_free(&first);
	channel_buffer_free(&rest);
	return status;
}
