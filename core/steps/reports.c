/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/reports.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/text.h"
#include "core/steps/workers.h"

/* Room for "postprocessing_step_", the name and "_total". */
#define FULL_NAME_SIZE 80

/* A metric of one step, or one that was refused. */
struct own_series {
	struct own_series *next;
	char *step;
	char name[PP_METRIC_NAME_LIMIT + 1];
	bool gauge;
	char full[FULL_NAME_SIZE];
	/* Both NULL: refused. */
	struct counter *counter;
	struct real *real;
};

/* The progress of a run that has reported any. */
struct progress {
	struct progress *next;
	const struct run *run; /* only its address */
	char *id, *step;
	int64_t done, total;
	nanos at;
};

struct reports {
	pthread_mutex_t lock;
	struct metrics *metrics;
	const struct log *log;
	struct own_series *series;
	struct progress *progress;
};

struct reports *reports_create(struct metrics *metrics, const struct log *log)
{
	struct reports *reports = alloc_zeroed(1, sizeof *reports);
	pthread_mutex_init(&reports->lock, NULL);
	reports->metrics = metrics;
	reports->log = log;
	return reports;
}

static void free_progress(struct progress *progress)
{
	free(progress->id);
	free(progress->step);
	free(progress);
}

void reports_destroy(struct reports *reports)
{
	if (reports == NULL)
		return;
	for (struct own_series *series = reports->series, *next; series != NULL; series = next) {
		next = series->next;
		free(series->step);
		free(series);
	}
	for (struct progress *progress = reports->progress, *next; progress != NULL; progress = next) {
		next = progress->next;
		free_progress(progress);
	}
	pthread_mutex_destroy(&reports->lock);
	free(reports);
}

/* Why the step cannot have another metric of this name; NULL: it can. */
static const char *find_obstacle(const struct reports *reports, const struct own_series *wanted)
{
	unsigned count = 0;
	bool known = false;
	for (const struct own_series *series = reports->series; series != NULL; series = series->next) {
		count += strcmp(series->step, wanted->step) == 0;
		bool accepted = series->counter != NULL || series->real != NULL;
		if (!accepted || strcmp(series->full, wanted->full) != 0)
			continue;
		if (series->gauge != wanted->gauge)
			return "another module uses the name for a metric of another kind";
		known = true;
	}
	if (count >= PP_METRICS_LIMIT)
		return "a step can have no more metrics of its own";
	return !known && metrics_knows(reports->metrics, wanted->full) ? "the service has a metric of this name" : NULL;
}

static struct own_series *add_series(struct reports *reports, const char *step, const struct own_metric *metric)
{
	const char *const labels[] = {"step", step, NULL};
	struct own_series *series = alloc_zeroed(1, sizeof *series);
	series->step = alloc_text(step);
	series->gauge = metric->gauge;
	text_copy(series->name, sizeof series->name, metric->name);
	snprintf(series->full, sizeof series->full, "postprocessing_step_%s%s", metric->name,
	         metric->gauge ? "" : "_total");
	const char *obstacle = find_obstacle(reports, series);
	if (obstacle != NULL)
		log_warning(reports->log, "step %s: its metric %s is dropped: %s", step, series->full, obstacle);
	else if (metric->gauge)
		series->real = metrics_real(reports->metrics, series->full, "Set by the module of the step.", labels);
	else
		series->counter = metrics_counter(reports->metrics, series->full, "Counted by the module of the step.", labels);
	series->next = reports->series;
	reports->series = series;
	return series;
}

/* NULL: the step has used up its names, and those that are refused, too. */
static struct own_series *get_series(struct reports *reports, const char *step, const struct own_metric *metric)
{
	unsigned count = 0;
	for (struct own_series *series = reports->series; series != NULL; series = series->next) {
		if (strcmp(series->step, step) != 0)
			continue;
		if (series->gauge == metric->gauge && strcmp(series->name, metric->name) == 0)
			return series;
		count++;
	}
	return count > PP_METRICS_LIMIT ? NULL : add_series(reports, step, metric);
}

void reports_metrics(struct reports *reports, const char *step, const struct report *report)
{
	if (reports == NULL || report->metrics == 0)
		return;
	pthread_mutex_lock(&reports->lock);
	for (size_t i = 0; i < report->metrics; i++) {
		const struct own_metric *metric = &report->metric[i];
		const struct own_series *series = get_series(reports, step, metric);
		if (series != NULL && metric->gauge)
			real_set(series->real, metric->value);
		else if (series != NULL)
			counter_add(series->counter, metric->count);
	}
	pthread_mutex_unlock(&reports->lock);
}

void reports_progress(struct reports *reports, const char *step, const struct run *run, int64_t done, int64_t total)
{
	if (reports == NULL)
		return;
	pthread_mutex_lock(&reports->lock);
	struct progress *progress = reports->progress;
	while (progress != NULL && progress->run != run)
		progress = progress->next;
	if (progress == NULL) {
		progress = alloc_zeroed(1, sizeof *progress);
		progress->run = run;
		progress->id = alloc_text(run->upload->id);
		progress->step = alloc_text(step);
		progress->next = reports->progress;
		reports->progress = progress;
	}
	progress->done = done;
	progress->total = total;
	progress->at = clock_now();
	pthread_mutex_unlock(&reports->lock);
}

void reports_end(struct reports *reports, const struct run *run)
{
	if (reports == NULL)
		return;
	pthread_mutex_lock(&reports->lock);
	struct progress **link = &reports->progress;
	while (*link != NULL && (*link)->run != run)
		link = &(*link)->next;
	struct progress *ended = *link;
	if (ended != NULL)
		*link = ended->next;
	pthread_mutex_unlock(&reports->lock);
	if (ended != NULL)
		free_progress(ended);
}

void reports_write(struct reports *reports, const char *instance, struct workers *workers, FILE *out)
{
	struct text text = {0};
	char at[TIME_TEXT_SIZE];
	text_string(&text, "{\"instance\":", instance);
	text_add(&text, ",\"runs\":[");
	pthread_mutex_lock(&reports->lock);
	for (const struct progress *progress = reports->progress; progress != NULL; progress = progress->next) {
		text_string(&text, progress == reports->progress ? "{\"id\":" : ",{\"id\":", progress->id);
		text_string(&text, ",\"step\":", progress->step);
		text_number(&text, ",\"done\":", progress->done);
		text_number(&text, ",\"total\":", progress->total);
		text_string(&text, ",\"at\":", time_format(progress->at, at));
		text_add(&text, "}");
	}
	pthread_mutex_unlock(&reports->lock);
	text_add(&text, "],\"running\":[");
	workers_write_running(workers, &text);
	text_add(&text, "]}\n");
	if (!text.failed)
		fputs(text.data, out);
	text_free(&text);
}
