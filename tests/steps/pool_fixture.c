/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/steps/pool_fixture.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/children.h"
#include "tests/harness/limits.h"
#include "tests/steps/worker_fixture.h"

static const struct content_options content;

void steps_open(struct pool_fixture *fixture, const char *keys)
{
	steps_open_from(fixture, FIXTURES, keys);
}

static void make_steps(struct pool_fixture *fixture, const char *folder, const char *keys)
{
	char text[1024];
	struct config_fixture *config = &fixture->config;
	*fixture = (struct pool_fixture){0};
	fixture_open(config);
	snprintf(text, sizeof text,
	         "[postprocessing]\nplugin_dir = %s:%s\nsteps = wicked, other\n[step:wicked]\n%s\n[step:other]\n"
	         "module = wicked\n",
	         folder, FIXTURES, keys);
	fixture_read(config, text, ENVIRONMENT("HOME=/h"));
	assert_sound(config);
	fixture->modules = modules_create(config->config->plugin_dir, worker_fixture());
	fixture->steps = steps_create(config->config, fixture->modules, worker_fixture(), &config->problems);
}

void steps_refuse(struct pool_fixture *fixture, const char *keys, const char *problem)
{
	make_steps(fixture, FIXTURES, keys);
	assert_problem(&fixture->config, problem);
	steps_destroy(fixture->steps);
	modules_destroy(fixture->modules);
	fixture_close(&fixture->config);
}

void steps_open_from(struct pool_fixture *fixture, const char *folder, const char *keys)
{
	char path[] = "/tmp/pp-pool-XXXXXX";
	make_steps(fixture, folder, keys);
	assert_sound(&fixture->config);
	mailbox_init(&fixture->mailbox);
	fixture->log = (struct log){.fd = mkstemp(path), .level = LOG_DEBUG};
	ck_assert_int_ge(fixture->log.fd, 0);
	unlink(path);
	fixture->workers = workers_create(fixture->steps, &content, &fixture->log, &fixture->mailbox);
	ck_assert_ptr_nonnull(fixture->workers);
}

static void end_child(void *closure, pid_t child)
{
	(void)closure;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

void steps_close(struct pool_fixture *fixture)
{
	ck_assert(workers_destroy(fixture->workers, TEST_LIMIT));
	steps_destroy(fixture->steps);
	modules_destroy(fixture->modules);
	mailbox_destroy(&fixture->mailbox);
	fixture_close(&fixture->config);
	close(fixture->log.fd);
	if (fixture->forks)
		children_each(end_child, NULL);
	/* No process is left. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

unsigned steps_logged(const struct pool_fixture *fixture, const char *words)
{
	static char text[4 << 20];
	unsigned count = 0;
	ssize_t length = pread(fixture->log.fd, text, sizeof text - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	for (const char *found = text; (found = strstr(found, words)) != NULL; found++)
		count++;
	return count;
}

struct run *steps_submit_url(struct pool_fixture *fixture, size_t step, const char *filename, const char *url,
                             int64_t size)
{
	struct upload *upload =
		upload_create(&(struct upload){.id = filename, .filename = filename, .url = url, .filesize = size});
	struct run *run = run_create(upload);
	upload_release(upload);
	run->step = step;
	run->allowed = fixture->allowed != 0 ? fixture->allowed : MINUTE;
	workers_submit(fixture->workers, run);
	return run;
}

struct run *steps_submit(struct pool_fixture *fixture, size_t step, const char *filename)
{
	return steps_submit_url(fixture, step, filename, NULL, 0);
}

static struct mail *next_mail(struct pool_fixture *fixture)
{
	struct mail *mail = fixture->pending != NULL ? fixture->pending : mailbox_receive(&fixture->mailbox, TEST_LIMIT);
	ck_assert_msg(mail != NULL, "nothing comes");
	fixture->pending = mail->next;
	return mail;
}

struct run *steps_await(struct pool_fixture *fixture)
{
	for (;;) {
		struct mail *mail = next_mail(fixture);
		if (mail->kind == MAIL_RUN)
			return (struct run *)(void *)mail;
		free(mail);
	}
}

struct pool_news *steps_await_news(struct pool_fixture *fixture)
{
	struct mail *mail = next_mail(fixture);
	ck_assert_int_eq(mail->kind, MAIL_POOL);
	return (struct pool_news *)(void *)mail;
}

static void assert_unharmed(const struct run *run)
{
	ck_assert_msg(run->outcome == OUTCOME_CONTINUE && run->reason[0] == '\0' && !run->undone, "%s of step %zu: %s",
	              run->upload->id, run->step, run->reason);
}

struct run *steps_run_among_others(struct pool_fixture *fixture)
{
	struct run *bad = NULL;
	char name[32];
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "good-%u", i);
		steps_submit(fixture, 0, name);
		steps_submit(fixture, 1, name);
		if (i == 4)
			steps_submit(fixture, 0, "bad");
	}
	for (unsigned i = 0; i < 21; i++) {
		struct run *run = steps_await(fixture);
		if (strcmp(run->upload->id, "bad") == 0) {
			bad = run;
			continue;
		}
		assert_unharmed(run);
		run_free(run);
	}
	ck_assert_ptr_nonnull(bad);
	return bad;
}

void steps_run_ten(struct pool_fixture *fixture, size_t step)
{
	for (unsigned i = 0; i < 10; i++)
		steps_submit(fixture, step, "good");
	for (unsigned i = 0; i < 10; i++) {
		struct run *run = steps_await(fixture);
		assert_unharmed(run);
		run_free(run);
	}
}
