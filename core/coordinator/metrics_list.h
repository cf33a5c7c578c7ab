/* SPDX-License-Identifier: Apache-2.0
 * The counters and gauges of the service, as members of a struct. */
#ifndef CORE_COORDINATOR_METRICS_LIST_H
#define CORE_COORDINATOR_METRICS_LIST_H

#include "core/base/metrics.h"

/* X(member, name, help) */
#define METRICS_COUNTERS(X) \
	X(events_taken, "postprocessing_events_total", "Events about uploads that were taken.") \
	X(events_irrelevant, "postprocessing_events_irrelevant_total", "Events that concern nothing here.") \
	X(events_broken, "postprocessing_events_broken_total", "Events that could not be used; each is in the log.") \
	X(events_postponed, "postprocessing_events_postponed_total", "Times an event had to wait for older ones that were still to be read.") \
	X(events_ignored, "postprocessing_events_ignored_total", "Events about uploads that changed nothing.") \
	X(events_repeated, "postprocessing_events_repeated_total", "BytesReceived that repeated the one of an upload that had just ended.") \
	X(uploads_begun, "postprocessing_uploads_begun_total", "Uploads that were begun.") \
	X(uploads_continued, "postprocessing_uploads_continued_total", "Uploads that ended with continue.") \
	X(uploads_aborted, "postprocessing_uploads_aborted_total", "Uploads that ended with abort.") \
	X(uploads_deleted, "postprocessing_uploads_deleted_total", "Uploads that ended with delete.") \
	X(uploads_confirmed, "postprocessing_uploads_confirmed_total", "Uploads whose end storage confirmed.") \
	X(uploads_cleaned, "postprocessing_uploads_cleaned_total", "Uploads that storage removed (CleanUpload) before it confirmed their end.") \
	X(steps_run, "postprocessing_steps_run_total", "Runs of steps in this service.") \
	X(steps_retried, "postprocessing_steps_retried_total", "Steps that failed and are to be tried again.") \
	X(steps_passed, "postprocessing_steps_passed_total", "Steps that failed too often and that uploads went on without (on_exhausted = continue).") \
	X(steps_stuck, "postprocessing_steps_stuck_total", "Runs that did not end although they were cancelled.") \
	X(records_written, "postprocessing_records_written_total", "Writes of records.") \
	X(record_conflicts, "postprocessing_record_conflicts_total", "Writes refused because somebody else wrote first.") \
	X(records_expired, "postprocessing_records_expired_total", "Records of uploads that ended badly and that were removed after their retention.") \
	X(records_restored, "postprocessing_records_restored_total", "Records that the broker had lost and that were written again.") \
	X(uploads_restarted, "postprocessing_uploads_restarted_total", "Uploads that storage was asked to begin again because the broker had lost their records.") \
	X(urls_asked, "postprocessing_urls_asked_total", "Uploads whose URL answered 404 or 410, so that storage was asked to begin them again.") \
	X(requests_failed, "postprocessing_requests_failed_total", "Requests to the broker that had to be repeated.") \
	X(broker_restarts, "postprocessing_private_broker_restarts_total", "Times the private broker was started again.") \
	X(broker_losses, "postprocessing_broker_losses_total", "Times the broker was found without all that it held for the service.") \
	X(broker_rollbacks, "postprocessing_broker_rollbacks_total", "Times the broker was found with an older or another bucket or stream.")
#define METRICS_GAUGES(X) \
	X(uploads, "postprocessing_uploads", "Uploads that this instance looks after.") \
	X(busy, "postprocessing_uploads_moving", "Uploads that are being moved forward at this moment.") \
	X(waiting, "postprocessing_steps_waiting", "Uploads that wait for their turn in a step.") \
	X(runs, "postprocessing_steps_running", "Steps that are running, or next.") \
	X(config_warnings, "postprocessing_config_warnings", "Warnings about the configuration; they are in the log of the start.") \
	X(gap, "postprocessing_gap_events", "Events older than the consumer that are still to be read, at the most.")

struct metrics_list {
#define X(member, name, help) struct counter *member;
	METRICS_COUNTERS(X)
#undef X
#define X(member, name, help) struct gauge *member;
	METRICS_GAUGES(X)
#undef X
};

#define metrics_count(list, member) counter_add((list)->member, 1)

/* Registers all of them, and the metrics of the process. */
void metrics_list_register(struct metrics_list *list, struct metrics *metrics);

#endif
