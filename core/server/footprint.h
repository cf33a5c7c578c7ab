/* SPDX-License-Identifier: Apache-2.0
 * What the process keeps in memory of what only its start needed. */
#ifndef CORE_SERVER_FOOTPRINT_H
#define CORE_SERVER_FOOTPRINT_H

/* Gives back free memory and the pages of libraries' code and constants, of which a start touches far more than what
 * follows. Those that are needed again come back from the kernel's page cache one by one. */
void footprint_shrink(void);

#endif
