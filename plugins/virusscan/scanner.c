/* SPDX-License-Identifier: Apache-2.0 */
#include "scanner.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum finding report_set(struct report *report, enum finding finding, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(report->text, sizeof report->text, format, arguments);
	va_end(arguments);
	return report->finding = finding;
}

enum finding report_none(struct report *report, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(report->text, sizeof report->text, format, arguments);
	va_end(arguments);
	return report->finding = FINDING_NONE;
}

enum finding finding_of_name(const char *name)
{
	static const struct {
		const char *begin;
		enum finding finding;
	} names[] = {{"Heuristics.Encrypted.", FINDING_ENCRYPTED},
	             {"Heuristics.Limits.Exceeded", FINDING_PARTIAL},
	             {"Heuristics.Broken.", FINDING_UNSCANNABLE},
	             {"Heuristics.", FINDING_SUSPICIOUS}};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strncmp(name, names[i].begin, strlen(names[i].begin)) == 0)
			return names[i].finding;
	return FINDING_INFECTED;
}
