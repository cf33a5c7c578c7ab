/* SPDX-License-Identifier: Apache-2.0
 * The service's log: one line per message on a descriptor, "TIME LEVEL message". What a
 * terminal could take for more than text is escaped (printable.h), so that a file name cannot forge a line; what is longer than
 * some 2000 bytes is cut, and ends with "...". Callers never pass what grants access
 * (transfer URLs, tokens, passwords). Safe to call from any thread. */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include <stdarg.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log {
	int fd;
	enum log_level level; /* messages above it are dropped */
};

void log_write(const struct log *log, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));
void log_vwrite(const struct log *log, enum log_level level, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

#define log_error(log, ...) log_write((log), LOG_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_write((log), LOG_WARNING, __VA_ARGS__)
#define log_info(log, ...) log_write((log), LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_write((log), LOG_DEBUG, __VA_ARGS__)

#endif
