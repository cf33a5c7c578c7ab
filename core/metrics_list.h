/* SPDX-License-Identifier: Apache-2.0
 * What the service counts. Written by the coordinator's thread, read by the HTTP thread. */
#ifndef CORE_METRICS_LIST_H
#define CORE_METRICS_LIST_H

#include <stdatomic.h>
#include <stdint.h>

/* X(member, name in the exposition, help) */
#define METRICS_COUNTERS(X) \
	X(events_taken, "events_total", "Events about uploads that were taken.") \
	X(events_irrelevant, "events_irrelevant_total", "Events that concern nothing here.") \
	X(events_broken, "events_broken_total", "Events that could not be used; each is in the log.") \
	X(events_ignored, "events_ignored_total", "Events about uploads that changed nothing.") \
	X(uploads_begun, "uploads_begun_total", "Uploads that were begun.") \
	X(uploads_continued, "uploads_accepted_total", "Uploads that ended with continue.") \
	X(uploads_aborted, "uploads_aborted_total", "Uploads that ended with abort.") \
	X(uploads_deleted, "uploads_deleted_total", "Uploads that ended with delete.") \
	X(uploads_confirmed, "uploads_confirmed_total", "Uploads whose end storage confirmed.") \
	X(steps_run, "steps_run_total", "Runs of steps in this service.") \
	X(steps_retried, "steps_retried_total", "Steps that failed and are to be tried again.") \
	X(steps_stuck, "steps_stuck_total", "Runs that did not end although they were cancelled.") \
	X(records_written, "records_written_total", "Writes of records.") \
	X(record_conflicts, "record_conflicts_total", "Writes refused because somebody else wrote first.") \
	X(requests_failed, "requests_failed_total", "Requests to the broker that had to be repeated.")

struct metrics_list {
#define X(member, name, help) _Atomic uint64_t member;
	METRICS_COUNTERS(X)
#undef X
	_Atomic uint64_t uploads;      /* known now */
	_Atomic uint64_t busy;         /* being moved now */
	_Atomic uint64_t runs;         /* steps queued or running now */
};

#define metrics_count(list, member) atomic_fetch_add_explicit(&(list)->member, 1, memory_order_relaxed)

#endif
