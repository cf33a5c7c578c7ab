/* SPDX-License-Identifier: Apache-2.0
 * A real nats-server with JetStream for tests: on a free port of the loopback, with its own store. */
#ifndef TESTS_HARNESS_FIXTURE_NATS_H
#define TESTS_HARNESS_FIXTURE_NATS_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/harness/folder.h"
#include "tests/harness/process.h"

struct nats_options {
	const char *username; /* NULL: anybody may connect */
	const char *password;
	size_t max_payload;       /* bytes; 0: the server's default */
	const char *name;         /* NULL: none */
	const char *lines;        /* additional lines of its configuration; NULL: none */
	size_t max_store;         /* bytes of files; 0: the server's default */
	const char *const *under; /* the command that runs the server's command, NULL-terminated; NULL: none */
};

struct nats_fixture {
	struct process process;
	struct nats_options options;   /* borrowed strings */
	char folder[FOLDER_PATH_SIZE]; /* holds nats.conf, nats.log and jetstream/ */
	unsigned port;
	char url[64]; /* "nats://127.0.0.1:PORT" */
};

/* Starts it and waits until JetStream is ready. NULL options: the defaults. NATS_SERVER names the program if it is
 * not the installed one. */
bool nats_fixture_start(struct nats_fixture *nats, const struct nats_options *options);

/* Starts it again with its current options, on the same port and store, after nats_fixture_halt() or
 * nats_fixture_kill(). */
bool nats_fixture_restart(struct nats_fixture *nats);

/* Ends it in an orderly way / at once (kill -9). Port and store are kept. False: it did not end. */
bool nats_fixture_halt(struct nats_fixture *nats);
bool nats_fixture_kill(struct nats_fixture *nats);

/* Makes it read its configuration again, with its current options. */
bool nats_fixture_reload(struct nats_fixture *nats);

/* Saves a copy of the store, and restores it; only while the server is not running. */
bool nats_fixture_keep(const struct nats_fixture *nats);
bool nats_fixture_put_back(const struct nats_fixture *nats);
/* Removes the store; only while the server is not running. */
bool nats_fixture_lose(const struct nats_fixture *nats);
/* Restores only a stream's messages, not the state of its consumers. */
bool nats_fixture_put_back_messages(const struct nats_fixture *nats, const char *stream);

/* Pauses it (SIGSTOP), so that connections hang, and lets it continue. */
bool nats_fixture_pause(const struct nats_fixture *nats);
bool nats_fixture_resume(const struct nats_fixture *nats);

/* Ends it and removes its folder. */
void nats_fixture_end(struct nats_fixture *nats);

/* Whether a nats-server with JetStream answers on this port of 127.0.0.1. */
bool nats_answers(unsigned port);
/* … whose version begins like this, for example "2.9.". */
bool nats_is_version(unsigned port, const char *prefix);

#endif
