/* SPDX-License-Identifier: Apache-2.0
 * Keys that are set, and that have no effect because of others. */
#ifndef VIRUSSCAN_UNUSED_H
#define VIRUSSCAN_UNUSED_H

#include "scanner.h"

#define UNUSED_LIMIT 8

struct unused {
	const char *key, *why;
};

/* Fills `list`; returns how many there are. A key that is set to its default is not among them. */
size_t unused_find(const struct pp_host *host, struct pp_setup *setup, const struct pp_key *keys,
                   const struct scanner *scanner, struct unused list[UNUSED_LIMIT]);

#endif
