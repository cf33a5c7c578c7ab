/* SPDX-License-Identifier: Apache-2.0
 * The scanners of one step: all endpoints of one kind. Each is tested before it gives a verdict: it has to find the
 * EICAR test file, and to let a clean text pass. One that fails gives no verdicts until it passes. */
#ifndef VIRUSSCAN_FLEET_H
#define VIRUSSCAN_FLEET_H

#include "scanner.h"

#define FLEET_LIMIT 8

struct fleet;
struct name_list;

/* Makes it of the step's configuration. NULL after reject(). */
struct fleet *fleet_create(const struct pp_host *host, struct pp_setup *setup, const struct scanner *scanner);
void fleet_destroy(struct fleet *fleet);

/* With agree = all, a name that is allowed does not decide, and one that is blocked does. The lists are borrowed; NULL:
 * there is none. */
void fleet_use_lists(struct fleet *fleet, const struct name_list *allowed, const struct name_list *blocked);

/* Whether verdicts are looked up and kept. */
bool fleet_caches(const struct fleet *fleet);

/* Has the source scanned, by one endpoint after the other until one gives a verdict, or by all of them. For several
 * sources at a time. */
enum finding fleet_scan(struct fleet *fleet, struct source *source, struct report *report);

/* Tests all endpoints, sets the metrics, and says with set_reason() which have failed. 0: enough of them pass to give
 * a verdict. */
int fleet_check(struct fleet *fleet, struct pp_run *run);

#endif
