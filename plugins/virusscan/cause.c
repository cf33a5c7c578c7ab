/* SPDX-License-Identifier: Apache-2.0 */
#include "cause.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MILLISECOND_NANOS INT64_C(1000000)

void cause_set(struct cause *cause, const char *prefix, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(cause->brief, sizeof cause->brief, format, arguments);
	va_end(arguments);
	snprintf(cause->text, sizeof cause->text, "%s%.*s", prefix, (int)sizeof cause->brief - 1, cause->brief);
	cause->hint = NULL;
}

void cause_wrap(struct cause *cause, const char *prefix, const char *hint)
{
	char text[CAUSE_TEXT_SIZE];
	bool adds = hint != NULL && hint[0] != '\0' && cause->hint == NULL;
	memcpy(text, cause->text, sizeof text);
	snprintf(cause->text, sizeof cause->text, "%s%.500s", prefix, text);
	size_t used = strlen(cause->text);
	if (adds)
		snprintf(cause->text + used, sizeof cause->text - used, "; %s", hint);
	if (cause->hint == NULL)
		cause->hint = hint;
}

const char *format_span(int64_t nanoseconds, char text[SPAN_SIZE])
{
	int64_t milliseconds = nanoseconds > 0 ? nanoseconds / MILLISECOND_NANOS : 0;
	if (milliseconds < 950)
		snprintf(text, SPAN_SIZE, "%lld ms", (long long)milliseconds);
	else
		snprintf(text, SPAN_SIZE, "%lld s", (long long)((milliseconds + 500) / 1000));
	return text;
}

const char *format_error(int number, char text[ERROR_TEXT_SIZE])
{
	char room[4096];
	struct passwd entry, *user = NULL;
	if (number != EACCES)
		snprintf(text, ERROR_TEXT_SIZE, "%s", strerror(number));
	else if (getpwuid_r(geteuid(), &entry, room, sizeof room, &user) == 0 && user != NULL)
		snprintf(text, ERROR_TEXT_SIZE, "%s (as user %.64s)", strerror(number), user->pw_name);
	else
		snprintf(text, ERROR_TEXT_SIZE, "%s (as user %u)", strerror(number), (unsigned)geteuid());
	return text;
}
