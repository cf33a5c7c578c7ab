/* SPDX-License-Identifier: Apache-2.0
 * Times and durations. A point in time is nanoseconds since 1970-01-01 UTC, a duration nanoseconds. */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t nanos;

#define MILLISECOND ((nanos)1000000)
#define SECOND (1000 * MILLISECOND)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

/* The wall clock. */
nanos clock_now(void);

/* A clock that never steps, for measuring. */
nanos clock_monotonic(void);

#define TIME_TEXT_SIZE 36
/* RFC 3339 in UTC, with the fraction of the second without trailing zeros, as Go writes it. Returns text. */
char *time_format(nanos time, char text[TIME_TEXT_SIZE]);

/* The range of times that can be formatted and parsed: the years 1900 to 2261 in UTC. */
#define TIME_FIRST ((nanos)-2208988800 * SECOND)
#define TIME_LAST ((nanos)9214646400 * SECOND - 1)

/* Parses RFC 3339 with any offset and fraction. False: invalid, or not between TIME_FIRST and TIME_LAST. */
bool time_parse(const char *text, nanos *time);

/* Parses a duration in Go's form: "300ms", "1h2m3.5s", "0", with units ns us µs ms s m h. False: invalid, negative, or
 * too large. */
bool duration_parse(const char *text, nanos *duration);

#define DURATION_TEXT_SIZE 32
/* For people: "1h2m3s", "1.5s", "300ms". Returns text. */
char *duration_format(nanos duration, char text[DURATION_TEXT_SIZE]);

#endif
