/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static nanos read_clock(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (nanos)now.tv_sec * SECOND + now.tv_nsec;
}

nanos clock_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

nanos clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Writes exactly `count` digits, and returns the position after them. */
static char *write_digits(char *text, long value, int count, char behind)
{
	for (int i = count; i-- > 0; value /= 10)
		text[i] = (char)('0' + value % 10);
	text[count] = behind;
	return text + count + 1;
}

char *time_format(nanos time, char text[TIME_TEXT_SIZE])
{
	time_t seconds = (time_t)(time / SECOND);
	long fraction = (long)(time % SECOND);
	if (fraction < 0) {
		fraction += SECOND;
		seconds--;
	}
	struct tm tm;
	gmtime_r(&seconds, &tm);
	char *end = write_digits(text, tm.tm_year + 1900, 4, '-');
	end = write_digits(end, tm.tm_mon + 1, 2, '-');
	end = write_digits(end, tm.tm_mday, 2, 'T');
	end = write_digits(end, tm.tm_hour, 2, ':');
	end = write_digits(end, tm.tm_min, 2, ':');
	end = write_digits(end, tm.tm_sec, 2, '.');
	end = write_digits(end, fraction, 9, '0');
	while (end[-1] == '0')
		end--;
	if (end[-1] == '.')
		end--;
	end[0] = 'Z';
	end[1] = '\0';
	return text;
}

/* Reads exactly `count` digits; -1: invalid. */
static int digits(const char **text, int count)
{
	int value = 0;
	for (int i = 0; i < count; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return -1;
		value = value * 10 + (**text - '0');
	}
	return value;
}

static bool skip(const char **text, char expected)
{
	if (**text != expected)
		return false;
	(*text)++;
	return true;
}

static bool parse_fraction(const char **text, long *fraction)
{
	*fraction = 0;
	if (!skip(text, '.'))
		return true;
	long unit = 100000000;
	const char *start = *text;
	for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
		*fraction += (**text - '0') * unit;
	return *text != start;
}

static bool parse_offset(const char **text, int *seconds)
{
	*seconds = 0;
	if (skip(text, 'Z') || skip(text, 'z'))
		return true;
	int sign = skip(text, '+') ? 1 : skip(text, '-') ? -1 : 0;
	if (sign == 0)
		return false;
	int hours = digits(text, 2);
	if (hours < 0 || hours > 23 || !skip(text, ':'))
		return false;
	int minutes = digits(text, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static int month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month] + (month == 1 && leap);
}

bool time_parse(const char *text, nanos *time)
{
	struct tm tm = {0};
	int year = digits(&text, 4);
	bool dated = year >= 1900 && year < 2262 && skip(&text, '-') && (tm.tm_mon = digits(&text, 2)) >= 1 &&
	             tm.tm_mon <= 12 && skip(&text, '-') && (tm.tm_mday = digits(&text, 2)) >= 1 && tm.tm_mday <= 31;
	if (!dated || !(skip(&text, 'T') || skip(&text, 't') || skip(&text, ' ')))
		return false;
	bool timed = (tm.tm_hour = digits(&text, 2)) >= 0 && tm.tm_hour <= 23 && skip(&text, ':') &&
	             (tm.tm_min = digits(&text, 2)) >= 0 && tm.tm_min <= 59 && skip(&text, ':') &&
	             (tm.tm_sec = digits(&text, 2)) >= 0 && tm.tm_sec <= 60;
	long fraction;
	int offset;
	if (!timed || !parse_fraction(&text, &fraction) || !parse_offset(&text, &offset) || *text != '\0')
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon -= 1;
	if (tm.tm_mday > month_days(year, tm.tm_mon))
		return false;
	time_t seconds = timegm(&tm);
	*time = ((nanos)seconds - offset) * SECOND + fraction;
	return *time >= TIME_FIRST && *time <= TIME_LAST;
}

static nanos duration_unit(const char **text)
{
	static const struct {
		const char *name;
		nanos length;
	} unit[] = {{"ns", 1},           {"us", 1000},  {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
	            {"ms", MILLISECOND}, {"s", SECOND}, {"m", MINUTE},       {"h", HOUR}};
	for (size_t i = 0; i < sizeof unit / sizeof unit[0]; i++) {
		size_t length = strlen(unit[i].name);
		if (strncmp(*text, unit[i].name, length) == 0) {
			*text += length;
			return unit[i].length;
		}
	}
	return 0;
}

/* One "12.5ms"; adds to *sum. */
static bool duration_part(const char **text, nanos *sum)
{
	nanos whole = 0, fraction = 0;
	double scale = 1;
	int seen = 0;
	for (; **text >= '0' && **text <= '9'; (*text)++, seen++) {
		if (__builtin_mul_overflow(whole, (nanos)10, &whole) ||
		    __builtin_add_overflow(whole, (nanos)(**text - '0'), &whole))
			return false;
	}
	if (skip(text, '.')) {
		for (; **text >= '0' && **text <= '9'; (*text)++, seen++) {
			if (fraction < INT64_MAX / 10) { /* further digits are below a nanosecond in any unit */
				scale *= 10;
				fraction = fraction * 10 + (**text - '0');
			}
		}
	}
	if (seen == 0)
		return false;
	nanos unit = duration_unit(text), part;
	if (unit == 0 || __builtin_mul_overflow(whole, unit, &part) || __builtin_add_overflow(*sum, part, sum))
		return false;
	/* As Go computes it: 0.333…h is 20m there, a double's precision away from the exact value. */
	part = (nanos)((double)fraction * ((double)unit / scale));
	return !__builtin_add_overflow(*sum, part, sum);
}

bool duration_parse(const char *text, nanos *duration)
{
	nanos sum = 0;
	skip(&text, '+');
	if (strcmp(text, "0") == 0) {
		*duration = 0;
		return true;
	}
	if (*text == '\0')
		return false;
	while (*text != '\0')
		if (!duration_part(&text, &sum))
			return false;
	*duration = sum;
	return true;
}

char *duration_format(nanos duration, char text[DURATION_TEXT_SIZE])
{
	if (duration < 0)
		duration = 0;
	if (duration < SECOND) {
		snprintf(text, DURATION_TEXT_SIZE, "%dms", (int)(duration / MILLISECOND));
	} else if (duration < MINUTE) {
		/* Three digits, truncated and not rounded: 59.99s must not become 60s. */
		nanos unit = duration < 10 * SECOND ? SECOND / 100 : SECOND / 10;
		nanos truncated = duration / unit * unit;
		snprintf(text, DURATION_TEXT_SIZE, "%.3gs", (double)truncated / (double)SECOND);
	} else {
		int64_t seconds = duration / SECOND;
		int used = 0;
		if (seconds >= 3600)
			used += snprintf(text, DURATION_TEXT_SIZE, "%ldh", (long)(seconds / 3600));
		if (seconds % 3600 / 60 != 0)
			used += snprintf(text + used, DURATION_TEXT_SIZE - (size_t)used, "%dm", (int)(seconds % 3600 / 60));
		if (seconds % 60 != 0)
			snprintf(text + used, DURATION_TEXT_SIZE - (size_t)used, "%ds", (int)(seconds % 60));
	}
	return text;
}
