/* SPDX-License-Identifier: Apache-2.0
 * Verdicts on equal bytes, in the cache that all instances of the service share. Only "clean" and "infected" are kept:
 * everything else may come out differently the next time. */
#ifndef VIRUSSCAN_LOOKUP_H
#define VIRUSSCAN_LOOKUP_H

#include "scanner.h"

/* What a verdict depends on. */
struct lookup {
	const char *scanner; /* those whose verdict counts, with their addresses */
	const char *host;    /* the name of this one, if an address means another scanner on others; else "" */
	const char *version;
	bool by_name; /* the scanner is told the name of the file, and may judge by it */
};

/* Whether a verdict on the source's bytes is known; then sets finding and text. Their digest must be known. */
bool lookup_find(const struct lookup *lookup, const struct source *source, struct report *report);
/* Keeps the verdict, if it is one of those that are kept, and was given on all bytes. */
void lookup_keep(const struct lookup *lookup, const struct source *source, const struct report *report);

#endif
