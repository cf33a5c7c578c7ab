/* SPDX-License-Identifier: Apache-2.0
 * The counters and gauges of the service, as members of a struct. */
#ifndef CORE_COORDINATOR_METRICS_LIST_H
#define CORE_COORDINATOR_METRICS_LIST_H

#include "core/base/metrics.h"

/* X(member, name, help) */
#define METRICS_COUNTERS(X) \
	X(events_taken, "postprocessing_events_total", "Events about uploads that were delivered to this instance.") \
	X(events_irrelevant, "postprocessing_events_irrelevant_total", "Events that do not concern this service.") \
	X(events_broken, "postprocessing_events_broken_total", "Invalid events; each is logged.") \
	X(events_postponed, "postprocessing_events_postponed_total", \
	  "Times an event was postponed: older events come first, or another instance must get it.") \
	X(events_ignored, "postprocessing_events_ignored_total", "Events about uploads that changed nothing.") \
	X(events_repeated, "postprocessing_events_repeated_total", \
	  "Repeated BytesReceived events of uploads that had just ended.") \
	X(uploads_begun, "postprocessing_uploads_begun_total", "Uploads that began.") \
	X(uploads_continued, "postprocessing_uploads_continued_total", "Uploads that ended with continue.") \
	X(uploads_aborted, "postprocessing_uploads_aborted_total", "Uploads that ended with abort.") \
	X(uploads_exhausted, "postprocessing_uploads_exhausted_total", \
	  "Uploads that were aborted because a step reached no verdict, with all its retries; they are among the aborted.") \
	X(uploads_deleted, "postprocessing_uploads_deleted_total", "Uploads that ended with delete.") \
	X(uploads_confirmed, "postprocessing_uploads_confirmed_total", "Uploads whose end was confirmed by storage.") \
	X(uploads_cleaned, "postprocessing_uploads_cleaned_total", \
	  "Uploads that storage removed (CleanUpload) before it confirmed their end.") \
	X(steps_run, "postprocessing_steps_run_total", "Runs of steps in this service.") \
	X(steps_retried, "postprocessing_steps_retried_total", "Failed steps that are retried.") \
	X(steps_passed, "postprocessing_steps_passed_total", \
	  "Steps without a verdict after all retries, which uploads passed (on_exhausted = continue).") \
	X(steps_crashed, "postprocessing_steps_crashed_total", "Runs that ended because the module's process died.") \
	X(cache_hits, "postprocessing_cache_hits_total", "Questions of modules that the cache answered in time.") \
	X(cache_shared, "postprocessing_cache_shared_total", \
	  "Questions of modules that were answered by what another run found out meanwhile; they are among the hits.") \
	X(cache_remembered, "postprocessing_cache_remembered_total", \
	  "Questions of modules that this instance answered without asking the broker; they are among the hits.") \
	X(cache_asked, "postprocessing_cache_asked_total", "Questions of modules that the broker was asked.") \
	X(cache_misses, "postprocessing_cache_misses_total", \
	  "Questions of modules that the cache had no answer to, or none in time.") \
	X(cache_kept, "postprocessing_cache_kept_total", "Texts that modules gave to the cache.") \
	X(holds, "postprocessing_holds_total", "Uploads that a step held until people decide.") \
	X(holds_released, "postprocessing_holds_released_total", "Held uploads that were released.") \
	X(holds_rejected, "postprocessing_holds_rejected_total", "Held uploads that were rejected.") \
	X(holds_expired, "postprocessing_holds_expired_total", \
	  "Held uploads that nobody decided on in time; hold_outcome was their outcome.") \
	X(workers_replaced, "postprocessing_workers_replaced_total", \
	  "Processes of modules that were replaced because they kept too much memory after a run.") \
	X(steps_stuck, "postprocessing_steps_stuck_total", "Runs that ignored their cancellation and were abandoned.") \
	X(records_written, "postprocessing_records_written_total", "Records written.") \
	X(record_conflicts, "postprocessing_record_conflicts_total", \
	  "Writes refused because the record had been changed since it was read.") \
	X(records_expired, "postprocessing_records_expired_total", \
	  "Records of rejected uploads that were removed after their retention.") \
	X(records_restored, "postprocessing_records_restored_total", \
	  "Records lost by the broker and written again from memory.") \
	X(uploads_restarted, "postprocessing_uploads_restarted_total", \
	  "Uploads that storage was asked to begin again because the broker had lost their records.") \
	X(urls_asked, "postprocessing_urls_asked_total", \
	  "Uploads that storage was asked to begin again because their URL answered 404 or 410.") \
	X(requests_failed, "postprocessing_requests_failed_total", "Requests to the broker that were repeated.") \
	X(broker_restarts, "postprocessing_private_broker_restarts_total", "Times the embedded broker was restarted.") \
	X(broker_losses, "postprocessing_broker_losses_total", \
	  "Times the broker was found without the stream and the bucket.") \
	X(broker_rollbacks, "postprocessing_broker_rollbacks_total", \
	  "Times the broker was found with an older or another bucket or stream.")
#define METRICS_GAUGES(X) \
	X(uploads, "postprocessing_uploads", "Uploads that this instance looks after.") \
	X(busy, "postprocessing_uploads_moving", "Uploads that are being moved forward now.") \
	X(waiting, "postprocessing_steps_waiting", "Uploads that wait for their turn in a step.") \
	X(runs, "postprocessing_steps_running", "Runs that are under way or next.") \
	X(config_warnings, "postprocessing_config_warnings", \
	  "Warnings about the configuration; they are logged at the start.") \
	X(gap, "postprocessing_gap_events", "Events older than the consumer that have not been read yet, at most.")

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
