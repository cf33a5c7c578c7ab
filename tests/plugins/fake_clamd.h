/* SPDX-License-Identifier: Apache-2.0
 * Listens in place of clamd, and answers as a test wants it to. */
#ifndef TESTS_PLUGINS_FAKE_CLAMD_H
#define TESTS_PLUGINS_FAKE_CLAMD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum manner {
	MANNER_ANSWER,       /* "N: " and `answer` after each complete stream */
	MANNER_ANSWER_CLOSE, /* the same, and closes the session */
	MANNER_RAW,          /* `answer` unchanged, without a number, `answer_size` bytes */
	MANNER_BREAK,        /* closes after `after` bytes of a stream, without an answer */
	MANNER_ANSWER_BREAK, /* "N: " and `answer` after `after` bytes, then closes */
	MANNER_SILENT,       /* reads everything and answers nothing */
	MANNER_SCANNER       /* answers as a scanner does that finds EICAR, and says its `version` */
};

struct fake_clamd {
	enum manner manner;
	const char *answer;
	size_t answer_size, after;
	const char *version;
	/* MANNER_SCANNER: finds nothing; finds something in everything; does not answer streams. */
	bool blind, strict, mute;

	char folder[64];
	char socket[108];
	int listener, stop[2], closed[2]; /* a byte can be read from closed[0] for each session that ended */
	pthread_t thread;
	atomic_uint sessions, streams; /* begun; complete */
	atomic_size_t bytes;           /* of streams */
};

/* Listens and serves, one session at a time; fails the test if it cannot. */
void fake_clamd_start(struct fake_clamd *clamd, enum manner manner, const char *answer);
/* The same on a free port of loopback; `socket` is tcp://… */
void fake_clamd_start_tcp(struct fake_clamd *clamd, enum manner manner, const char *answer);
void fake_clamd_stop(struct fake_clamd *clamd);

/* Waits until a session has ended. */
void fake_clamd_await_close(struct fake_clamd *clamd);

#endif
