/* SPDX-License-Identifier: Apache-2.0
 * What a scanner is to the module: one file per kind implements it, and virusscan.c decides what its
 * finding means for the upload. */
#ifndef VIRUSSCAN_SCANNER_H
#define VIRUSSCAN_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <postprocessing/step.h>

/* 0 is the one that says nothing: whatever is not known to be something else is a failure. Suspicious: the scanner
 * knows no virus in it, and reports it all the same, because it is encrypted or broken, or looks like one. */
enum finding {
	FINDING_NONE = 0,
	FINDING_CLEAN,
	FINDING_INFECTED,
	FINDING_SUSPICIOUS,
	FINDING_BLOCKED,    /* by a policy of the scanner's, such as a forbidden type of file */
	FINDING_UNSCANNABLE /* the scanner says that it could not look into it */
};

#define FINDING_TEXT_SIZE 512

/* The bytes of the upload that are to be scanned. */
struct source {
	const struct pp_host *host;
	struct pp_run *run;
	int64_t left; /* bytes to be handed out yet; -1: all there are */
	bool cut;     /* there are more than that, as is known at the end if not before */
};

/* As the host's read(). 0: all that is to be scanned has been handed out. */
ssize_t source_read(struct source *source, const void **bytes);

struct scanner {
	/* Makes the scanner's state of the step's configuration; NULL after reject(). `host` is borrowed. */
	void *(*create)(const struct pp_host *host, struct pp_setup *setup);
	void (*destroy)(void *state);
	/* Scans one upload; for several at a time. `text` gets the name or the reason of what was found, and with
	 * FINDING_NONE why there is no finding. */
	enum finding (*scan)(void *state, struct source *source, char text[FINDING_TEXT_SIZE]);
	/* 0: the scanner answers; else why not. Ends within seconds. */
	int (*check)(void *state, char *why, size_t size);
};

extern const struct scanner clamd_scanner, icap_scanner;

#endif
