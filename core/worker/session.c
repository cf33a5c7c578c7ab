/* SPDX-License-Identifier: Apache-2.0 */
#include "core/worker/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/worker/incoming.h"
#include "core/worker/offspring.h"

/* As much as FACT_REASON_SIZE of the service, and more than anybody reads. */
#define WHY_SIZE 512

struct session {
	const struct pp_step_module *module;
	const struct start_message *start;
	struct pp_setup setup; /* the instance's to read as long as it lives, and so is what it points to: */
	struct setup_value *values;
	char *strings;
	void *instance;
	struct channel_buffer *buffer;
	struct text packet;   /* to send */
	struct report report; /* not sent yet */
	nanos reported;       /* when the last one was sent, or the run began, … */
	nanos progressed;     /* … and when the last one was sent; monotonic */
	int tasks;            /* the folder of this process' threads; its number of links counts them */
	nlink_t idle_tasks;   /* after create() */
	bool broken;
};

static void send_packet(struct session *session)
{
	if (!channel_send(WORKER_CONTROL, &session->packet, NULL, 0, -1, true))
		session->broken = true;
}

static nlink_t count_tasks(const struct session *session)
{
	struct stat status;
	return session->tasks >= 0 && fstat(session->tasks, &status) == 0 ? status.st_nlink : 0;
}

/* The run has left temporary files, which the next one must not see. */
static bool has_files(const struct session *session)
{
	const struct dirent *entry;
	DIR *folder = session->start->scratch != NULL ? opendir(session->start->scratch) : NULL;
	bool found = session->start->scratch != NULL && folder == NULL;
	while (folder != NULL && !found && (entry = readdir(folder)) != NULL)
		found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	if (folder != NULL)
		closedir(folder);
	return found;
}

static void reject(void *closure, const char *key, const char *text)
{
	struct session *session = closure;
	rejected_encode(&session->packet, key, text);
	send_packet(session);
}

/* `run`: the run's number; 0: create() or check() says it. */
static void send_log(struct session *session, uint64_t run, enum log_level level, const char *text)
{
	if (level > session->start->level)
		return;
	log_encode(&session->packet, run, level, text);
	send_packet(session);
}

static void log_setup(void *closure, enum log_level level, const char *text)
{
	send_log(closure, 0, level, text);
}

/* The setup's strings are the instance's to keep, so the packet is copied. False: not created. */
static bool create(struct session *session, struct packet *packet, const char *missing)
{
	struct pp_setup *setup = &session->setup;
	size_t length = (size_t)(packet->end - packet->at);
	session->strings = alloc_bytes(length + 1);
	memcpy(session->strings, packet->at, length);
	packet->at = session->strings;
	packet->end = session->strings + length;
	if (!setup_decode(packet, setup, &session->values))
		return false;
	setup->reject = reject;
	setup->log = log_setup;
	setup->closure = setup->log_closure = session;
	if (session->module->create(&host_services, setup, &session->instance) != 0) {
		text_encode(&session->packet, MESSAGE_FAILED, "");
		send_packet(session);
		return false;
	}
	session->tasks = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	session->idle_tasks = count_tasks(session);
	text_encode(&session->packet, MESSAGE_CREATED, missing);
	send_packet(session);
	return true;
}

/* The least time between two reports. */
#define REPORT_INTERVAL SECOND

static void send_report(struct session *session, uint64_t run)
{
	report_encode(&session->packet, MESSAGE_REPORT, run, &session->report);
	send_packet(session);
	session->report = (struct report){0};
	session->reported = session->progressed = clock_monotonic();
}

/* Sends what was reported, if it is time. Metrics of a short run go along with its end. */
static void flush_report(struct session *session, uint64_t run)
{
	const struct report *report = &session->report;
	if (!report->has_progress && report->metrics == 0)
		return;
	nanos since = report->has_progress ? session->progressed : session->reported;
	if (since == 0 || clock_monotonic() - since >= REPORT_INTERVAL)
		send_report(session, run);
}

/* One run, or a check. */
struct active_run {
	struct session *session;
	uint64_t number; /* 0: a check */
	struct incoming incoming;
};

static ssize_t read_bytes(void *closure, const void **bytes)
{
	struct active_run *active = closure;
	flush_report(active->session, active->number);
	return incoming_read(&active->incoming, bytes);
}

static const char *read_error(void *closure)
{
	const struct active_run *active = closure;
	return incoming_error(&active->incoming);
}

static int rewind_bytes(void *closure)
{
	struct active_run *active = closure;
	return incoming_rewind(&active->incoming);
}

static int content_fd(void *closure)
{
	struct active_run *active = closure;
	return incoming_file(&active->incoming);
}

static const char *content_sha256(void *closure)
{
	struct active_run *active = closure;
	return incoming_digest(&active->incoming);
}

static int quarantine(void *closure, const char *verdict, const char *details, const char *reason)
{
	struct active_run *active = closure;
	struct run_words words;
	run_words_set(&words, verdict, details, reason);
	return incoming_quarantine(&active->incoming, &words);
}

static char *cache_get(void *closure, unsigned number, const char *key)
{
	struct active_run *active = closure;
	struct session *session = active->session;
	cache_encode(&session->packet, MESSAGE_CACHE_GET, active->number, &(struct cache_message){number, key, NULL});
	send_packet(session);
	return session->broken ? NULL : incoming_cached(&active->incoming, number, clock_monotonic() + CACHE_TIMEOUT);
}

static void cache_put(void *closure, unsigned number, const char *key, const char *text)
{
	struct active_run *active = closure;
	struct session *session = active->session;
	cache_encode(&session->packet, MESSAGE_CACHE_PUT, active->number, &(struct cache_message){number, key, text});
	send_packet(session);
}

static void write_log(void *closure, enum log_level level, const char *text)
{
	const struct active_run *active = closure;
	flush_report(active->session, active->number);
	send_log(active->session, active->number, level, text);
}

static void report_done(void *closure, int64_t done, int64_t total)
{
	const struct active_run *active = closure;
	report_progress(&active->session->report, done, total);
	flush_report(active->session, active->number);
}

static bool count_metric(void *closure, const char *name, uint64_t by)
{
	const struct active_run *active = closure;
	bool room = report_count(&active->session->report, name, by);
	flush_report(active->session, active->number);
	return room;
}

static bool set_metric(void *closure, const char *name, double value)
{
	const struct active_run *active = closure;
	bool room = report_gauge(&active->session->report, name, value);
	flush_report(active->session, active->number);
	return room;
}

static bool cancelled(void *closure)
{
	const struct active_run *active = closure;
	struct pollfd cancel = {.fd = WORKER_CANCEL, .events = POLLIN};
	flush_report(active->session, active->number);
	return poll(&cancel, 1, 0) > 0;
}

static void run(struct session *session, struct packet *packet)
{
	struct run_message message;
	struct run_done done;
	struct active_run active = {.session = session, .number = packet->run};
	if (!run_decode(packet, &message)) {
		session->broken = true;
		return;
	}
	message.facts.step = session->start->step;
	const struct run_services services = {.closure = &active,
	                                      .read = read_bytes,
	                                      .read_error = read_error,
	                                      .rewind = rewind_bytes,
	                                      .content_fd = content_fd,
	                                      .content_sha256 = content_sha256,
	                                      .quarantine = quarantine,
	                                      .cache_get = cache_get,
	                                      .cache_put = cache_put,
	                                      .log = write_log,
	                                      .progress = report_done,
	                                      .count = count_metric,
	                                      .gauge = set_metric,
	                                      .cancelled = cancelled,
	                                      .cancel_fd = WORKER_CANCEL};
	session->reported = clock_monotonic();
	incoming_init(&active.incoming, packet->run, &message);
	host_run(session->module, session->instance, &message.facts, &services, &done.answer);
	if ((session->start->grants & GRANT_EXEC) != 0)
		offspring_end();
	done.read = active.incoming.read;
	done.crowded = has_files(session) || count_tasks(session) > session->idle_tasks;
	incoming_free(&active.incoming);
	done.report = session->report;
	session->report = (struct report){0};
	done_encode(&session->packet, active.number, &done);
	run_answer_clear(&done.answer);
	send_packet(session);
}

static void check(struct session *session, struct packet *packet)
{
	static const char end[] = "the end of why";
	struct {
		char text[WHY_SIZE], end[sizeof end];
	} why;
	nanos deadline;
	struct active_run active = {.session = session};
	if (!check_decode(packet, &deadline)) {
		session->broken = true;
		return;
	}
	const struct run_services services = {.closure = &active,
	                                      .log = write_log,
	                                      .count = count_metric,
	                                      .gauge = set_metric,
	                                      .cancelled = cancelled,
	                                      .cancel_fd = WORKER_CANCEL};
	session->reported = clock_monotonic();
	memcpy(why.end, end, sizeof end);
	bool passed = host_check(session->module, session->instance, session->start->step, &services, deadline, why.text,
	                         sizeof why.text);
	if (memcmp(why.end, end, sizeof end) != 0) {
		fputs("check() has written beyond the end of why[size]\n", stderr);
		abort();
	}
	if ((session->start->grants & GRANT_EXEC) != 0)
		offspring_end();
	if (session->report.metrics > 0)
		send_report(session, 0);
	checked_encode(&session->packet, passed, why.text);
	send_packet(session);
}

/* Handles one packet. False: the session is over. */
static bool handle(struct session *session, struct packet *packet)
{
	switch (packet->kind) {
	case MESSAGE_RUN:
		run(session, packet);
		return !session->broken;
	case MESSAGE_CHECK:
		check(session, packet);
		return !session->broken;
	case MESSAGE_BYTES:
	case MESSAGE_END:
	case MESSAGE_CACHED:
	case MESSAGE_COPIED:
		/* For a run that has ended before they came. */
		return true;
	default:
		return false;
	}
}

int session_serve(const struct pp_step_module *module, const struct start_message *start, const char *missing,
                  struct channel_buffer *buffer)
{
	struct session session = {.module = module, .start = start, .buffer = buffer, .tasks = -1};
	struct packet packet;
	int descriptor;
	enum received received = channel_receive(WORKER_CONTROL, buffer, &packet, &descriptor, true);
	if (received != RECEIVED_PACKET || packet.kind != MESSAGE_SETUP || !create(&session, &packet, missing))
		return received == RECEIVED_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
	do {
		if (descriptor >= 0)
			close(descriptor);
		received = channel_receive(WORKER_CONTROL, buffer, &packet, &descriptor, true);
	} while (received == RECEIVED_PACKET && handle(&session, &packet));
	if (received == RECEIVED_CLOSED)
		module->destroy(session.instance);
	free(session.values);
	free(session.strings);
	text_free(&session.packet);
	return received == RECEIVED_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
}
