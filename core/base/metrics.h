/* SPDX-License-Identifier: Apache-2.0
 * The service's metrics, for Prometheus.
 *
 * Any thread may register metrics, also while others count and write. They live as long as the registry.
 Counting
 * is an atomic addition from any thread. Counting on NULL is allowed and does nothing.
 *
 * Names and labels are copied. `labels` are alternating names and values, NULL-terminated; NULL: none. Registering the
 * same name and labels again returns the same metric. Series with the same name share the help text of the first. */
#ifndef CORE_BASE_METRICS_H
#define CORE_BASE_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/clock.h"

struct metrics;
struct counter;
struct gauge;
struct real;
struct histogram;

struct metrics *metrics_create(void);
void metrics_destroy(struct metrics *metrics);

struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *help, const char *const *labels);
struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *const *labels);
/* A gauge for any finite number. */
struct real *metrics_real(struct metrics *metrics, const char *name, const char *help, const char *const *labels);
/* A histogram of durations, with buckets from a millisecond to two hours; its name ends with _seconds. */
struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                    const char *const *labels);

void counter_add(struct counter *counter, uint64_t count);
void gauge_set(struct gauge *gauge, int64_t value);
void real_set(struct real *real, double value);
/* Whether the gauge is written; it is at first. NULL is fine. */
void gauge_show(struct gauge *gauge, bool shown);
void histogram_observe(struct histogram *histogram, nanos duration);

uint64_t counter_value(const struct counter *counter);
int64_t gauge_value(const struct gauge *gauge);

/* Whether there is a metric of this name, or a histogram whose lines have it. */
bool metrics_knows(struct metrics *metrics, const char *name);

/* From now on, metrics_write() also writes the current resource usage of the process: CPU time, memory, descriptors. */
void metrics_add_process(struct metrics *metrics);

/* Writes the text exposition format. Any thread may call this. False: `out` has an error. */
bool metrics_write(const struct metrics *metrics, FILE *out);

#endif
