/* SPDX-License-Identifier: Apache-2.0 */

#include "core/base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/process_usage.h"
#include "core/base/text.h"

enum kind { COUNTER, GAUGE, REAL, HISTOGRAM };

static const char *const kind_name[] = {"counter", "gauge", "gauge", "histogram"};

struct counter {
	_Atomic uint64_t value;
};

struct gauge {
	_Atomic int64_t value;
	_Atomic bool hidden;
};

struct real {
	_Atomic uint64_t bits; /* of a double */
};

/* Upper bounds of the buckets. A step may take milliseconds or, with retries and delays, hours. */
static const struct {
	nanos bound;
	const char *text; /* in seconds */
} bucket[] = {
	{MILLISECOND, "0.001"},
	{5 * MILLISECOND, "0.005"},
	{10 * MILLISECOND, "0.01"},
	{25 * MILLISECOND, "0.025"},
	{50 * MILLISECOND, "0.05"},
	{100 * MILLISECOND, "0.1"},
	{250 * MILLISECOND, "0.25"},
	{500 * MILLISECOND, "0.5"},
	{SECOND, "1"},
	{2500 * MILLISECOND, "2.5"},
	{5 * SECOND, "5"},
	{10 * SECOND, "10"},
	{30 * SECOND, "30"},
	{MINUTE, "60"},
	{5 * MINUTE, "300"},
	{30 * MINUTE, "1800"},
	{2 * HOUR, "7200"},
};
#define BUCKETS (sizeof bucket / sizeof bucket[0])

struct histogram {
	_Atomic uint64_t count[BUCKETS + 1]; /* not cumulative; the last one is for values above all bounds */
	_Atomic int64_t sum;                 /* nanoseconds: overflows after 292 years of work */
};

/* One line of values (or a set of lines, for a histogram). */
struct series {
	struct series *_Atomic next;
	char *labels; /* `a="b",c="d"`, escaped; "": none */
	union {
		struct counter counter;
		struct gauge gauge;
		struct real real;
		struct histogram histogram;
	} value;
};

/* All series with the same name. */
struct family {
	struct family *_Atomic next;
	enum kind kind;
	char *name;
	char *help; /* escaped */
	struct series *_Atomic series;
};

/* Families and series are only added, each complete and at the end of its list, so that they can be written meanwhile.
 */
struct metrics {
	pthread_mutex_t lock; /* for adding */
	struct family *_Atomic family;
	bool process; /* also write the resource usage of the process */
};

struct metrics *metrics_create(void)
{
	struct metrics *metrics = alloc_zeroed(1, sizeof *metrics);
	pthread_mutex_init(&metrics->lock, NULL);
	return metrics;
}

void metrics_destroy(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	for (struct family *family = metrics->family, *next; family != NULL; family = next) {
		next = family->next;
		for (struct series *series = family->series, *after; series != NULL; series = after) {
			after = series->next;
			free(series->labels);
			free(series);
		}
		free(family->name);
		free(family->help);
		free(family);
	}
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

/* The format's escapes: backslash and line feed everywhere, the quote within label values. */
static void add_escaped(struct text *to, const char *text, bool quoted)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			text_add(to, "\\n");
		else if (*text == '\\' || (quoted && *text == '"'))
			text_format(to, "\\%c", *text);
		else
			text_add_bytes(to, text, 1);
	}
}

static struct family *find_family(struct metrics *metrics, enum kind kind, const char *name, const char *help)
{
	struct text escaped = {0};
	struct family *family, *_Atomic *end = &metrics->family;
	for (; (family = *end) != NULL; end = &family->next) {
		if (strcmp(family->name, name) != 0)
			continue;
		if (family->kind != kind)
			abort();
		return family;
	}
	family = alloc_zeroed(1, sizeof *family);
	add_escaped(&escaped, help, false);
	family->kind = kind;
	family->name = alloc_text(name);
	family->help = alloc_checked(text_take(&escaped));
	*end = family;
	return family;
}

static struct series *find_in_family(struct family *family, char *escaped)
{
	struct series *series, *_Atomic *end = &family->series;
	while ((series = *end) != NULL && strcmp(series->labels, escaped) != 0)
		end = &series->next;
	if (series != NULL) {
		free(escaped);
		return series;
	}
	series = alloc_zeroed(1, sizeof *series);
	series->labels = escaped;
	*end = series;
	return series;
}

static struct series *find_series(struct metrics *metrics, enum kind kind, const char *name, const char *help,
                                  const char *const *labels)
{
	struct text text = {0};
	for (size_t i = 0; labels != NULL && labels[i] != NULL; i += 2) {
		text_format(&text, "%s%s=\"", i == 0 ? "" : ",", labels[i]);
		add_escaped(&text, labels[i + 1], true);
		text_add(&text, "\"");
	}
	char *escaped = alloc_checked(text_take(&text));
	pthread_mutex_lock(&metrics->lock);
	struct series *series = find_in_family(find_family(metrics, kind, name, help), escaped);
	pthread_mutex_unlock(&metrics->lock);
	return series;
}

bool metrics_knows(struct metrics *metrics, const char *name)
{
	static const char *const suffixes[] = {"", "_bucket", "_sum", "_count"};
	bool found = false;
	pthread_mutex_lock(&metrics->lock);
	for (const struct family *family = metrics->family; family != NULL; family = family->next) {
		size_t length = strlen(family->name), last = family->kind == HISTOGRAM ? 4 : 1;
		for (size_t i = 0; strncmp(family->name, name, length) == 0 && i < last; i++)
			found = found || strcmp(name + length, suffixes[i]) == 0;
	}
	pthread_mutex_unlock(&metrics->lock);
	return found;
}

struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *help, const char *const *labels)
{
	return &find_series(metrics, COUNTER, name, help, labels)->value.counter;
}

struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *const *labels)
{
	return &find_series(metrics, GAUGE, name, help, labels)->value.gauge;
}

struct real *metrics_real(struct metrics *metrics, const char *name, const char *help, const char *const *labels)
{
	return &find_series(metrics, REAL, name, help, labels)->value.real;
}

struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                    const char *const *labels)
{
	return &find_series(metrics, HISTOGRAM, name, help, labels)->value.histogram;
}

void counter_add(struct counter *counter, uint64_t count)
{
	if (counter != NULL)
		atomic_fetch_add_explicit(&counter->value, count, memory_order_relaxed);
}

void gauge_set(struct gauge *gauge, int64_t value)
{
	if (gauge != NULL)
		atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

void real_set(struct real *real, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	if (real != NULL)
		atomic_store_explicit(&real->bits, bits, memory_order_relaxed);
}

static double real_value(const struct real *real)
{
	uint64_t bits = atomic_load_explicit(&real->bits, memory_order_relaxed);
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

void gauge_show(struct gauge *gauge, bool shown)
{
	if (gauge != NULL)
		atomic_store(&gauge->hidden, !shown);
}

void histogram_observe(struct histogram *histogram, nanos duration)
{
	if (histogram == NULL)
		return;
	if (duration < 0) /* the wall clock was set back */
		duration = 0;
	size_t i = 0;
	while (i < BUCKETS && duration > bucket[i].bound)
		i++;
	atomic_fetch_add_explicit(&histogram->count[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum, duration, memory_order_relaxed);
}

uint64_t counter_value(const struct counter *counter)
{
	return counter != NULL ? atomic_load_explicit(&counter->value, memory_order_relaxed) : 0;
}

int64_t gauge_value(const struct gauge *gauge)
{
	return gauge != NULL ? atomic_load_explicit(&gauge->value, memory_order_relaxed) : 0;
}

void metrics_add_process(struct metrics *metrics)
{
	metrics->process = true;
}

/* With the names that Prometheus' client libraries use. */
static void write_process(FILE *out)
{
	struct process_usage usage;
	if (!process_usage_read(getpid(), &usage))
		return;
	fprintf(
		out,
		"# HELP process_cpu_seconds_total User and system CPU time spent.\n# TYPE process_cpu_seconds_total counter\n"
		"process_cpu_seconds_total %.2f\n"
		"# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge\n"
		"process_resident_memory_bytes %" PRIu64 "\n"
		"# HELP process_open_fds Open file descriptors.\n# TYPE process_open_fds gauge\nprocess_open_fds %u\n",
		usage.cpu, usage.resident, usage.descriptors);
}

static void write_histogram(const char *name, const char *labels, const struct histogram *histogram, FILE *out)
{
	const char *comma = *labels != '\0' ? "," : "";
	const char *open = *labels != '\0' ? "{" : "", *close = *labels != '\0' ? "}" : "";
	int64_t sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
	/* _count is the sum of the values read here, so that an answer is always consistent. */
	uint64_t count = 0;
	for (size_t i = 0; i <= BUCKETS; i++) {
		count += atomic_load_explicit(&histogram->count[i], memory_order_relaxed);
		fprintf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, comma,
		        i < BUCKETS ? bucket[i].text : "+Inf", count);
	}
	fprintf(out, "%s_sum%s%s%s %" PRId64 ".%09" PRId64 "\n", name, open, labels, close, sum / SECOND, sum % SECOND);
	fprintf(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, count);
}

bool metrics_write(const struct metrics *metrics, FILE *out)
{
	if (metrics->process)
		write_process(out);
	for (const struct family *family = metrics->family; family != NULL; family = family->next) {
		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name, kind_name[family->kind]);
		for (const struct series *series = family->series; series != NULL; series = series->next) {
			const char *open = *series->labels != '\0' ? "{" : "", *close = *series->labels != '\0' ? "}" : "";
			switch (family->kind) {
			case COUNTER:
				fprintf(out, "%s%s%s%s %" PRIu64 "\n", family->name, open, series->labels, close,
				        counter_value(&series->value.counter));
				break;
			case GAUGE:
				if (atomic_load(&series->value.gauge.hidden))
					break;
				fprintf(out, "%s%s%s%s %" PRId64 "\n", family->name, open, series->labels, close,
				        gauge_value(&series->value.gauge));
				break;
			case REAL:
				fprintf(out, "%s%s%s%s %.17g\n", family->name, open, series->labels, close,
				        real_value(&series->value.real));
				break;
			case HISTOGRAM:
				write_histogram(family->name, series->labels, &series->value.histogram, out);
				break;
			}
		}
	}
	return ferror(out) == 0;
}
