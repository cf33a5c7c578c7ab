/* SPDX-License-Identifier: Apache-2.0
 * For how long the record of an upload may lie in the bucket without being written, as far as the configuration says: that
 * tells whether a bucket that forgets old records is one that loses uploads. */
#ifndef CORE_STEPS_LONGEST_WAIT_H
#define CORE_STEPS_LONGEST_WAIT_H

#include "core/steps/steps.h"

#define LONGEST_WAIT_TEXT 160
/* The longest wait, and `text` says where it comes from, as "step delay (duration = 240h)". A module that waits for what no key
 * of it says is not known. */
nanos longest_wait(const struct steps *steps, char text[LONGEST_WAIT_TEXT]);

#endif
