/* SPDX-License-Identifier: Apache-2.0 */
#include "core/abi/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool metric_is_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return name[length] == '\0' && length > 0 && length <= PP_METRIC_NAME_LIMIT;
}

/* NULL: there is no room for another one. */
static struct own_metric *get_metric(struct report *report, const char *name, bool gauge)
{
	for (size_t i = 0; i < report->metrics; i++)
		if (report->metric[i].gauge == gauge && strcmp(report->metric[i].name, name) == 0)
			return &report->metric[i];
	if (report->metrics == PP_METRICS_LIMIT)
		return NULL;
	struct own_metric *metric = &report->metric[report->metrics++];
	*metric = (struct own_metric){.gauge = gauge};
	snprintf(metric->name, sizeof metric->name, "%s", name);
	return metric;
}

bool report_count(struct report *report, const char *name, uint64_t by)
{
	struct own_metric *metric = get_metric(report, name, false);
	if (metric != NULL)
		metric->count += by;
	return metric != NULL;
}

bool report_gauge(struct report *report, const char *name, double value)
{
	struct own_metric *metric = get_metric(report, name, true);
	if (metric != NULL)
		metric->value = value;
	return metric != NULL;
}

void report_progress(struct report *report, int64_t done, int64_t total)
{
	report->has_progress = true;
	report->done = done;
	report->total = total;
}

void report_merge(struct report *report, const struct report *more)
{
	if (more->has_progress)
		report_progress(report, more->done, more->total);
	for (size_t i = 0; i < more->metrics; i++) {
		const struct own_metric *metric = &more->metric[i];
		if (metric->gauge)
			report_gauge(report, metric->name, metric->value);
		else
			report_count(report, metric->name, metric->count);
	}
}

void report_add_metrics(struct text *packet, const struct report *report)
{
	packet_add_number(packet, (int64_t)report->metrics);
	for (size_t i = 0; i < report->metrics; i++) {
		const struct own_metric *metric = &report->metric[i];
		int64_t value = (int64_t)metric->count;
		if (metric->gauge)
			memcpy(&value, &metric->value, sizeof value);
		packet_add_string(packet, metric->name);
		packet_add_number(packet, metric->gauge);
		packet_add_number(packet, value);
	}
}

void report_take_metrics(struct packet *packet, struct report *report)
{
	size_t count = (size_t)packet_number_within(packet, 0, PP_METRICS_LIMIT);
	report->metrics = 0;
	for (size_t i = 0; i < count; i++) {
		const char *name = packet_text(packet);
		bool gauge = packet_number_within(packet, 0, 1) != 0;
		int64_t number = packet_number(packet);
		double value;
		memcpy(&value, &number, sizeof value);
		if (!metric_is_name(name) || (gauge && !isfinite(value)))
			packet->broken = true;
		else if (gauge)
			report_gauge(report, name, value);
		else
			report_count(report, name, (uint64_t)number);
	}
}

void report_encode(struct text *packet, uint32_t kind, uint64_t run, const struct report *report)
{
	packet_begin(packet, kind, run);
	packet_add_number(packet, report->has_progress);
	packet_add_number(packet, report->done);
	packet_add_number(packet, report->total);
	report_add_metrics(packet, report);
}

bool report_decode(struct packet *packet, struct report *report)
{
	report->has_progress = packet_number_within(packet, 0, 1) != 0;
	report->done = packet_number_within(packet, 0, INT64_MAX);
	report->total = packet_number_within(packet, -1, INT64_MAX);
	report_take_metrics(packet, report);
	return packet_end(packet);
}
