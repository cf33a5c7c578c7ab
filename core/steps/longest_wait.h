/* SPDX-License-Identifier: Apache-2.0
 * The longest time that an upload's record may stay in the bucket without being written, according to the
 * configuration. This shows whether a bucket that deletes old records can lose uploads. */
#ifndef CORE_STEPS_LONGEST_WAIT_H
#define CORE_STEPS_LONGEST_WAIT_H

#include "core/steps/steps.h"

#define LONGEST_WAIT_TEXT 160
/* Returns the longest wait, and sets `text` to its cause, as "step delay (duration: 240h)". The wait of a module is
 * known only if one of its keys contains it. */
nanos longest_wait(const struct steps *steps, char text[LONGEST_WAIT_TEXT]);

#endif
