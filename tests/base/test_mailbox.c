/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/base/mailbox.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

#define SENDERS 8
#define MAILS 5000

struct numbered {
	struct mail mail;
	unsigned sender, number;
};

struct sender {
	struct mailbox *mailbox;
	unsigned number;
	struct numbered mails[MAILS];
};

static void *send_all(void *closure)
{
	struct sender *sender = closure;
	for (unsigned i = 0; i < MAILS; i++) {
		sender->mails[i] = (struct numbered){.mail.kind = MAIL_RUN, .sender = sender->number, .number = i};
		mailbox_send(sender->mailbox, &sender->mails[i].mail);
	}
	return NULL;
}

/* The mails of each sender arrive in order. None is lost, and none arrives twice. */
START_TEST(many_senders)
{
	struct mailbox mailbox;
	pthread_t thread[SENDERS];
	unsigned next[SENDERS] = {0}, total = 0;
	struct sender *senders = calloc(SENDERS, sizeof *senders);
	ck_assert(senders != NULL);
	mailbox_init(&mailbox);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i].mailbox = &mailbox;
		senders[i].number = i;
		ck_assert_int_eq(pthread_create(&thread[i], NULL, send_all, &senders[i]), 0);
	}
	while (total < SENDERS * MAILS) {
		struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
		ck_assert_msg(mail != NULL, "%u mails came", total);
		for (; mail != NULL; mail = mail->next, total++) {
			const struct numbered *numbered = (const struct numbered *)(const void *)mail;
			ck_assert_uint_eq(numbered->number, next[numbered->sender]++);
		}
	}
	for (unsigned i = 0; i < SENDERS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_ptr_null(mailbox_receive(&mailbox, 0));
	mailbox_destroy(&mailbox);
	free(senders);
}
END_TEST

static void *send_last(void *closure)
{
	static struct mail last = {.kind = MAIL_STOP};
	mailbox_send(closure, &last);
	return NULL;
}

/* The receiver destroys the mailbox as soon as it has the last mail, while its sender is still inside. */
START_TEST(destroyed_after_the_last_mail)
{
	for (int round = 0; round < 500; round++) {
		struct mailbox *mailbox = malloc(sizeof *mailbox);
		pthread_t thread;
		ck_assert(mailbox != NULL);
		mailbox_init(mailbox);
		ck_assert_int_eq(pthread_create(&thread, NULL, send_last, mailbox), 0);
		struct mail *mail = mailbox_receive(mailbox, TEST_LIMIT);
		ck_assert(mail != NULL && mail->kind == MAIL_STOP && mail->next == NULL);
		mailbox_destroy(mailbox);
		free(mailbox);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
}
END_TEST

/* Linked mails come together, in their order, behind those that were sent before. */
START_TEST(many_at_once)
{
	struct mailbox mailbox;
	struct mail mails[4] = {0};
	mailbox_init(&mailbox);
	mailbox_send(&mailbox, &mails[0]);
	mails[1].next = &mails[2];
	mailbox_send_all(&mailbox, &mails[1], &mails[2]);
	mailbox_send(&mailbox, &mails[3]);
	const struct mail *mail = mailbox_receive(&mailbox, 0);
	for (size_t i = 0; i < 4; i++, mail = mail->next)
		ck_assert_ptr_eq(mail, &mails[i]);
	ck_assert_ptr_null(mail);
	mailbox_destroy(&mailbox);
}
END_TEST

START_TEST(timeout_ends)
{
	struct mailbox mailbox;
	mailbox_init(&mailbox);
	nanos begun = clock_monotonic();
	ck_assert_ptr_null(mailbox_receive(&mailbox, 20 * MILLISECOND));
	ck_assert_int_ge(clock_monotonic() - begun, 20 * MILLISECOND);
	ck_assert_ptr_null(mailbox_receive(&mailbox, 0));
	ck_assert_ptr_null(mailbox_receive(&mailbox, -SECOND));
	struct mail mail = {.kind = MAIL_STOP};
	mailbox_send(&mailbox, &mail);
	ck_assert_ptr_eq(mailbox_receive(&mailbox, -SECOND), &mail);
	mailbox_destroy(&mailbox);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {many_senders, many_at_once, destroyed_after_the_last_mail, timeout_ends};
	return suite_run("mailbox", tests, sizeof tests / sizeof tests[0], 60);
}
