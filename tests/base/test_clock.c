/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"

static const struct {
	const char *text;
	nanos time;
	const char *written; /* NULL: as `text` */
} times[] = {
	{"1970-01-01T00:00:00Z", 0, NULL},
	{"1970-01-01T00:00:00.000000001Z", 1, NULL},
	{"1969-12-31T23:59:59.999999999Z", -1, NULL},
	{"1969-12-31T23:59:59Z", -SECOND, NULL},
	{"2024-02-29T12:30:45.120Z", 1709209845120000000, "2024-02-29T12:30:45.12Z"},
	{"2024-02-29T12:30:45.5Z", 1709209845500000000, NULL},
	{"2024-02-29T14:00:45.5+01:30", 1709209845500000000, "2024-02-29T12:30:45.5Z"},
	{"2024-02-29T00:30:45.5-12:00", 1709209845500000000, "2024-02-29T12:30:45.5Z"},
	{"2024-02-29t12:30:45.5z", 1709209845500000000, "2024-02-29T12:30:45.5Z"},
	{"2024-02-29 12:30:45.5Z", 1709209845500000000, "2024-02-29T12:30:45.5Z"},
	{"2024-02-29T12:30:45.500000000999Z", 1709209845500000000, "2024-02-29T12:30:45.5Z"},
	{"2016-12-31T23:59:60Z", 1483228800 * SECOND, "2017-01-01T00:00:00Z"},
	{"2000-02-29T00:00:00Z", 951782400 * SECOND, NULL},
	{"1900-01-01T00:00:00Z", -2208988800 * SECOND, NULL},
	{"2261-12-31T23:59:59.999999999Z", 9214646399999999999, NULL},
	{"2024-02-29T12:30:45-00:00", 1709209845 * SECOND, "2024-02-29T12:30:45Z"},
};

START_TEST(time_is_read_and_written)
{
	nanos time;
	char text[TIME_TEXT_SIZE];
	ck_assert_msg(time_parse(times[_i].text, &time), "%s", times[_i].text);
	ck_assert_int_eq(time, times[_i].time);
	ck_assert_str_eq(time_format(time, text), times[_i].written == NULL ? times[_i].text : times[_i].written);
}
END_TEST

static const char *const no_times[] = {
	"",
	"2024",
	"2024-02-29",
	"2024-02-29T12:30:45",
	"2024-02-29T12:30:45.Z",
	"2024-02-29T12:30:45.5",
	"2024-02-29T12:30Z",
	"2024-13-01T00:00:00Z",
	"2024-00-01T00:00:00Z",
	"2024-01-00T00:00:00Z",
	"2024-01-32T00:00:00Z",
	"2024-01-01T24:00:00Z",
	"2024-01-01T00:60:00Z",
	"2024-01-01T00:00:61Z",
	"2024-01-01T00:00:00+24:00",
	"2024-01-01T00:00:00+01:60",
	"2024-01-01T00:00:00+0100",
	"2024-01-01T00:00:00Zx",
	" 2024-01-01T00:00:00Z",
	"2024-01-01T00:00:00 Z",
	"+024-01-01T00:00:00Z",
	"2024-1-01T00:00:00Z",
	"0001-01-01T00:00:00Z",
	"9999-12-31T23:59:59Z",
	"2262-04-12T00:00:00Z",
	/* Days that do not exist in their months. */
	"2023-02-29T00:00:00Z",
	"1900-02-29T00:00:00Z",
	"2024-02-30T00:00:00Z",
	"2024-04-31T00:00:00Z",
};

START_TEST(invalid_times_are_refused)
{
	nanos time;
	ck_assert_msg(!time_parse(no_times[_i], &time), "\"%s\"", no_times[_i]);
}
END_TEST

START_TEST(time_extremes)
{
	char text[TIME_TEXT_SIZE];
	ck_assert_str_eq(time_format(INT64_MAX, text), "2262-04-11T23:47:16.854775807Z");
	ck_assert_str_eq(time_format(INT64_MIN, text), "1677-09-21T00:12:43.145224192Z");
	nanos before = clock_now(), time;
	/* What can be read can be written and read again, at any offset. */
	ck_assert(time_parse(time_format(TIME_LAST, text), &time) && time == TIME_LAST);
	ck_assert(time_parse(time_format(TIME_FIRST, text), &time) && time == TIME_FIRST);
	ck_assert(!time_parse(time_format(TIME_LAST + 1, text), &time) &&
	          !time_parse(time_format(TIME_FIRST - 1, text), &time));
	ck_assert(!time_parse("2261-12-31T23:59:59-00:01", &time) && !time_parse("1900-01-01T00:00:00+00:01", &time));
	ck_assert(time_parse(time_format(before, text), &time));
	ck_assert_int_eq(time, before);
	nanos start = clock_monotonic();
	ck_assert_int_ge(clock_monotonic(), start);
	ck_assert_int_gt(before, 1700000000 * SECOND);
}
END_TEST

static const struct {
	const char *text;
	nanos duration;
} durations[] = {
	{"0", 0},
	{"+0", 0},
	{"0s", 0},
	{"1ns", 1},
	{"1us", 1000},
	{"1\xc2\xb5s", 1000},
	{"1\xce\xbcs", 1000},
	{"1ms", MILLISECOND},
	{"300ms", 300 * MILLISECOND},
	{"1s", SECOND},
	{"+5s", 5 * SECOND},
	{"1m", MINUTE},
	{"1h", HOUR},
	{"1.5h", 90 * MINUTE},
	{".5s", 500 * MILLISECOND},
	{"5.s", 5 * SECOND},
	{"1h2m3.5s", HOUR + 2 * MINUTE + 3500 * MILLISECOND},
	{"1m1m", 2 * MINUTE},
	{"1s1h", HOUR + SECOND},
	{"0.000000001s", 1},
	{"0.0000000001s", 0},
	{"1.000000001s", SECOND + 1},
	{"0.1ms", 100000},
	{"2562047h47m16.854775807s", INT64_MAX},
	{"9223372036854775807ns", INT64_MAX},
	{"0.3333333333333333333h", 20 * MINUTE},
	{"000000000000000000000001s", SECOND},
	{"0.100000000000000000000h", 6 * MINUTE},
	{"9223372036.854775807s", INT64_MAX},
	{"0.830103483285477580700h", 2988372539827},
};

START_TEST(duration_is_read)
{
	nanos duration;
	ck_assert_msg(duration_parse(durations[_i].text, &duration), "\"%s\"", durations[_i].text);
	ck_assert_int_eq(duration, durations[_i].duration);
}
END_TEST

static const char *const no_durations[] = {
	"",
	"+",
	"-",
	"-1s",
	"1",
	"1 s",
	" 1s",
	"1s ",
	"s",
	".s",
	".",
	"1d",
	"1w",
	"1S",
	"1.5",
	"1..5s",
	"1.2.3s",
	"1e3s",
	"0x1s",
	"++1s",
	"1s+1s",
	"9223372036854775808ns",
	"2562047h47m16.854775808s",
	"2562048h",
	"99999999999999999999h",
	"00",
	"inf",
	"nan",
	"1\xc2s",
};

START_TEST(invalid_durations_are_refused)
{
	nanos duration;
	ck_assert_msg(!duration_parse(no_durations[_i], &duration), "\"%s\"", no_durations[_i]);
}
END_TEST

static const struct {
	nanos duration;
	const char *text;
} written[] = {
	{0, "0ms"},
	{-5, "0ms"},
	{MILLISECOND, "1ms"},
	{300 * MILLISECOND, "300ms"},
	{999 * MILLISECOND, "999ms"},
	{SECOND, "1s"},
	{1500 * MILLISECOND, "1.5s"},
	{30 * SECOND, "30s"},
	{MINUTE, "1m"},
	{90 * SECOND, "1m30s"},
	{HOUR, "1h"},
	{HOUR + SECOND, "1h1s"},
	{HOUR + 2 * MINUTE + 3 * SECOND, "1h2m3s"},
	{59999 * MILLISECOND, "59.9s"},
	{720 * HOUR, "720h"},
	{INT64_MAX, "2562047h47m16s"},
};

START_TEST(duration_is_written)
{
	char text[DURATION_TEXT_SIZE];
	ck_assert_str_eq(duration_format(written[_i].duration, text), written[_i].text);
}
END_TEST

#define LOOP(tcase, test, table) tcase_add_loop_test((tcase), test, 0, (int)(sizeof(table) / sizeof(table)[0]))

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tcase = tcase_create("clock");
	LOOP(tcase, time_is_read_and_written, times);
	LOOP(tcase, invalid_times_are_refused, no_times);
	tcase_add_test(tcase, time_extremes);
	LOOP(tcase, duration_is_read, durations);
	LOOP(tcase, invalid_durations_are_refused, no_durations);
	LOOP(tcase, duration_is_written, written);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
