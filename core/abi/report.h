/* SPDX-License-Identifier: Apache-2.0
 * What a module reports besides its verdict: its progress, and metrics of its own. A worker process gathers it, and
 * sends it once a second at most, and with the end of the run. */
#ifndef CORE_ABI_REPORT_H
#define CORE_ABI_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/abi/packet.h"
#include "postprocessing/step.h"

struct own_metric {
	char name[PP_METRIC_NAME_LIMIT + 1];
	bool gauge;
	uint64_t count; /* what is to be added, or … */
	double value;   /* … what the gauge is set to */
};

struct report {
	bool has_progress;
	int64_t done, total; /* total -1: unknown */
	struct own_metric metric[PP_METRICS_LIMIT];
	size_t metrics;
};

bool metric_is_name(const char *name);

/* The names are valid, and the value is finite. False: there is no room for another metric. */
bool report_count(struct report *report, const char *name, uint64_t by);
bool report_gauge(struct report *report, const char *name, double value);
void report_progress(struct report *report, int64_t done, int64_t total);
/* Adds what another report says; what there is no room for is dropped. */
void report_merge(struct report *report, const struct report *more);

/* A message of its own, and the metrics as a part of another one. */
void report_encode(struct text *packet, uint32_t kind, uint64_t run, const struct report *report);
bool report_decode(struct packet *packet, struct report *report);
void report_add_metrics(struct text *packet, const struct report *report);
void report_take_metrics(struct packet *packet, struct report *report); /* what does not fit breaks the packet */

#endif
