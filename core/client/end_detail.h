/* SPDX-License-Identifier: Apache-2.0
 * What people are told of an upload whose steps are all done. */
#ifndef CORE_CLIENT_END_DETAIL_H
#define CORE_CLIENT_END_DETAIL_H

#include "core/upload/record.h"

/* Of a rejected upload: the step that rejected it, its verdict and the reason, such as "virusscan: infected: Eicar". Of
 * an accepted one: the verdicts of its steps other
 * than "clean", such as "virusscan: partial: only the first 1000000 bytes were scanned", and the steps that reached no
 * verdict. "": nothing. */
void end_detail(const struct record *record, char *text, size_t size);

#endif
