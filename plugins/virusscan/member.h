/* SPDX-License-Identifier: Apache-2.0
 * One endpoint of a step's scanners, and what is known of it: its version, and whether it has passed its test. */
#ifndef VIRUSSCAN_MEMBER_H
#define VIRUSSCAN_MEMBER_H

#include "scanner.h"

struct member;

/* Makes it of the step's configuration. NULL after reject(). */
struct member *member_create(const struct pp_host *host, struct pp_setup *setup, const struct scanner *scanner,
                             const char *address);
void member_destroy(struct member *member);

/* The kind and the address, for messages, … */
const char *member_text(const struct member *member);
/* … and the address alone. */
const char *member_address(const struct member *member);
bool member_is_local(const struct member *member);
void member_version(struct member *member, char version[REPORT_VERSION_SIZE]);
/* Whether the version says which signatures it has. */
bool member_signatures_known(struct member *member);

/* Whether it failed lately, so that others are asked first. */
bool member_is_out(struct member *member);

/* Whether it may give a verdict. Asks for its version if that was long ago, and tests it if its last test was long
 * ago, or was of another version; *tested says whether it did. False: the cause says why not. */
bool member_ready(struct member *member, const struct limits *limits, bool *tested, struct cause *cause);
/* Asks and tests in any case. */
bool member_test(struct member *member, const struct limits *limits, struct cause *cause);

/* A scan. If it has no finding, and the source is not to blame, the endpoint is tested before the next one. */
enum finding member_scan(struct member *member, struct source *source, struct report *report);

/* Logs once if nobody can tell which signatures it has, and if it allows fewer connections than there are workers. */
void member_announce(struct member *member, struct pp_run *run);
/* The time of its signatures, in seconds; 0: unknown. Logs a warning if they are too old. */
int64_t member_watch_signatures(struct member *member, struct pp_run *run);

#endif
