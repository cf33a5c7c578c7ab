/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/thread_run.h"

struct thread_run {
	const struct step *step;
	struct run *run;
	struct content *content;
	const struct log *log;
	nanos deadline;
	int cancel_fd;
	bool opened;
};

static ssize_t read_content(void *closure, const void **bytes)
{
	struct thread_run *own = closure;
	const struct upload *upload = own->run->upload;
	if (!own->opened) {
		content_open(own->content, upload->url, upload->filesize, own->deadline, own->cancel_fd);
		own->opened = true;
	}
	return content_read(own->content, bytes);
}

static const char *read_error(void *closure)
{
	const struct thread_run *own = closure;
	return content_error(own->content);
}

static void write_log(void *closure, enum log_level level, const char *text)
{
	const struct thread_run *own = closure;
	log_write(own->log, level, "upload %s: %s: %s", own->run->upload->id, own->step->config->name, text);
}

static bool cancelled(void *closure)
{
	const struct thread_run *own = closure;
	return atomic_load(&own->run->cancelled);
}

void thread_run(const struct step *step, struct run *run, struct content *content, int cancel_fd, const struct log *log)
{
	nanos now = clock_now();
	struct thread_run own = {.step = step,
	                         .run = run,
	                         .content = content,
	                         .log = log,
	                         .deadline = now + run->allowed,
	                         .cancel_fd = cancel_fd};
	struct run_description description;
	const struct run_services services = {.closure = &own,
	                                      .read = read_content,
	                                      .read_error = read_error,
	                                      .log = write_log,
	                                      .cancelled = cancelled,
	                                      .cancel_fd = cancel_fd};
	struct run_answer answer;
	run_describe(run, own.deadline, &description);
	description.facts.step = step->config->name;
	atomic_store(&run->started, now);
	host_run(&step->module->table, step->instance, &description.facts, &services, &answer);
	run->gone = own.opened && content_gone(content);
	if (own.opened)
		content_close(content);
	run_answer_take(run, &answer);
}
