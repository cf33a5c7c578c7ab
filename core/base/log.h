/* SPDX-License-Identifier: Apache-2.0
 * The service's log: one line per message on a descriptor, "TIME LEVEL message". Control characters and the like are
 * escaped (printable.h), so that a file name cannot forge a line. Messages longer than about 2000 bytes are truncated
 * and end with "...". Callers never pass secrets (transfer URLs, tokens, passwords). All functions may be called from
 * any thread. */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log {
	int fd;
	_Atomic enum log_level level; /* messages of a higher level are dropped; may be changed at any time */
};

void log_write(const struct log *log, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(log, ...) log_write((log), LOG_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_write((log), LOG_WARNING, __VA_ARGS__)
#define log_info(log, ...) log_write((log), LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_write((log), LOG_DEBUG, __VA_ARGS__)

#endif
