/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/nats/permissions.h"
#include "tests/harness/suite.h"

/* The service's clock stands still, except for what a test adds. */
static nanos now = HOUR;

nanos __wrap_clock_monotonic(void);
nanos __wrap_clock_monotonic(void)
{
	return now;
}

static struct metrics *metrics;
static struct readiness *readiness;
static struct fact *fact;
static struct permissions *permissions;
static struct log service_log = {.level = LOG_DEBUG};
static FILE *lines;

static void begin(void)
{
	lines = tmpfile();
	ck_assert_ptr_nonnull(lines);
	service_log.fd = fileno(lines);
	metrics = metrics_create();
	readiness = readiness_create(metrics);
	fact = readiness_add(readiness, "permission", "b");
	permissions = permissions_create(&service_log, "b", fact);
	ck_assert_ptr_nonnull(permissions);
}

static void end(void)
{
	permissions_destroy(permissions);
	readiness_destroy(readiness);
	metrics_destroy(metrics);
	fclose(lines);
}

static size_t said(const char *text)
{
	char line[1024];
	size_t count = 0;
	rewind(lines);
	while (fgets(line, sizeof line, lines) != NULL)
		count += strstr(line, text) != NULL;
	return count;
}

static void check_fault(const char *expected)
{
	char text[512];
	ck_assert_str_eq(readiness_fault(readiness, text, sizeof text), expected);
}

#define VIOLATION(TEXT) "Permissions Violation for " TEXT

START_TEST(a_permission_is_named_without_what_is_different_each_time)
{
	static const struct {
		const char *error, *name;
	} names[] = {
		{VIOLATION("Publish to \"main-queue\""), "publish to \"main-queue\""},
		{VIOLATION("Publish to \"$KV.b.MFRGG===\""), "publish to \"$KV.b.>\""},
		{VIOLATION("Publish to \"$JS.ACK.main-queue.c.1.2.3.4.5\""), "publish to \"$JS.ACK.main-queue.>\""},
		{VIOLATION("Publish to \"$JS.FC.KV_b.x.y\""), "publish to \"$JS.FC.>\""},
		{VIOLATION("Publish to \"$JS.API.STREAM.INFO.KV_b\""), "publish to \"$JS.API.STREAM.INFO.KV_b\""},
		{VIOLATION("Publish to \"$JS.API.CONSUMER.CREATE.KV_b\""), "publish to \"$JS.API.CONSUMER.CREATE.KV_b\""},
		{VIOLATION("Publish to \"$JS.API.CONSUMER.DELETE.KV_b.random\""),
	     "publish to \"$JS.API.CONSUMER.DELETE.KV_b.>\""},
		{VIOLATION("Publish to \"$JS.API.CONSUMER.MSG.NEXT.q.c\""), "publish to \"$JS.API.CONSUMER.MSG.NEXT.q.>\""},
		{VIOLATION("Publish to \"$JS.API.CONSUMER.DURABLE.CREATE.q.c\""),
	     "publish to \"$JS.API.CONSUMER.DURABLE.CREATE.q.>\""},
		{VIOLATION("Subscription to \"_INBOX.pp0123.>\""), "subscribe to \"_INBOX.>\""},
		{VIOLATION("Subscription to \"a.b\" using queue \"c\""), "subscribe to \"a.b\""},
		{VIOLATION("Publish with Reply of \"a.b\""), "publish to \"a.b\""},
		{VIOLATION("Publish to \"unended"), "publish to \"unended\""},
		{"something else", "something else"},
	};
	char text[PERMISSION_SIZE];
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		ck_assert_str_eq(permission_name(names[i].error, text), names[i].name);
}
END_TEST

START_TEST(each_refusal_is_logged_once_in_ten_minutes)
{
	char error[128];
	begin();
	const struct permission_scope scope = {permissions, "bus"};
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(error, sizeof error, VIOLATION("Publish to \"$KV.b.%u\""), i);
		permissions_refused(&scope, error);
	}
	permissions_refused(&scope, VIOLATION("Publish to \"q\""));
	ck_assert_uint_eq(said("error broker b: the user may not publish to \"$KV.b.>\": grant this permission"), 1);
	ck_assert_uint_eq(said(" error "), 2);
	check_fault("permission b: the user may not publish to \"$KV.b.>\" (and 1 more, see the log)");
	now += 11 * MINUTE;
	permissions_refused(&scope, error);
	ck_assert_uint_eq(said(" error "), 3);
	end();
}
END_TEST

START_TEST(what_works_is_permitted)
{
	begin();
	const struct permission_scope bus = {permissions, "bus"}, scan = {permissions, "scan"};
	permissions_refused(&bus, VIOLATION("Publish to \"a\""));
	permissions_refused(&scan, VIOLATION("Publish to \"b\""));
	permissions_worked(&bus);
	check_fault("permission b: the user may not publish to \"b\"");
	permissions_worked(&scan);
	check_fault("");
	/* It is reported again at once, but not logged. */
	permissions_refused(&scan, VIOLATION("Publish to \"b\""));
	ck_assert(!fact_good(fact));
	ck_assert_uint_eq(said("may not publish to \"b\""), 1);
	end();
}
END_TEST

START_TEST(what_is_tested_is_not_believed_to_work)
{
	begin();
	const struct permission_scope bus = {permissions, "bus"};
	struct tested tested[] = {{"publish to \"a\"", true}, {"publish to \"b\"", false}};
	permissions_not_tested(&bus, "no connection");
	check_fault("permission b: cannot be tested: no connection");
	permissions_refused(&bus, VIOLATION("Publish to \"b\""));
	permissions_refused(&bus, VIOLATION("Publish to \"c\""));
	permissions_tested(&bus, tested, 2);
	permissions_worked(&bus);
	check_fault("permission b: the user may not publish to \"a\"");
	tested[0].refused = false;
	permissions_tested(&bus, tested, 2);
	check_fault("");
	permissions_not_tested(&bus, "no connection");
	check_fault("");
	end();
}
END_TEST

START_TEST(what_is_not_tried_again_is_forgotten)
{
	begin();
	const struct permission_scope bus = {permissions, "bus"};
	permissions_refused(&bus, VIOLATION("Publish to \"a\""));
	now += 14 * MINUTE;
	permissions_expire(permissions);
	ck_assert(!fact_good(fact));
	now += 2 * MINUTE;
	permissions_expire(permissions);
	ck_assert(fact_good(fact));
	end();
}
END_TEST

START_TEST(many_refusals_take_no_more_room)
{
	char error[128];
	begin();
	const struct permission_scope bus = {permissions, "bus"};
	for (unsigned i = 0; i < 100; i++) {
		snprintf(error, sizeof error, VIOLATION("Publish to \"subject.%u\""), i);
		permissions_refused(&bus, error);
		now += SECOND;
	}
	check_fault("permission b: the user may not publish to \"subject.96\" (and 15 more, see the log)");
	/* Without permissions nothing is reported. */
	permissions_refused(&(struct permission_scope){0}, error);
	permissions_worked(&(struct permission_scope){0});
	permissions_destroy(NULL);
	end();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_permission_is_named_without_what_is_different_each_time,
	                              each_refusal_is_logged_once_in_ten_minutes,
	                              what_works_is_permitted,
	                              what_is_tested_is_not_believed_to_work,
	                              what_is_not_tried_again_is_forgotten,
	                              many_refusals_take_no_more_room};
	return suite_run("permissions", tests, sizeof tests / sizeof tests[0], 60);
}
