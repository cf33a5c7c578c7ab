/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/metrics_list.h"

void metrics_list_register(struct metrics_list *list, struct metrics *metrics)
{
#define X(member, name, help) list->member = metrics_counter(metrics, name, help, NULL);
	METRICS_COUNTERS(X)
#undef X
#define X(member, name, help) list->member = metrics_gauge(metrics, name, help, NULL);
	METRICS_GAUGES(X)
#undef X
	metrics_add_process(metrics);
}
