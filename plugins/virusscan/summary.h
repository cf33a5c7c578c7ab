/* SPDX-License-Identifier: Apache-2.0
 * One line that names all scanners of a step that fail, with their causes. */
#ifndef VIRUSSCAN_SUMMARY_H
#define VIRUSSCAN_SUMMARY_H

#include "cause.h"

struct failure {
	const char *address;
	struct cause cause;
};

#define SUMMARY_SIZE 1024

/* Names as many of the failures as `limit` bytes have room for, those with equal causes together, and says how many are
 * left out. The hint follows if there is room for it. At least one is named, and longer texts are cut.
 * `all` is how many scanners there are, of this kind. */
void summarize(const char *kind, const struct failure *failed, size_t failures, size_t all, size_t limit,
               char text[SUMMARY_SIZE]);

#endif
