/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/base/text.h"
#include "core/config/config_source.h"

#define NOT_NEEDED "not needed here, because "

/* What the services postprocessing and antivirus of oCIS and OpenCloud read, and this one does not. A * at the end
 * stands for any rest. */
const struct replaced replaced_variables[] = {
	{"POSTPROCESSING_WORKERS", false,
     NOT_NEEDED "one thread reads all events; [postprocessing] workers, which has no "
                "variable, sets how many uploads each step works on at a time"},
	{"POSTPROCESSING_PUBLISH_MAX_RETRIES", false, NOT_NEEDED "an event is published until the broker has stored it"},
	{"POSTPROCESSING_STORE_TTL OC_PERSISTENT_STORE_TTL OCIS_PERSISTENT_STORE_TTL POSTPROCESSING_STORE_SIZE OCIS_PERSISTENT_STORE_SIZE",
     false, NOT_NEEDED "the record of an upload is deleted when the upload is finished"},
	{"POSTPROCESSING_TRACING_* ANTIVIRUS_TRACING_* OC_TRACING_* OCIS_TRACING_*", false,
     NOT_NEEDED "no traces are sent; the trace context of an upload's event is passed on in all events about it"},
	{"POSTPROCESSING_LOG_PRETTY POSTPROCESSING_LOG_COLOR ANTIVIRUS_LOG_PRETTY ANTIVIRUS_LOG_COLOR OC_LOG_PRETTY OC_LOG_COLOR "
     "OCIS_LOG_PRETTY OCIS_LOG_COLOR",
     false, NOT_NEEDED "the log is plain text with one line per entry"},
	{"POSTPROCESSING_LOG_FILE ANTIVIRUS_LOG_FILE OC_LOG_FILE OCIS_LOG_FILE", true,
     "the log goes to standard error; have the service manager write it to a file"},
	{"POSTPROCESSING_DEBUG_PPROF POSTPROCESSING_DEBUG_ZPAGES ANTIVIRUS_DEBUG_PPROF ANTIVIRUS_DEBUG_ZPAGES", false,
     NOT_NEEDED "they apply to Go programs; this service has /metrics"},
	{"ANTIVIRUS_LOG_LEVEL", true, "use POSTPROCESSING_LOG_LEVEL: the virus scan is a step of this service"},
	{"ANTIVIRUS_DEBUG_ADDR", true, "use POSTPROCESSING_DEBUG_ADDR: the virus scan is a step of this service"},
	{"ANTIVIRUS_DEBUG_TOKEN", true, "use POSTPROCESSING_DEBUG_TOKEN: the virus scan is a step of this service"},
	{"ANTIVIRUS_EVENTS_CLUSTER", false, NOT_NEEDED "current brokers have no cluster ID"},
	{"ANTIVIRUS_EVENTS_*", true,
     "use POSTPROCESSING_EVENTS_* (or OC_EVENTS_*, OCIS_EVENTS_*): the virus scan is a "
     "step of this service, which uses a single connection for events"},
	{"ANTIVIRUS_ICAP_TIMEOUT", true, "use ANTIVIRUS_ICAP_SCAN_TIMEOUT, a duration such as 5m"},
	{"ANTIVIRUS_PRIORITY_* ANTIVIRUS_HIGH_PRIORITY_RESERVED_WORKERS", false,
     NOT_NEEDED "uploads that wait for a worker take turns by space and user"},
	{"ANTIVIRUS_QUEUE_*", false, NOT_NEEDED "the virus scan has no job queue of its own"},
	{NULL, false, NULL},
};

/* Whether the variable is one of the names or patterns, which are separated by spaces. */
static bool is_among(const char *names, const char *variable)
{
	size_t wanted = strlen(variable);
	size_t length;
	for (const char *name; (name = text_next_word(&names, &length)) != NULL;) {
		bool open = name[length - 1] == '*';
		if (open ? wanted >= length - 1 && strncmp(name, variable, length - 1) == 0
		         : wanted == length && strncmp(name, variable, length) == 0)
			return true;
	}
	return false;
}

const struct replaced *replaced_find(const char *variable)
{
	for (const struct replaced *entry = replaced_variables; entry->names != NULL; entry++)
		if (is_among(entry->names, variable))
			return entry;
	return NULL;
}
