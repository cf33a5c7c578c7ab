/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/run.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/json_reader.h"
#include "core/upload/event.h"
#include "core/upload/history.h"

_Static_assert(HISTORY_RESULT_LIMIT == PP_KEPT_LIMIT, "what the header says of results that are kept");
_Static_assert(EARLIER_LIMIT == UPLOAD_STEPS_LIMIT, "all steps of an upload");
_Static_assert(UPLOAD_NAME_SIZE == PP_NAME_LIMIT + 1, "what the header says of a user's and a space's ID");
_Static_assert(REASON_SIZE == PP_REASON_LIMIT + 1, "what the header says of a reason's length");
/* A Result is stored in the record and published in an event, so it must leave enough room in both. */
_Static_assert(PP_RESULT_LIMIT <= EVENT_LIMIT / 8, "a Result's event is well within the limit for events");
_Static_assert(PP_RESULT_DEPTH <= JSON_DEPTH_LIMIT / 2, "a Result's event and record are not nested too deeply");

struct run *run_create(struct upload *upload)
{
	struct run *run = alloc_zeroed(1, sizeof *run);
	run->mail.kind = MAIL_RUN;
	run->upload = upload_hold(upload);
	run->outcome = OUTCOME_RETRY;
	run->cancel_fd = -1;
	return run;
}

void run_free(struct run *run)
{
	if (run == NULL)
		return;
	upload_release(run->upload);
	free(run->result);
	free(run->verdict);
	free(run->details);
	free(run->history);
	free(run);
}

static const char *known(const char *name)
{
	return name[0] != '\0' ? name : NULL;
}

/* The steps before this one, and what they said. */
static void describe_earlier(const struct run *run, struct run_description *description)
{
	const struct upload *upload = run->upload;
	size_t length = run->history != NULL ? strlen(run->history) : 0;
	struct json_reader reader = {.room = NULL, .left = JSON_ROOM(length)};
	description->facts.earlier = description->earlier;
	description->room = reader.room = run->history != NULL ? alloc_bytes(reader.left) : NULL;
	for (size_t i = 0; i < run->place && i < upload->step_count && i < EARLIER_LIMIT; i++) {
		struct history_values values;
		struct earlier_step *earlier = &description->earlier[i];
		*earlier = (struct earlier_step){.name = upload->step[i], .outcome = PP_CONTINUE};
		description->facts.earlier_count = i + 1;
		if (run->history == NULL || !history_find(run->history, earlier->name, &values))
			continue;
		const char *verdict = json_reader_string(&reader, &values.verdict);
		earlier->outcome = values.passed.text != NULL ? 0 : PP_CONTINUE;
		earlier->verdict = verdict_is_word(verdict) ? verdict : NULL;
		earlier->result = values.result.text != NULL ? json_reader_text(&reader, &values.result) : NULL;
	}
}

void run_description_free(struct run_description *description)
{
	free(description->room);
}

void run_describe(const struct run *run, struct copies *copies, nanos deadline, struct run_description *description)
{
	const struct upload *upload = run->upload;
	const struct copy_source source = {.id = upload->id, .url = upload->url, .size = upload->filesize};
	bool digested = copies_know_digest(copies, &source, description->digest);
	upload_user_id(upload, description->user_id);
	upload_space_id(upload, description->space_id);
	description->facts = (struct run_facts){.id = upload->id,
	                                        .filename = upload->filename,
	                                        .resource_id_json = upload->resource_id_json,
	                                        .user_id = known(description->user_id),
	                                        .space_id = known(description->space_id),
	                                        .filesize = upload->filesize,
	                                        .digest = digested ? description->digest : NULL,
	                                        .attempt = run->attempt,
	                                        .woken_at = run->woken_at,
	                                        .deadline = deadline};
	describe_earlier(run, description);
}

void run_write(const struct run *run, const char *step, struct text *text)
{
	char since[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
	nanos started = run != NULL ? atomic_load(&run->started) : 0;
	if (started == 0)
		return;
	bool first = text->length == 0 || text->data[text->length - 1] == '[';
	text_string(text, first ? "{\"id\":" : ",{\"id\":", run->upload->id);
	text_string(text, ",\"step\":", step);
	text_string(text, ",\"since\":", time_format(started, since));
	text_string(text, ",\"until\":", time_format(started + run->allowed, until));
	text_add(text, "}");
}

void run_answer_take(struct run *run, struct run_answer *answer)
{
	static const enum outcome outcome[] = {
		[PP_RETRY] = OUTCOME_RETRY,   [PP_CONTINUE] = OUTCOME_CONTINUE, [PP_ABORT] = OUTCOME_ABORT,
		[PP_DELETE] = OUTCOME_DELETE, [PP_WAIT] = OUTCOME_RETRY,        [PP_AWAIT] = OUTCOME_RETRY,
		[PP_HOLD] = OUTCOME_RETRY};
	run->returned = answer->value == PP_WAIT    ? RETURNED_WAIT
	                : answer->value == PP_AWAIT ? RETURNED_AWAIT
	                : answer->value == PP_HOLD  ? RETURNED_HOLD
	                                            : RETURNED_VERDICT;
	run->outcome = outcome[answer->value];
	run->until = answer->until;
	run->result = answer->result;
	run->verdict = answer->verdict[0] != '\0' ? alloc_text(answer->verdict) : NULL;
	run->details = answer->details;
	answer->result = answer->details = NULL;
	memcpy(run->reason, answer->reason, sizeof run->reason);
}

bool run_is_last(const struct run *run, const char *step)
{
	const struct upload *upload = run->upload;
	if (run->returned != RETURNED_VERDICT || run->outcome == OUTCOME_RETRY)
		return false;
	return run->outcome != OUTCOME_CONTINUE ||
	       (upload->step_count > 0 && strcmp(upload->step[upload->step_count - 1], step) == 0);
}
