/* SPDX-License-Identifier: Apache-2.0
 * What a finding means for the upload: its outcome by the step's configuration, and what is said about it to people,
 * to later steps, and in the Result that storage keeps. */
#ifndef VIRUSSCAN_VERDICT_H
#define VIRUSSCAN_VERDICT_H

#include "scanner.h"

/* An outcome beside those of run(): the upload is put into the quarantine, and then PP_ABORT. */
#define VERDICT_QUARANTINE 100u

/* The outcome of each finding, by its key. */
struct verdict_rules {
	uint32_t outcome[FINDING_COUNT];
	/* The same for a file without a find of which the step had only the first bytes scanned (max_scan_size). */
	uint32_t cut;
};

/* False after reject(). */
bool verdict_rules_read(struct verdict_rules *rules, const struct pp_host *host, struct pp_setup *setup);

/* What they are, in one line. `cuts`: the step has only the first bytes of large files scanned. */
#define VERDICT_RULES_SIZE 384
void verdict_rules_format(const struct verdict_rules *rules, bool cuts, char text[VERDICT_RULES_SIZE]);

/* The word of a finding: the name of its key, or "clean". */
const char *verdict_word(enum finding finding);

/* What was decided about one upload. */
struct verdict {
	const char *word;
	uint32_t outcome;
	const char *reason;            /* the name of the find, or why; "": nothing is to be said */
	const char *scanner, *version; /* "": none */
	bool infected;                 /* the Result says so */
	bool doubtful;                 /* the Result has the reason as an error: the scan did not show a clean file */
	bool no_result;                /* nothing was found out about the file */
	bool cached;
	int64_t bytes, took; /* how many were scanned, and in how many nanoseconds */
};

/* Says it everywhere, and returns what run() returns: PP_RETRY if the upload could not be put into the quarantine. */
uint32_t verdict_give(const struct verdict *verdict, const struct pp_host *host, struct pp_run *run);

#endif
