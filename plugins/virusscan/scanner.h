/* SPDX-License-Identifier: Apache-2.0
 * What a kind of scanner is to the module: one file per kind implements it. fleet.h has the endpoints of a step, and
 * verdict.h says what a finding means for the upload. */
#ifndef VIRUSSCAN_SCANNER_H
#define VIRUSSCAN_SCANNER_H

#include "source.h"

/* 0 is the one that says nothing: whatever is not known to be something else is a failure. */
enum finding {
	FINDING_NONE = 0,
	FINDING_CLEAN,
	FINDING_INFECTED,
	FINDING_BLOCKED,     /* by a policy of the scanner's, such as a forbidden type of file */
	FINDING_SUSPICIOUS,  /* it knows no virus in it, but it looks like one, or could carry one */
	FINDING_ENCRYPTED,   /* it could not look into all of it, because it is encrypted */
	FINDING_PARTIAL,     /* a limit of the scanner's ended the scan before the end of the file */
	FINDING_UNSCANNABLE, /* it could not look into it, because it is broken, too large, or of an unknown form */
	FINDING_COUNT
};

#define REPORT_TEXT_SIZE 512
#define REPORT_VERSION_SIZE 256
#define SCANNER_ADDRESS_SIZE 320
#define SCANNER_TEXT_SIZE 336

/* What a scan found out. */
struct report {
	enum finding finding;
	char text[REPORT_TEXT_SIZE]; /* the name or the reason of what was found; with FINDING_NONE why there is none */
	char version[REPORT_VERSION_SIZE]; /* of the engine and its signatures, in the scanner's own words; "": unknown */
	char scanner[SCANNER_TEXT_SIZE];   /* the kind and the address */
	bool cached;                       /* an earlier scan of the same bytes found it */
	int64_t bytes;                     /* how many were scanned, now or then; -1: unknown */
};

/* Sets the finding with its text; returns the finding. */
enum finding report_set(struct report *report, enum finding finding, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* No finding, for this reason; returns FINDING_NONE. */
enum finding report_none(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What the name of a find says. ClamAV has names for what no signature knows, with or without ICAP in between. */
enum finding finding_of_name(const char *name);

struct scanner {
	const char *kind;    /* as messages name it */
	const char *address; /* the key with the addresses */
	const char *timeout; /* the key with the longest wait */
	bool by_name;        /* it is told the name of a file, and may judge by it */
	/* Makes the state of one endpoint, with its address for messages; NULL after reject(). */
	void *(*create)(const struct pp_host *host, struct pp_setup *setup, const char *address,
	                char where[SCANNER_ADDRESS_SIZE]);
	void (*destroy)(void *endpoint);
	/* Asks which engine and signatures it has, and so whether it is there. False: the cause says why not. */
	bool (*identify)(void *endpoint, const struct limits *limits, char version[REPORT_VERSION_SIZE],
	                 struct cause *cause);
	/* Whether the same address means another scanner on another host. */
	bool (*is_local)(void *endpoint);
	/* How many connections it allows at a time, as far as it has said so; 0: unknown. NULL: it does not say. */
	int64_t (*connections)(void *endpoint);
	/* Scans what the source hands out; several at a time. Sets finding and text, the version if the scanner says it
	 * with its answer, and the bytes if it wanted fewer than were handed out. */
	enum finding (*scan)(void *endpoint, struct source *source, struct report *report);
};

extern const struct scanner clamd_scanner, icap_scanner;

#endif
