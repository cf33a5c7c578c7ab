/* SPDX-License-Identifier: Apache-2.0
 * What `submit` says of an upload that has ended. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "core/client/end_detail.h"
#include "tests/harness/suite.h"

static const char *const steps[] = {"virusscan", "filetype"};

static void check(const struct status *status, const char *history, const char *expected)
{
	char text[128], copy[1024];
	struct record record = {.status = *status};
	snprintf(copy, sizeof copy, "%s", history);
	record.history = copy;
	record.upload = upload_create(&(struct upload){.id = "one", .url = "http://x", .step = steps, .step_count = 2});
	end_detail(&record, text, sizeof text);
	ck_assert_str_eq(text, expected);
	upload_release(record.upload);
}

START_TEST(of_an_accepted_upload)
{
	const struct status accepted = {.step = 2, .outcome = OUTCOME_CONTINUE, .phase = PHASE_CONFIRMING};
	check(&accepted, "[]", "");
	check(&accepted, "[{\"step\":\"virusscan\",\"verdict\":\"clean\",\"details\":{\"reason\":\"x\"}}]", "");
	check(&accepted,
	      "[{\"step\":\"virusscan\",\"verdict\":\"partial\",\"details\":{\"reason\":\"a part\",\"bytes\":1}}]",
	      "virusscan: partial: a part");
	check(&accepted,
	      "[{\"step\":\"filetype\",\"verdict\":\"zip\"},"
	      "{\"step\":\"virusscan\",\"passed\":true,\"reason\":\"it \\\"failed\\\"\"}]",
	      "virusscan: no verdict: it \"failed\"; filetype: zip");
	/* Details are what a module says. */
	check(&accepted,
	      "[{\"step\":\"filetype\",\"verdict\":\"odd\",\"details\":{\"reason\":[1]}},"
	      "{\"step\":\"virusscan\",\"verdict\":\"old\",\"details\":7}]",
	      "virusscan: old; filetype: odd");
}
END_TEST

START_TEST(of_a_rejected_upload)
{
	struct status rejected = {
		.step = 2, .outcome = OUTCOME_ABORT, .phase = PHASE_CONFIRMING, .decided = 1, .reason = "encrypted: X"};
	static const char history[] = "[{\"step\":\"virusscan\",\"verdict\":\"encrypted\"}]";
	check(&rejected, history, "virusscan: encrypted: X");
	status_set_reason(&rejected, "X");
	check(&rejected, history, "virusscan: encrypted: X");
	check(&rejected, "[{\"step\":\"virusscan\",\"verdict\":\"clean\"}]", "virusscan: X");
	check(&rejected, "[{\"step\":\"filetype\",\"verdict\":\"zip\"}]", "virusscan: X");
	rejected.reason[0] = '\0';
	check(&rejected, history, "virusscan: encrypted");
	check(&rejected, "[]", "virusscan");
	rejected.decided = 0;
	status_set_reason(&rejected, "invalid");
	check(&rejected, history, "invalid");
}
END_TEST

/* A long text says that it was cut. */
START_TEST(of_many_words)
{
	const struct status accepted = {.step = 2, .outcome = OUTCOME_CONTINUE, .phase = PHASE_CONFIRMING};
	char history[512], expected[128];
	char reason[201] = "";
	memset(reason, 'r', sizeof reason - 1);
	snprintf(history, sizeof history, "[{\"step\":\"virusscan\",\"verdict\":\"odd\",\"details\":{\"reason\":\"%s\"}}]",
	         reason);
	snprintf(expected, sizeof expected, "virusscan: odd: %.108s\xe2\x80\xa6", reason);
	check(&accepted, history, expected);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {of_an_accepted_upload, of_a_rejected_upload, of_many_words};
	return suite_run("end_detail", tests, sizeof tests / sizeof tests[0], 30);
}
